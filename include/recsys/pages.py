"""Pages that need nothing but a browser: HTML with its styles and charts."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_templates(module: str) -> Environment:
    """Return the templates beside a module, whose `__file__` it is.

    What they show is escaped, an unknown name is an error, and they may write a number with its
    thousands apart (`number`) and a share as a percentage (`percent`).
    """
    templates = Environment(
        loader=FileSystemLoader(Path(module).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["number"] = lambda value: f"{value:,}"
    templates.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    return templates

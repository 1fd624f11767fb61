"""The command line that all jobs share."""

import argparse
from collections.abc import Callable, Sequence
from datetime import date


def parse(
    argv: Sequence[str] | None,
    *,
    name: str,
    description: str | None,
    add_arguments: Callable[[argparse.ArgumentParser], None] | None,
) -> argparse.Namespace:
    """Return what a job was told; `add_arguments` adds flags of its own.

    Raises:
        SystemExit: --help, or a flag that is unknown, missing or wrong.
    """
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument(
        "--run-date", type=_date, required=True, metavar="YYYY-MM-DD",
        help="data before this day are used; recommendations are for this day onward",
    )  # fmt: skip
    parser.add_argument(
        "--env", help="configuration conf/<env>.yaml (default: $RECSYS_ENV or base)"
    )
    parser.add_argument("--data", help="folder in the Kaggle layout")
    parser.add_argument("--lake", help="folder or address of the lake")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="change one setting, such as model.epochs=20; may be repeated",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="run even where the output is current")
    parser.add_argument("--report", help="write a JSON report here, relative to the lake")
    parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"]
    )
    if add_arguments is not None:
        add_arguments(parser)
    return parser.parse_args(argv)


def overrides(args: argparse.Namespace) -> list[str]:
    """Return the settings that flags change, each as `key=value`."""
    named = [f"{key}={value}" for key in ("data", "lake") if (value := getattr(args, key))]
    return named + list(args.overrides)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day must read YYYY-MM-DD. Got {text!r}") from error

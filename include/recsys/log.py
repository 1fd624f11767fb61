"""One log format for every job: a start line, an end line, and progress in between."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: str = "INFO") -> None:
    """Send the platform's log lines to standard error; other libraries' from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT, datefmt="%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("recsys").setLevel(level)


def get_logger(name: str) -> logging.Logger:
    """Return the logger `recsys.<name>`."""
    return logging.getLogger(name if name.startswith("recsys") else f"recsys.{name}")


def fields(**values: object) -> str:
    """Return `key=value` pairs for a log line, in the order given."""
    return " ".join(f"{key}={value}" for key, value in values.items())

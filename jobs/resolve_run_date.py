"""Print the run date that uses all of a data folder: the day after its last transaction.

Rows whose day cannot be read, or is after today, do not count. The day is the last line printed.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from recsys import log
from recsys.cleaning.raw import latest_day
from recsys.config import load_config
from recsys.errors import RecsysError


def main(argv: Sequence[str] | None = None) -> int:
    """Print the run date and return 0, or say in one sentence why there is none."""
    parser = argparse.ArgumentParser(prog="resolve_run_date", description=__doc__)
    parser.add_argument("--data", help="folder in the Kaggle layout (default: $RECSYS_DATA)")
    args = parser.parse_args(argv)
    log.configure()
    try:
        run_date = latest_day(args.data or load_config().data) + timedelta(days=1)
    except RecsysError as error:
        log.get_logger("resolve_run_date").error("%s", error)
        return error.exit_code
    sys.stdout.write(f"{run_date.isoformat()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

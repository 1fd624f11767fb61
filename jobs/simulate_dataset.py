"""Write an H&M-shaped data set in the Kaggle layout: articles, customers, transactions, images.

The same sizes and seed give the same bytes. A folder that already holds what is asked for is left
as it is.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from recsys import log
from recsys.errors import RecsysError
from recsys.simulate.plan import Request
from recsys.simulate.write import simulate


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line; return 0, or the error's exit code."""
    args = _parse(argv)
    log.configure(args.log_level)
    logger = log.get_logger("simulate_dataset")
    started = time.monotonic()
    try:
        request = Request(
            customers=args.customers,
            articles=args.articles,
            transactions=args.transactions,
            images=args.images,
            seed=args.seed,
            end_date=args.end_date,
            days=args.days,
        )
        logger.info("start %s", log.fields(out=args.out, **request.as_json()))
        is_written = simulate(request, args.out, force=args.force)
    except RecsysError as error:
        logger.error("%s", error)
        return error.exit_code
    status = "written" if is_written else "unchanged"
    seconds = round(time.monotonic() - started, 3)
    logger.info("end %s", log.fields(status=status, seconds=seconds))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate_dataset", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    for name in ("customers", "articles", "transactions", "images", "seed", "days"):
        default = getattr(Request, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument(
        "--end-date", type=_date, default=Request.end_date, metavar="YYYY-MM-DD",
        help=f"last day with transactions, default {Request.end_date}",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="replace a folder that was not simulated, or redo one"
    )
    parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"]
    )
    return parser.parse_args(argv)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a day must read YYYY-MM-DD. Got {text!r}") from error


if __name__ == "__main__":
    sys.exit(main())

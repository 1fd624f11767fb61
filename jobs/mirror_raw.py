"""Mirror raw files and images from a bucket into a folder: in parallel, checked, and only once.

A run that was stopped goes on where it was; an object that did not change is not read again.
Credentials and the region come from where boto3 looks for them, such as AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_PROFILE.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from recsys import log
from recsys.errors import RecsysError
from recsys.mirror.bucket import Bucket
from recsys.mirror.run import mirror


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from its command line; return 0, or the error's exit code."""
    args = _parse(argv)
    log.configure(args.log_level)
    logger = log.get_logger("mirror_raw")
    started = time.monotonic()
    try:
        bucket = Bucket(args.source, endpoint_url=args.endpoint_url, workers=args.workers)
        logger.info(
            "start %s", log.fields(source=bucket.address, to=args.to, endpoint=bucket.endpoint)
        )
        outcome = mirror(bucket, args.to, workers=args.workers, delete=args.delete, logger=logger)
    except RecsysError as error:
        logger.error("%s", error)
        return error.exit_code
    status = "written" if outcome.fetched or outcome.removed else "unchanged"
    seconds = round(time.monotonic() - started, 3)
    logger.info("end %s", log.fields(status=status, seconds=seconds, **asdict(outcome)))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mirror_raw", description=__doc__)
    parser.add_argument(
        "--from", required=True, dest="source", metavar="s3://BUCKET/PREFIX",
        help="what to mirror; the prefix is a folder",
    )  # fmt: skip
    parser.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="where it goes")
    parser.add_argument(
        "--endpoint-url", metavar="URL",
        help="of a store that is not Amazon's (default: $AWS_ENDPOINT_URL)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=_positive, default=8, help="objects at the same time (default: 8)"
    )
    parser.add_argument(
        "--delete", action="store_true",
        help="remove files that an earlier run brought and that are not in the bucket any more",
    )  # fmt: skip
    parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"]
    )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0. Got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

"""The command line of the stack; every bad word is one sentence. Standard library only."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from recsys.errors import ConfigError
from recsys.paths import ARTICLES_CSV, CUSTOMERS_CSV, TRANSACTIONS_CSV

REPOSITORY = Path(__file__).resolve().parents[2]

#: The purchase policies; the same as in `recsys.config`, which needs packages.
POLICIES = ("all", "last_n_days", "none")
MAX_K = 100


class Arguments(argparse.Namespace):
    """What the user asked for."""

    command: str
    data: str | None = None
    policy: str | None = None
    k: int | None = None
    out: Path | None = None
    version: str = ""
    dev: bool = False


def state_folder() -> Path:
    """Return where this checkout keeps everything: $RECSYS_STATE, or its own `.recsys`."""
    return Path(os.environ.get("RECSYS_STATE") or REPOSITORY / ".recsys").expanduser().resolve()


def parse(argv: Sequence[str]) -> Arguments:
    """Return the command line as checked values.

    Raises:
        ConfigError: a word that is unknown or a value that cannot be.
    """
    return _parser().parse_args(argv, namespace=Arguments())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # "argument --k: K must be ..." already names the variable.
        raise ConfigError(re.sub(r"^argument --?[\w-]+: ", "", message))


def _parser() -> _Parser:
    parser = _Parser(prog="stack", description="The embedded stack on one machine.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    run = commands.add_parser("run", help="the main job: files in, recommendations out")
    run.add_argument("--data", type=_data)
    _add_choices(run)
    for name, what in (
        ("up", "start Postgres and Airflow"),
        ("down", "stop them; data are kept"),
        ("status", "say what runs, and where"),
        ("psql", "open psql on the recommendations"),
        ("clean", "stop, and delete everything but the simulated or given data"),
    ):
        commands.add_parser(name, help=what)
    export = commands.add_parser("export", help="write the active run to a CSV file")
    export.add_argument("--out", type=_out, required=True)
    _add_choices(export)
    promote = commands.add_parser("promote", help="make a model version the champion")
    promote.add_argument("--version", type=_version, required=True)
    install = commands.add_parser("install", help="install packages and stop")
    install.add_argument("--dev", action="store_true")
    return parser


def _add_choices(parser: _Parser) -> None:
    parser.add_argument("--policy", type=_policy)
    parser.add_argument("--k", type=_k)


def _policy(text: str) -> str:
    if text not in POLICIES:
        raise argparse.ArgumentTypeError(f"POLICY must be one of {', '.join(POLICIES)}. Got {text}")
    return text


def _version(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("VERSION must be one of recs.model_versions. Got nothing")
    return text


def _k(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_K:
        raise argparse.ArgumentTypeError(f"K must be a number from 1 to {MAX_K}. Got {text}")
    return int(text)


def _data(text: str) -> str:
    """Return a data folder's absolute path; an address with a scheme is left to the jobs."""
    if "://" in text:
        return text
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"DATA must be a folder, and there is no {folder}")
    wanted = (ARTICLES_CSV, CUSTOMERS_CSV, TRANSACTIONS_CSV)
    if missing := [name for name in wanted if not (folder / name).is_file()]:
        raise argparse.ArgumentTypeError(f"DATA={folder} lacks {', '.join(missing)}")
    return str(folder)


def _out(text: str) -> Path:
    file = Path(text).expanduser().resolve()
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"OUT must be a file in a folder that exists. Got {file}")
    return file

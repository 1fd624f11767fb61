"""The serving database by hand: its schema, its runs, its champion, an export.

The database is the one that RECSYS_DATABASE_URL names.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from recsys import log
from recsys.config import Policy
from recsys.errors import RecsysError
from recsys.serving import versions
from recsys.serving.export import export
from recsys.serving.migrate import migrate, require_current
from recsys.serving.postgres import database_url, session, transaction


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, 0 or that of the error shown."""
    args = _parse(argv)
    log.configure()
    try:
        print(args.command(args))
    except RecsysError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recsys.serving", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("migrate", help="bring the schema up to date; safe to repeat")
    command.set_defaults(command=_migrate)

    command = commands.add_parser("status", help="show the active run, the others and the models")
    command.set_defaults(command=_status)

    command = commands.add_parser("export", help="write the active run as CSV")
    command.add_argument("--out", type=Path, required=True, help="the file; .gz compresses it")
    command.add_argument(
        "--policy", choices=get_args(Policy), help="refuse a run that was made with another policy"
    )
    command.add_argument("--k", type=int, help="ranks to write (default: all)")
    command.set_defaults(command=_export)

    command = commands.add_parser("rollback", help="show an earlier run again")
    command.add_argument("--run", type=int, help="its run_id (default: the one before the active)")
    command.set_defaults(command=_rollback)

    command = commands.add_parser("promote", help="make a model version its source's champion")
    command.add_argument("version", help="a version of recs.model_versions")
    command.set_defaults(command=_promote)
    return parser.parse_args(argv)


def _migrate(_: argparse.Namespace) -> str:
    applied = migrate(database_url())
    return f"applied {', '.join(applied)}" if applied else "the schema is up to date"


def _status(_: argparse.Namespace) -> str:
    with session(database_url(), name="recsys status") as connection:
        require_current(connection)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT run_id, state, run_date, model_version, policy, k, customers,"
                " to_char(published_at, 'YYYY-MM-DD HH24:MI'), explanation FROM recs.runs"
                " ORDER BY run_id DESC LIMIT 10"
            )
            runs = cursor.fetchall()
            cursor.execute("SELECT run_id, date_trunc('second', age), is_late FROM recs.freshness")
            row = cursor.fetchone()
            cursor.execute(
                "SELECT version, state, source, reason FROM recs.model_versions"
                " ORDER BY registered_at DESC LIMIT 10"
            )
            models = cursor.fetchall()
    assert row is not None
    lateness = "late" if row[2] else "on time"
    headline = "no run is active" if row[0] is None else f"run {row[0]}, {row[1]} old, {lateness}"
    titles = ("run", "state", "run date", "model", "policy", "k", "customers", "published", "note")
    return "\n".join(
        [headline, "", *_table(titles, runs), "", *_table(("model", "state", "of", "why"), models)]
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [list(titles)] + [["" if v is None else str(v) for v in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _export(args: argparse.Namespace) -> str:
    run, rows = export(database_url(), args.out, policy=args.policy, k=args.k)
    return f"{args.out}: {rows:,} rows of run {run.run_id} ({run.run_date}, policy {run.policy})"


def _rollback(args: argparse.Namespace) -> str:
    call, values = (
        ("recs.rollback()", ()) if args.run is None else ("recs.activate(%s)", (args.run,))
    )
    with session(database_url(), name="recsys rollback") as connection:
        require_current(connection)
        with transaction(connection) as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            cursor.execute(f"SELECT {call}", values)
            row = cursor.fetchone()
    assert row is not None
    return f"run {row[0]} is active"


def _promote(args: argparse.Namespace) -> str:
    versions.promote(database_url(), args.version)
    return f"{args.version} is champion"


if __name__ == "__main__":
    sys.exit(main())

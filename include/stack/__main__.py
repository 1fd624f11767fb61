"""`python -m stack <command>`: what the Makefile's targets do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

import psycopg2
from psycopg2.extensions import parse_dsn
from rich.console import Console

from recsys.config import REPOSITORY
from recsys.errors import RecsysError
from stack.arguments import Arguments, parse
from stack.core import Stack
from stack.credentials import write_private
from stack.environment import ADMIN, simulated_data
from stack.postgres import binaries
from stack.progress import activity
from stack.run import run

#: libpq's variables for the parts of an address: a password never shows in a process list.
LIBPQ = {"user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def up_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Start the stack."""
    with activity(console, "Starting the stack") as say:
        stack.up(say)
    return status_command(stack, arguments, console)


def down_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Stop the stack."""
    with activity(console, "Stopping the stack"):
        stack.down()
    return 0


def status_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Say what runs; 1 if only a part of it does."""
    status = stack.status()
    for service, pid in status.services.items():
        console.print(f"{service:<14} {f'running (pid {pid})' if pid else 'stopped'}")
    if status.is_up:
        print_addresses(stack, console)
    elif not status.is_down:
        console.print(f"Airflow says: {dict(status.health) or 'nothing'}")
    return 0 if status.is_up or status.is_down else 1


def run_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Do the main job."""
    try:
        run(stack, arguments, console)
    except KeyboardInterrupt:
        console.print("No longer watching. The run goes on in Airflow; `make down` ends it.")
        return 130
    print_addresses(stack, console)
    return 0


def psql_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Become psql, as the reader."""
    stack.require_up()
    psql = str(binaries() / "psql")
    os.execve(psql, [psql], os.environ | libpq_environment(stack.reader_url))


def export_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Write the active run to a CSV file."""
    stack.require_up()
    chosen = {"--policy": arguments.policy, "--k": arguments.k}
    flags = [str(part) for pair in chosen.items() if pair[1] is not None for part in pair]
    return subprocess.run(
        [sys.executable, "-m", "recsys.serving", "export", "--out", str(arguments.out), *flags],
        env=os.environ | {"RECSYS_DATABASE_URL": stack.reader_url},
        cwd=REPOSITORY, check=False,
    ).returncode  # fmt: skip


def promote_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Make a model version the champion, such as to roll back to an earlier one."""
    stack.require_up()
    return subprocess.run(
        [sys.executable, "-m", "recsys.serving", "promote", arguments.version],
        env=os.environ | {"RECSYS_DATABASE_URL": stack.loader_url},
        cwd=REPOSITORY, check=False,
    ).returncode  # fmt: skip


def clean_command(stack: Stack, arguments: Arguments, console: Console) -> int:
    """Stop the stack and delete what it made; other files in its folder are left."""
    stack.down()
    for name in ("airflow", "postgres", "lake", "logs", "run", "java"):
        shutil.rmtree(stack.state / name, ignore_errors=True)
    shutil.rmtree(simulated_data(stack.state), ignore_errors=True)
    for name in ("pgpass", "lock", "secrets.json"):
        (stack.state / name).unlink(missing_ok=True)
    console.print(f"Deleted what the stack kept in {stack.state}")
    return 0


def print_addresses(stack: Stack, console: Console) -> None:
    """Print where Airflow and the database are, and how to stop."""
    console.print(
        f"\nAirflow   {stack.airflow.url}  user {ADMIN}, password: admin_password in"
        f" {stack.secrets_file}\nSQL       {psql_line(stack)}\nStop      make down",
        highlight=False,
        soft_wrap=True,
    )


def psql_line(stack: Stack) -> str:
    """Return a shell line that opens psql; the password is in a file that only its owner reads."""
    parts = libpq_environment(stack.reader_url)
    host, port = parts.get("PGHOST", "localhost"), parts.get("PGPORT", "5432")
    user, name = parts.get("PGUSER", ""), parts.get("PGDATABASE", "")
    file = stack.state / "pgpass"
    write_private(file, f"{host}:{port}:{name}:{user}:{parts.get('PGPASSWORD', '')}\n")
    return f"PGPASSFILE={file} {binaries() / 'psql'} -h {host} -p {port} -U {user} {name}"


def libpq_environment(url: str) -> dict[str, str]:
    """Return an address as the variables that psql reads.

    >>> libpq_environment("postgresql://a:b@db:5433/recs")
    {'PGUSER': 'a', 'PGPASSWORD': 'b', 'PGDATABASE': 'recs', 'PGHOST': 'db', 'PGPORT': '5433'}
    """
    parts = parse_dsn(url)
    return {LIBPQ.get(name, f"PG{name.upper()}"): str(value) for name, value in parts.items()}


COMMANDS: dict[str, Callable[[Stack, Arguments, Console], int]] = {
    "up": up_command,
    "down": down_command,
    "status": status_command,
    "run": run_command,
    "psql": psql_command,
    "export": export_command,
    "promote": promote_command,
    "clean": clean_command,
}


def _console() -> Console:
    """Return the user's terminal, or, where there is none, plain lines of 120 characters."""
    return Console(width=None if sys.stdout.isatty() else 120)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; any fault is one sentence."""
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        return COMMANDS[arguments.command](Stack.from_environment(), arguments, _console())
    except RecsysError as error:
        fault, code = str(error), error.exit_code
    except psycopg2.OperationalError as error:
        fault, code = f"the database does not answer: {' '.join(str(error).split())}", 1
    except OSError as error:
        fault, code = f"{error.strerror}: {error.filename}", 1
    sys.stderr.write(f"{fault}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Prepares what the services share, once before they start; running it again changes nothing.

Databases and roles, Airflow's tables, its pools and first user, the schema of the recommendations,
and the lake's bucket.
"""

import logging
import os
import subprocess
import sys

from recsys.config import REPOSITORY, load_config
from recsys.errors import RecsysError
from stack.database import create_databases, migrate_recs

logger = logging.getLogger("prepare")


def main() -> int:
    """Prepare everything and return 0, or say in one sentence what is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        prepare_databases()
        prepare_airflow()
        prepare_bucket()
    except (RecsysError, subprocess.CalledProcessError) as error:
        logger.error("%s", error)
        return 1
    return 0


def prepare_databases() -> None:
    """Make the databases, the roles with their passwords, and the objects of schema `recs`."""
    server = f"postgresql://postgres:{os.environ['POSTGRES_PASSWORD']}@postgres"
    roles = ("airflow", "recs_owner", "recs_loader", "recs_reader")
    create_databases(
        f"{server}/postgres", {role: os.environ[f"{role.upper()}_PASSWORD"] for role in roles}
    )
    migrate_recs(f"{server}/recs")


def prepare_airflow() -> None:
    """Make Airflow's tables, the pools and the user `admin`."""
    password = os.environ["ADMIN_PASSWORD"]
    name = ["--firstname", "Ada", "--lastname", "Admin", "--email", "admin@example.com"]
    for arguments in (
        ["db", "migrate"],
        ["pools", "import", str(REPOSITORY / "conf" / "pools.json")],
        [
            "users",
            "create",
            "--username",
            "admin",
            "--role",
            "Admin",
            "--password",
            password,
            *name,
        ],
    ):
        logger.info("airflow %s", " ".join(arguments[:2]))
        subprocess.run(["airflow", *arguments], check=True)


def prepare_bucket() -> None:
    """Make the bucket of an s3:// lake."""
    import fsspec

    lake = load_config().lake_root
    if lake.startswith("s3://"):
        store, path = fsspec.core.url_to_fs(lake)
        store.mkdirs(path.split("/")[0], exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())

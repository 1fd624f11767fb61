"""Whatever breaks in publishing, readers keep the run they have, and a rerun completes."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from psycopg2 import OperationalError
from tests.promises.publishing import LEFTOVERS, Shop, fails, make_lakes, make_shop

from recsys.errors import ConfigError
from recsys.serving.postgres import DatabaseError
from recsys.serving.snapshot import Snapshot
from stack.postgres import Postgres

pytestmark = pytest.mark.postgres

RNG = random.Random(20200923)
#: The moment of each kill, as a share of an undisturbed publication.
MOMENTS = [round(RNG.uniform(0, 1), 3) for _ in range(10)]
BACKEND = "SELECT pid FROM pg_stat_activity WHERE application_name = 'recsys publish'"


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    return make_lakes(tmp_path_factory.mktemp("lakes"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that may be killed: others use the one of the test run."""
    server = Postgres(tmp_path_factory.mktemp("mortal"), settings={"fsync": "off"})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(server: Postgres, lakes: dict[str, Snapshot]) -> Shop:
    server.start()
    return make_shop(server, lakes)


@pytest.fixture(scope="module")
def undisturbed(server: Postgres, lakes: dict[str, Snapshot]) -> dict[str, Any]:
    """What readers see of each run where nothing breaks, and the seconds of a publication."""
    shop = make_shop(server, lakes)
    old = shop.seen()
    started = time.monotonic()
    shop.publish_new()
    return {"old": old, "new": shop.seen(), "seconds": time.monotonic() - started}


def assert_completes(shop: Shop, undisturbed: dict[str, Any]) -> None:
    """The same publication again completes, or finds that it had: the same rows, and no others."""
    assert shop.publish_new().active
    assert shop.seen() == undisturbed["new"]
    assert shop.ask(LEFTOVERS) == []


def assert_made_good(shop: Shop, undisturbed: dict[str, Any]) -> None:
    """Readers see the old run, whole; the same publication again completes, with the same rows."""
    assert shop.seen() == undisturbed["old"]
    assert_completes(shop, undisturbed)
    states = [state for (state,) in shop.ask("SELECT state FROM recs.runs ORDER BY run_id")]
    assert states in (["superseded", "failed", "active"], ["superseded", "active"])


def test_two_databases_get_the_same_rows(
    server: Postgres, lakes: dict[str, Snapshot], undisturbed: dict[str, Any]
) -> None:
    shop = make_shop(server, lakes)
    assert shop.seen() == undisturbed["old"]
    shop.publish_new()
    assert shop.seen() == undisturbed["new"]
    assert len({*undisturbed["old"], *undisturbed["new"]}) == 7  # all differ but the count


def test_the_publisher_is_killed_in_copy(shop: Shop, undisturbed: dict[str, Any]) -> None:
    publisher = shop.start_publisher(pause=True)
    publisher.go_on()
    publisher.expect("copying")
    assert publisher.end(kill=True)[0] == -signal.SIGKILL
    assert_made_good(shop, undisturbed)


def test_the_backend_is_killed_in_copy(shop: Shop, undisturbed: dict[str, Any]) -> None:
    publisher = shop.start_publisher(pause=True)
    publisher.go_on()
    publisher.expect("copying")
    ((pid,),) = shop.ask(BACKEND)
    os.kill(pid, signal.SIGKILL)
    publisher.go_on()
    code, complaint = publisher.end()
    assert code == DatabaseError.exit_code
    assert "Postgres: " in complaint
    _wait_until_up(shop)
    assert_made_good(shop, undisturbed)


def test_postgres_is_killed_in_copy(shop: Shop, undisturbed: dict[str, Any]) -> None:
    publisher = shop.start_publisher(pause=True)
    publisher.go_on()
    publisher.expect("copying")
    assert shop.server.pid is not None
    os.kill(shop.server.pid, signal.SIGKILL)
    publisher.go_on()
    assert publisher.end()[0] == DatabaseError.exit_code
    _start_again(shop)
    assert_made_good(shop, undisturbed)


def test_what_was_published_outlives_a_crash(shop: Shop, undisturbed: dict[str, Any]) -> None:
    assert shop.publish_new().active
    assert shop.server.pid is not None
    postmaster = psutil.Process(shop.server.pid)
    processes = [postmaster, *postmaster.children()]
    for process in processes:  # none writes what is still in memory
        process.kill()
    psutil.wait_procs(processes, timeout=10)
    _start_again(shop)
    assert shop.seen() == undisturbed["new"]


@pytest.mark.parametrize("share", MOMENTS)
def test_the_publisher_is_killed_at_any_moment(
    shop: Shop, undisturbed: dict[str, Any], share: float
) -> None:
    publisher = shop.start_publisher(pause=False)
    publisher.go_on()
    time.sleep(share * undisturbed["seconds"])
    publisher.end(kill=True)
    assert shop.seen() in (undisturbed["old"], undisturbed["new"])
    assert_completes(shop, undisturbed)


def test_two_publishers_of_one_run_load_it_once(shop: Shop, undisturbed: dict[str, Any]) -> None:
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(shop.publish_new())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.run_id for outcome in outcomes] == [2, 2]
    assert sorted(outcome.changed for outcome in outcomes) == [False, True]
    assert shop.seen() == undisturbed["new"]


def test_a_second_publisher_gives_up_and_harms_nothing(
    shop: Shop, undisturbed: dict[str, Any]
) -> None:
    first = shop.start_publisher(pause=True)
    first.go_on()
    first.expect("copying")
    error = fails(lambda: shop.publish_new(lock_timeout_ms=50))
    assert str(error).startswith("another publisher is at work")
    assert shop.seen() == undisturbed["old"]
    first.go_on()
    assert first.end() == (0, "")
    assert shop.seen() == undisturbed["new"]


def test_the_disk_is_full(shop: Shop, undisturbed: dict[str, Any], tiny_disk: Path) -> None:
    shop.ask(f"CREATE TABLESPACE tiny LOCATION '{tiny_disk}'")
    shop.ask("GRANT CREATE ON TABLESPACE tiny TO recs_owner")
    database = shop.url.rpartition("/")[2]
    shop.ask(f"ALTER DATABASE {database} SET default_tablespace = tiny")
    error = fails(shop.publish_new)
    assert isinstance(error, DatabaseError)
    assert "No space left on device" in str(error)
    assert shop.seen() == undisturbed["old"]
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_disk)], check=True)
    assert_made_good(shop, undisturbed)
    shop.server.stop()  # it holds files there


@pytest.fixture
def tiny_disk(shop: Shop, tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes that belongs to the server's user."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root, and not in every container, may mount a file system")
    owner = shop.server.data.stat()
    os.chown(disk, owner.st_uid, owner.st_gid)
    yield disk
    shop.server.stop()
    subprocess.run(["umount", str(disk)], check=True)


def test_postgres_is_away_for_a_moment(
    shop: Shop, undisturbed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    shop.server.stop()
    started = time.monotonic()
    error = fails(lambda: shop.publish_new(connect_wait_s=1))
    assert 1 <= time.monotonic() - started < 8
    assert str(error).startswith("cannot connect to Postgres")
    back = threading.Timer(1.5, shop.server.start)
    back.start()
    assert shop.publish_new(connect_wait_s=60).active
    back.join()
    assert "trying again for" in caplog.text
    assert shop.seen() == undisturbed["new"]


def test_a_wrong_password_is_not_waited_for(shop: Shop) -> None:
    wrong = Shop(shop.server, shop.url.replace("postgres:", "postgres:x"), shop.old, shop.new)
    started = time.monotonic()
    error = fails(lambda: wrong.publish_new(connect_wait_s=60))
    assert "password authentication failed" in str(error)
    assert time.monotonic() - started < 10


def _start_again(shop: Shop) -> None:
    """Start a server that was killed, once its processes have noticed."""
    _insist(shop.server.start, unless=ConfigError)


def _wait_until_up(shop: Shop) -> None:
    """Wait for the recovery that follows a killed backend."""
    _insist(lambda: shop.ask("SELECT 1"), unless=OperationalError)


def _insist(call: Callable[[], object], *, unless: type[Exception]) -> None:
    """Call until this error does not come any more, for half a minute; then let it come."""
    deadline = time.monotonic() + 30
    while True:
        try:
            call()
            return
        except unless:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)

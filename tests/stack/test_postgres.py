import os
from pathlib import Path

import psycopg2
import pytest

from recsys.errors import ConfigError
from stack.postgres import Postgres

pytestmark = pytest.mark.postgres


def ask(url: str, question: str) -> object:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(question)
        answer = cursor.fetchone() if cursor.description else None
    connection.close()
    return answer and answer[0]


def test_keeps_data_port_and_password_over_a_restart(server: Postgres) -> None:
    url = server.url()
    ask(url, "create table kept as select 42 as n")
    server.stop()
    assert not server.is_running
    assert server.start() == url
    assert ask(url, "select n from kept") == 42


def test_starting_twice_leaves_the_server_alone(server: Postgres) -> None:
    pid = server.pid
    server.start()
    assert server.pid == pid


def test_listens_on_the_loopback_address_alone_and_asks_for_the_password(server: Postgres) -> None:
    assert ask(server.url(), "show listen_addresses") == "127.0.0.1"
    assert ask(server.url(), "show unix_socket_directories") == ""
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(server.url().replace(server.password, "guess"))


def test_the_password_is_for_its_owner_alone(server: Postgres) -> None:
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert not (server.folder / "initdb-password").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server over")
def test_root_hands_the_server_to_nobody(server: Postgres) -> None:
    assert (server.data / "PG_VERSION").owner() == "nobody"


def test_a_pid_file_left_by_a_crash_does_not_count(server: Postgres) -> None:
    server.stop()
    # A reboot gave the number to another program: this one.
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    assert not server.is_running
    server.stop()
    server.start()
    assert ask(server.url(), "select 1") == 1


def test_two_folders_do_not_collide(server: Postgres, tmp_path: Path) -> None:
    other = Postgres(tmp_path / "other", settings={"fsync": "off"})
    try:
        other.start()
        assert other.port != server.port
    finally:
        other.stop()
    assert server.is_running


def test_a_taken_port_is_one_sentence(server: Postgres, tmp_path: Path) -> None:
    other = Postgres(tmp_path / "other", port=server.port)
    with pytest.raises(ConfigError, match=f"port {server.port} is taken by another program"):
        other.start()


def test_a_bad_setting_is_said_by_the_server_log(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", settings={"no_such_setting": "1"})
    with pytest.raises(ConfigError, match='unrecognized configuration parameter "no_such_setting"'):
        server.start()

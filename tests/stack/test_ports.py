import socket
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from stack import ports


@pytest.fixture
def taken() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_listening_port_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_a_name_decides_the_port_and_another_name_another() -> None:
    assert ports.find_free("/one/checkout") == ports.find_free("/one/checkout")
    assert ports.find_free("/one/checkout") != ports.find_free("/another/checkout")
    assert 20_000 <= ports.find_free("/one/checkout") < 32_000


def test_the_port_of_last_time_is_taken_again(tmp_path: Path) -> None:
    first = ports.remembered(tmp_path / "port")
    assert (tmp_path / "port").read_text() == f"{first}\n"
    assert ports.remembered(tmp_path / "port") == first


def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path, taken: int) -> None:
    (tmp_path / "port").write_text(f"{taken}\n")
    chosen = ports.remembered(tmp_path / "port")
    assert chosen != taken
    assert (tmp_path / "port").read_text() == f"{chosen}\n"


def test_a_wanted_port_that_is_taken_is_one_sentence(tmp_path: Path, taken: int) -> None:
    with pytest.raises(ConfigError) as error:
        ports.remembered(tmp_path / "port", wanted=taken, variable="RECSYS_UI_PORT")
    assert str(error.value) == (
        f"port {taken} is taken by another program: stop it, or set RECSYS_UI_PORT to a free port"
    )

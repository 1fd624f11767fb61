"""One Postgres a test: quick to make, and gone afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.postgres import Postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A running server in a temporary folder."""
    server = Postgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.start()
    yield server
    server.stop()

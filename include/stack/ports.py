"""A TCP port for a service, chosen once from a folder's name: checkouts do not collide."""

import hashlib
import socket
from pathlib import Path

from recsys.errors import ConfigError

HOST = "127.0.0.1"

#: Below the range from which Linux takes ports for outgoing connections.
FIRST, LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether nobody listens on the port of this machine's loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def find_free(seed: str) -> int:
    """Return the first free port from a place in the range that `seed` decides."""
    width = LAST - FIRST
    start = int(hashlib.sha256(seed.encode()).hexdigest(), 16) % width
    for step in range(width):
        port = FIRST + (start + step) % width
        if is_free(port):
            return port
    raise ConfigError(f"every port from {FIRST} to {LAST} is taken: stop something first")


def remembered(file: Path, *, wanted: int | None = None, variable: str = "") -> int:
    """Return the port to start a service on, and keep it in `file`.

    Args:
        file: holds the port of last time; a port that is now taken is replaced by a free one.
        wanted: a port that the user asked for, in the environment variable `variable`.

    Raises:
        ConfigError: the wanted port is taken.
    """
    if wanted is not None and not is_free(wanted):
        raise ConfigError(
            f"port {wanted} is taken by another program: stop it, or set {variable} to a free port"
        )
    last = int(file.read_text()) if file.is_file() else None
    port = wanted or (last if last and is_free(last) else find_free(str(file.resolve())))
    file.write_text(f"{port}\n")
    return port

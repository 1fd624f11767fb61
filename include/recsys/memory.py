"""Where Arrow takes memory for its tables."""

import os

import pyarrow as pa


def keep_freed_memory() -> None:
    """Have Arrow use jemalloc, if its build has it and ARROW_DEFAULT_MEMORY_POOL names no other.

    jemalloc keeps what one table freed for the next one a second long. Arrow's usual choice gives
    it back to the system, which clears each page anew: a third of a night's features where pages
    are dear, as on a virtual machine.
    """
    if (
        "ARROW_DEFAULT_MEMORY_POOL" not in os.environ
        and "jemalloc" in pa.supported_memory_backends()
    ):
        pa.set_memory_pool(pa.jemalloc_memory_pool())

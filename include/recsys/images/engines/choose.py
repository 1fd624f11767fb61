"""Which engine this machine gets, and how it is built."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from recsys.config import ImagesConfig
from recsys.errors import ConfigError
from recsys.images.engines.engine import Engine

Name = Literal["openvino", "tensorflow"]
Device = Literal["cpu", "gpu"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Choice:
    """An engine, the device it runs on, and the numbers that it multiplies."""

    name: Name
    device: Device
    precision: Precision

    @property
    def numerics(self) -> str:
        """Equal for engines whose vectors may stand side by side."""
        return f"{self.name}-{self.device}-{self.precision}"

    def build(self, load: Callable[[], Any], *, batch_size: int) -> Engine:
        """Return the engine, started.

        Args:
            load: returns the Keras network, pixels in, vectors out; it is called once, since some
                engines prepare TensorFlow before it makes anything.
            batch_size: images at a time, of each device.
        """
        if self.name == "openvino":
            from recsys.images.engines.openvino import OpenVinoEngine

            return OpenVinoEngine(load(), precision=self.precision, batch_size=batch_size)
        from recsys.images.engines.tensorflow import FrozenEngine, MirroredEngine

        if self.device == "gpu":
            return MirroredEngine(load, precision=self.precision, batch_size=batch_size)
        return FrozenEngine(load(), precision=self.precision, batch_size=batch_size)


def choose_engine(config: ImagesConfig) -> Choice:
    """Return the engine that the settings name; with `auto` the fastest that this machine has.

    That is TensorFlow where it finds a GPU, else OpenVINO, else TensorFlow.

    Raises:
        ConfigError: OpenVINO is asked for and not installed.
    """
    has_openvino = find_spec("openvino") is not None
    if config.engine == "openvino" and not has_openvino:
        raise ConfigError(
            "images.engine is openvino, which is not installed: pip install openvino, or set"
            " images.engine to auto or tensorflow"
        )
    if config.engine != "openvino" and (capabilities := gpu_capabilities()):
        return Choice("tensorflow", "gpu", _gpu_precision(capabilities, reduced=config.reduced))
    name: Name = "tensorflow" if config.engine == "tensorflow" or not has_openvino else "openvino"
    return Choice(name, "cpu", "bfloat16" if config.reduced and has_bfloat16() else "float32")


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 itself (AVX-512 BF16 or AMX).

    Emulated it would be slower than float32.
    """
    if not cpuinfo.is_file():
        return False
    flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def gpu_capabilities() -> list[tuple[int, int]]:
    """Return the compute capability of each GPU that TensorFlow can use, such as (8, 0).

    TensorFlow, which takes seconds to start, is asked only where there is a device at all.
    """
    dev = Path("/dev")
    if not any(dev.glob("nvidia[0-9]*")) and not (dev / "dxg").exists():
        return []
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as `load_network` does
    import tensorflow as tf

    config = tf.config
    details = [
        config.experimental.get_device_details(g) for g in config.list_physical_devices("GPU")
    ]
    return [tuple(found.get("compute_capability", (0, 0))) for found in details]


def _gpu_precision(capabilities: list[tuple[int, int]], *, reduced: bool) -> Precision:
    """Return what all the GPUs are fast in: bfloat16, which cannot overflow, since Ampere (8.0)."""
    if not reduced or min(capabilities) < (7, 0):
        return "float32"
    return "bfloat16" if min(capabilities) >= (8, 0) else "float16"

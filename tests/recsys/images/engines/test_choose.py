"""Which engine a machine gets, without starting any."""

import pytest

from recsys.config import ImagesConfig
from recsys.errors import ConfigError
from recsys.images.engines import choose
from recsys.images.engines.choose import Choice, choose_engine, has_bfloat16


@pytest.fixture
def machine(monkeypatch):
    """Make a machine of some kind."""

    def make(*, openvino: bool = True, bfloat16: bool = True, gpus: tuple = ()) -> None:
        monkeypatch.setattr(choose, "find_spec", lambda name: name if openvino else None)
        monkeypatch.setattr(choose, "has_bfloat16", lambda: bfloat16)
        monkeypatch.setattr(choose, "gpu_capabilities", lambda: list(gpus))

    return make


@pytest.mark.parametrize(
    ("parts", "engine", "expected"),
    [
        ({}, "auto", "openvino-cpu-bfloat16"),
        ({"bfloat16": False}, "auto", "openvino-cpu-float32"),
        ({"openvino": False}, "auto", "tensorflow-cpu-bfloat16"),
        ({}, "tensorflow", "tensorflow-cpu-bfloat16"),
        ({"gpus": ((8, 0), (9, 0))}, "auto", "tensorflow-gpu-bfloat16"),
        ({"gpus": ((7, 5), (8, 0))}, "auto", "tensorflow-gpu-float16"),
        ({"gpus": ((6, 1),)}, "auto", "tensorflow-gpu-float32"),
        ({"gpus": ((8, 0),)}, "openvino", "openvino-cpu-bfloat16"),
    ],
)
def test_auto_is_the_fastest_that_is_there(machine, parts, engine, expected):
    machine(**parts)
    assert choose_engine(ImagesConfig(engine=engine)).numerics == expected


@pytest.mark.parametrize("gpus", [(), ((9, 0),)])
def test_without_reduced_precision_everything_is_float32(machine, gpus):
    machine(gpus=gpus)
    assert choose_engine(ImagesConfig(reduced=False)).precision == "float32"


def test_openvino_that_is_not_installed_says_what_to_do(machine):
    machine(openvino=False)
    with pytest.raises(ConfigError, match="openvino, which is not installed: pip install openvino"):
        choose_engine(ImagesConfig(engine="openvino"))


def test_the_processor_says_whether_it_has_bfloat16(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    assert not has_bfloat16(cpuinfo)
    cpuinfo.write_text("flags\t\t: fpu avx512f avx512_bf16_not amx_tile\n")
    assert not has_bfloat16(cpuinfo)
    for flag in ("avx512_bf16", "amx_bf16"):
        cpuinfo.write_text(f"flags\t\t: fpu avx512f {flag}\n")
        assert has_bfloat16(cpuinfo)


def test_numerics_tell_everything_apart():
    choices = [
        Choice(name, device, precision)
        for name in ("openvino", "tensorflow")
        for device in ("cpu", "gpu")
        for precision in ("float32", "bfloat16", "float16")
    ]
    assert len({choice.numerics for choice in choices}) == 12

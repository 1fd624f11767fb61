"""Photographs are of their number, ratios the right way round, and the worst engine counts."""

import io

import numpy as np
import pytest
from benchmarks.bench_images import compare, summarise
from benchmarks.images.photographs import Photographs, read_pixels, write_photographs
from benchmarks.images.trained import layers
from PIL import Image


def test_each_convolution_of_resnet152_gets_trained_weights_once() -> None:
    ours, theirs = zip(*layers(), strict=True)
    assert len(set(ours)) == len(set(theirs)) == 1 + 3 * 50 + 4
    pairs = dict(zip(ours, theirs, strict=True))
    assert pairs["conv1_"] == "conv1"
    assert pairs["conv4_block1_0_"] == "layer3.0.downsample.0"
    assert pairs["conv5_block3_2_"] == "layer4.2.conv2"


def test_photographs_come_by_number_and_have_the_size_of_hms() -> None:
    photographs = Photographs()
    drawn, real, other = (photographs.jpeg(number) for number in (0, 1, 3))
    assert photographs.jpeg(1) == real != other
    for data in (drawn, real):
        image = Image.open(io.BytesIO(data))
        assert (image.format, image.size, image.mode) == ("JPEG", (1166, 1750), "RGB")
        assert 100_000 < len(data) < 600_000


def test_a_picture_that_comes_again_is_another_file_with_the_same_pixels(tmp_path) -> None:
    write_photographs(tmp_path, different=1, files=2)
    first, second = sorted(tmp_path.rglob("*.jpg"))
    assert first.read_bytes() != second.read_bytes()
    one, other = read_pixels(tmp_path, 2)
    assert np.array_equal(one, other)


def test_cosines_are_of_pairs_and_of_what_is_left_without_the_mean() -> None:
    expected = np.array([[10, 1], [10, -1]], np.float32)
    turned = np.array([[10, -1], [10, -1]], np.float32)
    assert compare(expected, expected) == {
        "min_cosine": 1, "mean_cosine": 1, "centred_min_cosine": 1, "centred_mean_cosine": 1,
    }  # fmt: skip
    found = compare(turned, expected)
    assert found["min_cosine"] == pytest.approx(99 / 101, abs=1e-6)
    assert found["mean_cosine"] == pytest.approx((99 / 101 + 1) / 2, abs=1e-6)
    assert (found["centred_min_cosine"], found["centred_mean_cosine"]) == (-1, 0)


def test_ratios_are_of_the_best_engine_and_of_most_images() -> None:
    engines = {
        "fast": {"images_per_second": 40.0, "core_ms_per_image": 50.0,
                 "min_cosine": 0.99, "mean_cosine": 0.9999},
        "slow": {"images_per_second": 10.0, "core_ms_per_image": 180.0,
                 "min_cosine": 0.999, "mean_cosine": 0.9998},
    }  # fmt: skip
    few = {"images_per_second": 1.0, "core_ms_per_image": 900.0, "ready_images_per_second": 40.0,
           "ready_core_ms_per_image": 50.0, "peak_gib": 1.0}  # fmt: skip
    most = {**few, "images_per_second": 36.0, "core_ms_per_image": 55.0, "peak_gib": 1.1}
    keras = {"images_per_second": 5.0, "core_ms_per_image": 400.0}
    assert summarise(engines, keras, {"200": few, "1000": most}, best="fast") == {
        "speedup_over_keras_fp32": 8.0,
        "speedup_by_core_time": 8.0,
        "pipeline_efficiency": 0.9,
        "pipeline_efficiency_by_core_time": 0.909,
        "min_cosine": 0.99,
        "mean_cosine": 0.9998,
        "peak_gib": 1.1,
    }

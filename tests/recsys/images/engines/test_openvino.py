"""What is done to a network before OpenVINO compiles it."""

import numpy as np
import openvino
import pytest
from openvino import opset15 as opset

from recsys.images.engines.openvino import pad_within_pools


def padded_pooling(*, is_activated: bool) -> openvino.Model:
    """A pooling of what is padded with zeros, after a ReLU or not."""
    numbers = opset.parameter([1, 2, 7, 7], np.float32)
    x = opset.relu(numbers) if is_activated else numbers
    x = opset.pad(x, [0, 0, 1, 2], [0, 0, 2, 1], "constant", opset.constant(0.0, np.float32))
    x = opset.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], auto_pad="valid")
    return openvino.Model([x.output(0)], [numbers])


def kinds(model: openvino.Model) -> set[str]:
    return {node.get_type_name() for node in model.get_ops()}


@pytest.mark.parametrize("is_activated", [True, False])
def test_a_pooling_after_a_relu_pads_by_itself(is_activated):
    """Before anything below zero it must not: a zero that is padded would be the largest there."""
    numbers = np.random.default_rng(1).normal(-1, 1, (1, 2, 7, 7)).astype(np.float32)
    core, model = openvino.Core(), padded_pooling(is_activated=is_activated)
    expected = core.compile_model(model, "CPU")(numbers)[0]
    pad_within_pools(model)
    model.validate_nodes_and_infer_types()
    assert ("Pad" in kinds(model)) != is_activated
    assert np.array_equal(core.compile_model(model, "CPU")(numbers)[0], expected)

"""OpenVINO on the processor: the same Keras network, converted."""

import os
import tempfile
from typing import Any

import numpy as np

from recsys.images.engines.engine import padded
from recsys.images.load import SIZE, Pixels
from recsys.images.matrix import FloatArray

#: Images that a core embeds at a time: each weight is then read once for all of them. They are
#: always so many: a vector does not depend on how many images there are.
GROUP = 12
#: What OpenVINO calls them.
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoEngine:
    """A stream a core, each with one group of images at a time.

    So cores never wait for each other, and no image's vector depends on the number of cores.
    """

    def __init__(self, network: Any, *, precision: str, batch_size: int) -> None:
        import openvino

        self.cores = os.cpu_count() or 1
        #: Enough for each core, since all wait for the last group of a batch.
        self.batch_size = max(batch_size, 4 * GROUP * self.cores)
        core = openvino.Core()
        # By way of a folder: `openvino.convert_model` would tell Intel that it was called.
        with tempfile.TemporaryDirectory() as folder:
            network.export(folder, format="tf_saved_model", verbose=False)
            model = core.read_model(folder)
            pad_within_pools(model)
            model.reshape([GROUP, SIZE, SIZE, 3])
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
                    "NUM_STREAMS": self.cores,
                    "INFERENCE_NUM_THREADS": self.cores,
                    # Decoders share the cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        self.dim = compiled.output(0).shape[1]
        self._queue = openvino.AsyncInferQueue(compiled, 2 * self.cores)

    def embed(self, pixels: Pixels) -> FloatArray:
        """Return the vectors `[n, DIM]` of images `[n, SIZE, SIZE, 3]`."""
        vectors = np.empty((len(pixels), self.dim), np.float32)

        def keep(request: Any, start: int) -> None:
            group = vectors[start : start + GROUP]
            group[:] = request.get_output_tensor().data[: len(group)]

        self._queue.set_callback(keep)
        for start in range(0, len(pixels), GROUP):
            self._queue.start_async({0: padded(pixels[start : start + GROUP], GROUP)}, start)
        self._queue.wait_all()
        return vectors


def pad_within_pools(model: Any) -> None:
    """Let a pooling itself leave out what is padded with zeros before it.

    The maximum is the same after a ReLU, whose numbers are not below zero. OpenVINO joins no such
    pair itself, and would copy the network's largest activations.
    """
    for pool in model.get_ops():
        if pool.get_type_name() != "MaxPool":
            continue
        pad = pool.input_value(0).get_node()
        if pad.get_type_name() != "Pad" or pad.input_value(0).get_node().get_type_name() != "Relu":
            continue
        pool.set_attribute("auto_pad", "explicit")
        for at, name in enumerate(("pads_begin", "pads_end"), start=1):
            pool.set_attribute(name, pad.input_value(at).get_node().data[2:].tolist())
        pool.set_argument(0, pad.input_value(0))

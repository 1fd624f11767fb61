"""A small network with all that ResNet152 has, for tests of what runs it."""

from typing import Any


def small_network(*, dim: int = 2048, seed: int = 1) -> Any:
    """Return a Keras network of pixels [n, 224, 224, 3] uint8 to [n, dim], of random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    pixels = keras.Input((224, 224, 3), dtype="uint8")
    prepared = keras.ops.cast(pixels, "float32")[..., ::-1] - 110.0
    x = layers.Conv2D(16, 7, strides=4, kernel_initializer="he_normal")(prepared)
    x = layers.MaxPooling2D(3, strides=2)(layers.ReLU()(layers.BatchNormalization()(x)))
    shortcut = layers.Conv2D(32, 1, strides=2)(x)
    x = layers.Conv2D(32, 3, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.ReLU()(layers.Add()([layers.BatchNormalization()(x), shortcut]))
    x = layers.Conv2D(dim, 1, kernel_initializer="he_normal")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(pixels, keras.ops.cast(x, "float32"))

"""The slim Xception: Xception's plan, with a stride of 16 and a hundredth of the parameters.

A tile of 256×256 pixels ends as a map of 16×16 cells, twice as fine as Xception's 8×8, so that a
tower's place inside the tile can be told to about ten metres. The layers at high resolution are
narrow, because there memory traffic and not arithmetic is the cost on a CPU.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

TILE_PX = 256
"""Width and height of a tile in pixels."""
STRIDE_PX = 16
"""Pixels between the cells of the last feature map."""
EVIDENCE = "evidence"
"""The layer whose first channel tells each cell apart: a tower's base or none."""
EVIDENCE_OFFSET = 3.0
"""That channel is a logit plus this, so that the ReLU behind it passes faint towers too."""

# Xception's 0.99 needs thousands of steps to forget its start; training here is short.
BATCH_NORM_MOMENTUM = 0.9


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalisation in TensorFlow's one fused operation; training on a CPU is a sixth
    faster with it. Its weights are those of the stock layer, which is what is saved.
    """

    def call(self, inputs, training=None, mask=None):
        if not training:
            return super().call(inputs, training=False)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        kept = self.momentum
        self.moving_mean.assign(self.moving_mean * kept + mean * (1 - kept))
        self.moving_variance.assign(self.moving_variance * kept + variance * (1 - kept))
        return outputs


def slim_xception(
    classes: int = 2,
    size_px: int | None = TILE_PX,
    normalization: type[layers.BatchNormalization] = layers.BatchNormalization,
) -> keras.Model:
    """Builds the untrained network.

    Takes float32 `[N, size, size, 3]`, RGB, scaled to −1…1 as x / 127.5 − 1. Gives float32
    `[N, classes]`, probabilities (softmax). `size_px=None` builds it for any multiple of 16.
    """

    def normalised(x):
        return normalization(momentum=BATCH_NORM_MOMENTUM)(x)

    def separable(x, filters: int, name: str):
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
        return normalised(x)

    def down(x, widths: list[int], relu_first: bool, name: str):
        """Separable convolutions and a pooling of stride 2, with a strided shortcut around."""
        shortcut = layers.Conv2D(
            widths[-1], 1, strides=2, padding="same", use_bias=False, name=f"{name}_shortcut"
        )(x)
        shortcut = normalised(shortcut)
        for number, width in enumerate(widths, start=1):
            if relu_first or number > 1:
                x = layers.ReLU()(x)
            x = separable(x, width, name=f"{name}_{number}")
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        return layers.Add()([x, shortcut])

    def middle(x, width: int, name: str):
        """Two separable convolutions around which the input is carried unchanged."""
        shortcut = x
        for number in (1, 2):
            x = layers.ReLU()(x)
            x = separable(x, width, name=f"{name}_{number}")
        return layers.Add()([x, shortcut])

    image = keras.Input((size_px, size_px, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="stem1")(image)
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem2")(x)
    x = layers.ReLU()(normalised(x))

    x = down(x, [48], relu_first=False, name="entry1")
    x = down(x, [80, 128], relu_first=True, name="entry2")
    for number in range(1, 5):
        x = middle(x, 128, name=f"middle{number}")
    x = layers.ReLU()(x)
    x = layers.ReLU()(separable(x, 192, name="exit"))

    # Few channels that are zero nearly everywhere: what the average takes in is evidence, not
    # the sum of 256 cells' background, so it means the same on a crop as on a whole tile.
    x = layers.Conv2D(16, 1, name=EVIDENCE)(x)
    x = layers.ReLU(name="features")(x)

    x = layers.GlobalAveragePooling2D(name="pool")(x)
    # One cell's evidence is divided by 256, so the weights behind must start wide.
    wide = keras.initializers.RandomNormal(stddev=8.0)
    x = layers.Dense(64, activation="relu", kernel_initializer=wide, name="hidden")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(image, scores, name="slim_xception")


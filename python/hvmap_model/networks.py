"""The networks that can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from . import slim
from .slim import BATCH_NORM_MOMENTUM, TILE_PX, FusedBatchNormalization, slim_xception

HIDDEN_UNITS = 256
"""Of the dense layer behind the full Xception's pooling: the classifier of 2018."""


@dataclass(frozen=True)
class Network:
    build: Callable[..., keras.Model]
    """`build(classes, size_px)`: untrained, float32 `[N, size, size, 3]` in −1…1 to softmax; with
    `size_px=None` for any multiple of the stride."""
    build_for_training: Callable[..., keras.Model]
    """The same with the same weights in the same order, for images of any size, made to train."""
    stride_px: int
    """Pixels between the cells of its last feature map."""
    evidence: str | None
    """The layer whose first channel tells each cell apart, where it has one."""


def full_xception(classes: int = 2, size_px: int | None = TILE_PX) -> keras.Model:
    """Keras's Xception without its top, global average pooling, 256 ReLU units, softmax."""
    image = keras.Input((size_px, size_px, 3), name="image")
    trunk = keras.applications.Xception(include_top=False, weights=None, input_tensor=image)
    for layer in trunk.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    x = layers.GlobalAveragePooling2D(name="pool")(trunk.output)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(image, scores, name="full_xception")


NETWORKS = {
    "slim": Network(
        build=slim_xception,
        build_for_training=lambda classes: slim_xception(
            classes, size_px=None, normalization=FusedBatchNormalization
        ),
        stride_px=slim.STRIDE_PX,
        evidence=slim.EVIDENCE,
    ),
    "xception": Network(
        build=full_xception,
        build_for_training=lambda classes: full_xception(classes, size_px=None),
        stride_px=32,
        evidence=None,
    ),
}

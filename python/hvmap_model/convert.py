"""From a Keras classifier to an ONNX graph of the contract, without its metadata."""

from __future__ import annotations

import keras
import onnx
import tensorflow as tf
import tf2onnx

from .contract import ATTRIBUTION, IMAGE, SCORES, TILE_PX
from .head import Head

OPSET = 17
"""Old enough for any ONNX Runtime of the last years; nothing newer is needed."""


def to_onnx(model: keras.Model, head: Head | None) -> onnx.ModelProto:
    """Converts a model that takes x / 127.5 − 1. With `head`, adds the attribution output."""

    @tf.function(input_signature=[tf.TensorSpec([None, TILE_PX, TILE_PX, 3], tf.uint8, IMAGE)])
    def classify(image):
        x = tf.cast(image, tf.float32) / 127.5 - 1.0
        if head is None:
            return {SCORES: tf.identity(model(x, training=False), SCORES)}
        features, scores = keras.Model(model.input, [head.features, model.output])(x, training=False)
        grid = head.explain(features).grid
        return {SCORES: tf.identity(scores, SCORES), ATTRIBUTION: tf.identity(grid, ATTRIBUTION)}

    converted, _ = tf2onnx.convert.from_function(
        classify, input_signature=classify.input_signature, opset=OPSET
    )
    _set_shapes(converted, model.output.shape[1], head)
    onnx.checker.check_model(converted)
    return converted


def _set_shapes(model: onnx.ModelProto, classes: int, head: Head | None) -> None:
    """States the outputs' shapes, which the converter leaves open, and names the free length N."""
    wanted = {IMAGE: [TILE_PX, TILE_PX, 3], SCORES: [classes]}
    if head:
        wanted[ATTRIBUTION] = list(head.features.shape[1:3])
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.CopyFrom(
            onnx.helper.make_tensor_type_proto(1, ["N", *wanted[value.name]]).tensor_type.shape
        )

"""The classifier's head, taken apart: where in the image does the positive margin come from?

The same as `attribution.py` says of a graph, which has the formula and its source, in TensorFlow
operations: training draws the grid to the towers' bases, and needs its gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf


class UnfitHead(ValueError):
    """The model's head is not one for which the margin can be shared out exactly."""


@dataclass
class Explained:
    """What the head says of a batch of feature maps."""

    logits: tf.Tensor
    """`[N, classes]`, before softmax or sigmoid."""
    margin: tf.Tensor
    """`[N]`: the log-odds of the positive classes."""
    grid: tf.Tensor
    """`[N, h, w]`: the margin's share of each cell."""
    rest: tf.Tensor
    """`[N]`: the margin's share that has no place."""


class Head:
    """Global average pooling and dense layers at the end of a Keras model."""

    def __init__(self, model: keras.Model, positives: list[int]):
        """Finds the head by walking back from the model's output.

        Raises `UnfitHead` where a layer of it is neither pooling, dropout nor a dense layer
        (ReLU within, softmax or sigmoid at the end).
        """
        layers = list(model.layers)
        last = layers.pop()
        if not isinstance(last, keras.layers.Dense):
            raise UnfitHead(f"the last layer is a {type(last).__name__}, not a Dense")
        self.activation = last.activation.__name__
        if self.activation not in ("softmax", "sigmoid"):
            raise UnfitHead(f"the last layer's activation is {self.activation}")
        self.last = last
        self.positives = list(positives)
        self.hidden: list[keras.layers.Dense] = []
        while layers:
            layer = layers.pop()
            if isinstance(layer, keras.layers.GlobalAveragePooling2D):
                self.features = layer.input
                return
            if isinstance(layer, keras.layers.Dropout):
                continue
            if not isinstance(layer, keras.layers.Dense) or layer.activation.__name__ != "relu":
                raise UnfitHead(f"layer {layer.name} is no Dense with ReLU")
            self.hidden.insert(0, layer)
        raise UnfitHead("there is no global average pooling")

    def explain(self, features: tf.Tensor, cells: int | None = None) -> Explained:
        """Runs the head on `[N, h, w, channels]` and shares out the margin.

        `cells` overrides the number of cells that the average divides by: training on crops
        divides by the whole tile's, so that a tower weighs the same in both.
        """
        count, height, width, channels = tf.unstack(tf.shape(features))
        # The fixed numbers keep the exported graph free of shape arithmetic.
        height = features.shape[1] or height
        width = features.shape[2] or width
        channels = features.shape[3] or channels
        flat = tf.reshape(features, [-1, height * width, channels])
        cells = tf.cast(cells or height * width, tf.float32)
        x = tf.reduce_sum(flat, axis=1) / cells
        passes = []
        for dense in self.hidden:
            x = tf.nn.relu(tf.matmul(x, dense.kernel) + dense.bias)
            passes.append(tf.cast(x > 0, tf.float32))
        logits = tf.matmul(x, self.last.kernel) + self.last.bias

        margin, weight = self._margin(logits)
        slope = tf.matmul(weight, self.last.kernel, transpose_b=True)
        rest = margin - tf.reduce_sum(slope * x, axis=1)
        for dense, passed in zip(reversed(self.hidden), reversed(passes)):
            slope = slope * passed
            rest += tf.linalg.matvec(slope, dense.bias)
            slope = tf.matmul(slope, dense.kernel, transpose_b=True)
        grid = tf.matmul(flat, tf.expand_dims(slope, 2)) / cells
        grid = tf.reshape(grid, [-1, height, width])
        return Explained(logits, margin, grid, rest)

    def _margin(self, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The margin, and its derivative by each logit, `[N, classes]`."""
        classes = self.last.units
        positive = tf.constant([[index in self.positives for index in range(classes)]])
        lowest = tf.constant(-1e30)
        among = tf.where(positive, logits, lowest)
        if self.activation == "sigmoid":
            best = tf.argmax(among, axis=1)
            return tf.reduce_max(among, axis=1), tf.one_hot(best, classes)
        others = tf.where(positive, lowest, logits)
        margin = tf.reduce_logsumexp(among, axis=1) - tf.reduce_logsumexp(others, axis=1)
        return margin, tf.nn.softmax(among) - tf.nn.softmax(others)

"""One optimiser step at a time: the loss, and what it is made of."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from .feed import Batch
from .head import Head
from .settings import Settings
from .networks import NETWORKS
from .slim import EVIDENCE_OFFSET, TILE_PX

# How much each way of asking *where* weighs, before the setting `place_weight`.
_CELLS_SHARE, _GRID_SHARE = 0.4, 0.2


class Trainer:
    """Teaches a model whether a tower stands in an image and in which cell its base does.

    Without the cells a network with a global average has to find out by itself which one of 256
    the label is about.
    """

    def __init__(self, model: keras.Model, settings: Settings):
        self.settings = settings
        self.head = Head(model, positives=[1])
        network = NETWORKS[settings.network]
        self.cells = (TILE_PX // network.stride_px) ** 2
        self.has_evidence = network.evidence is not None
        shown = [self.head.features]
        if self.has_evidence:
            shown.append(model.get_layer(network.evidence).output)
        self.trunk = keras.Model(model.input, shown)
        self.odds = _odds_shift(settings)
        self.variables = model.trainable_variables
        self.optimizer = _optimizer(settings)
        self.optimizer.build(self.variables)
        self._compiled = tf.function(self._step, reduce_retracing=True)

    def start_at_base_rate(self) -> None:
        """Lets an untrained head begin where the base rate's log-odds are, so that training does
        not spend its first thousand steps on getting there.
        """
        bias = self.head.last.bias
        bias.assign_add(tf.constant([self.odds / 2, -self.odds / 2]))

    def step(self, batch: Batch) -> float:
        """Learns from a batch; gives the loss before it did."""
        parts = (batch.images, batch.positive, batch.cells, batch.placed)
        return float(self._compiled(*map(tf.constant, parts)))

    def _step(self, images, positive, cells, placed):
        with tf.GradientTape() as tape:
            loss = self._loss(images, positive, cells, placed)
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables))
        return loss

    def _loss(self, images, positive, cells, placed):
        shown = self.trunk(scaled(images), training=True)
        features = shown[0] if self.has_evidence else shown
        explained = self.head.explain(features, cells=self.cells)
        margin = explained.margin + self.odds
        whether = tf.nn.softplus(tf.where(positive, -margin, margin))
        weights = tf.where(positive, self.settings.positive_weight, 1.0)

        flat = tf.reshape(cells, [tf.shape(cells)[0], -1])
        towers = tf.maximum(tf.reduce_sum(flat), 1.0)
        cells_loss = 0.0
        if self.has_evidence:
            logits = tf.reshape(shown[1][..., 0], tf.shape(flat)) - EVIDENCE_OFFSET
            wrong = tf.nn.sigmoid_cross_entropy_with_logits(labels=flat, logits=logits)
            cells_loss = tf.reduce_sum(wrong * tf.cast(placed, tf.float32)[:, None]) / towers

        # The attribution, read as odds over the cells, should name the tower's.
        grid = tf.reshape(explained.grid, tf.shape(flat))
        grid_loss = -tf.reduce_sum(flat * tf.nn.log_softmax(grid)) / towers

        where = _CELLS_SHARE * cells_loss + _GRID_SHARE * grid_loss
        return tf.reduce_mean(whether * weights) + self.settings.place_weight * where


class Scorer:
    """The towers' probability of tiles, from a Keras model."""

    def __init__(self, model: keras.Model):
        @tf.function(reduce_retracing=True)
        def predict(images):
            return model(scaled(images), training=False)[:, 1]

        self._predict = predict

    def __call__(self, pixels: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """uint8 `[n, h, w, 3]` to float32 `[n]`."""
        starts = range(0, len(pixels), batch_size)
        parts = [self._predict(pixels[at : at + batch_size]).numpy() for at in starts]
        return np.concatenate(parts)


def scaled(images: tf.Tensor) -> tf.Tensor:
    """A byte's 0…255 to the network's −1…1."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def _odds_shift(settings: Settings) -> float:
    """What the margin is off in a batch's log-odds, so that it fits the base rate's.

    Weighting each label by its share in the country over its share in a batch has the same
    optimum, but the few towers' gradients would be tiny for a long time; shifting the log-odds
    leaves them large (Menon et al. 2021, "Long-tail learning via logit adjustment", eq. 10).
    """
    if settings.class_weights == "even":
        return 0.0

    def log_odds(share: float) -> float:
        return float(np.log(share / (1 - share)))

    return log_odds(settings.positive_share) - log_odds(settings.base_rate)


def _optimizer(settings: Settings) -> keras.Optimizer:
    """AdamW whose learning rate rises for a moment, then falls along a cosine to a hundredth."""
    steps = settings.crop_steps + settings.tile_steps
    warmup = min(200, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        steps - warmup,
        alpha=0.01,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=settings.weight_decay, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer

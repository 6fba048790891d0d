"""Proof that the ONNX file computes what the Keras model computes."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import tensorflow as tf

from .head import Head
from .session import open_session, run

TOLERANCE = 1e-4
"""The largest difference of a score that fp32 may show."""


class NoParity(ValueError):
    """The ONNX file's answers are not the source model's."""


def prove(
    model: keras.Model,
    converted: onnx.ModelProto,
    plain: onnx.ModelProto,
    head: Head | None,
    images: np.ndarray,
    source: str,
) -> dict:
    """Compares scores and attribution on uint8 tiles; `plain` is the graph without attribution.

    Gives figures for the metadata. Raises `NoParity` where a score differs by more than 1e-4,
    where adding the attribution changed a single bit of the scores, or where the grid and the
    rest do not add up to the margin.
    """
    scaled = tf.cast(images, tf.float32) / 127.5 - 1.0
    expected = model.predict(scaled, batch_size=32, verbose=0)
    scores, grid = run(open_session(converted.SerializeToString()), images)
    difference = np.abs(scores - expected)
    report = {
        "tiles": len(images),
        "tiles_from": source,
        "score_difference_max": _short(difference.max()),
        "score_difference_mean": _short(difference.mean()),
    }
    if difference.max() > TOLERANCE:
        raise NoParity(f"scores differ by {difference.max():.2e}, expected at most {TOLERANCE}")
    if head is None:
        return report

    bare, _ = run(open_session(plain.SerializeToString()), images)
    report["scores_bit_identical_without_attribution"] = bool((bare == scores).all())
    if not (bare == scores).all():
        raise NoParity("adding the attribution output changed the scores")
    explained = head.explain(keras.Model(model.input, head.features)(scaled, training=False))
    unshared = grid.sum(axis=(1, 2)) + explained.rest.numpy() - explained.margin.numpy()
    relative = np.abs(unshared) / np.maximum(np.abs(explained.margin.numpy()), 1.0)
    report["attribution_identity_error_max"] = _short(relative.max())
    if relative.max() > 1e-3:
        raise NoParity(f"grid + rest misses the margin by {relative.max():.2e} of it")
    return report


def _short(value: float) -> float:
    return float(f"{value:.2e}")

"""Which pixel does a cell of the attribution grid look at? Measured, not derived.

Strides, padding and pooling shift a cell's centre away from the middle of its square, by
different amounts along a network's different paths. So a small target is moved over the image
and the change that it causes in the last feature map is watched: a cell's centre is where the
target moves that cell the most, as the mean of the target's places weighted with the change.

A trained network leans: it looks towards the shadows of its training tiles. So where labelled
tiles tell the pixel of each tower's base, the towers themselves are the moving target, and what
is measured is where a base stands when a cell is the attribution's peak.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from .tiles import Tile

_TARGET_PX = 5
_STEP_PX = 4
_BATCH = 32
_TOWERS_MIN = 50


def measure_cells(
    model: keras.Model, features, background: np.ndarray
) -> tuple[list[float], list[float]]:
    """The pixel of each column and of each row of the feature map, both rising.

    `background` is a float32 `[h, w, 3]` image as the model takes it, into which the target is
    drawn. Columns are measured by a target that moves along rows through the image, averaged
    over several heights, and rows likewise.
    """
    watched = keras.Model(model.input, features)

    @tf.function(reduce_retracing=True)
    def look(images):
        return watched(images, training=False)

    still = look(background[None]).numpy()[0]
    columns = _centres(look, background, still)
    turned = _centres(
        lambda images: tf.transpose(look(tf.transpose(images, [0, 2, 1, 3])), [0, 2, 1, 3]),
        background.transpose(1, 0, 2),
        still.transpose(1, 0, 2),
    )
    return columns, turned


def _centres(look, background: np.ndarray, still: np.ndarray) -> list[float]:
    height, width, _ = background.shape
    cells_down, cells_across, _ = still.shape
    places = np.arange(-_TARGET_PX + 1, width, _STEP_PX)
    change = np.zeros((len(places), cells_across))
    # Rows well inside, where no padding reaches, at offsets that cover a cell's phases.
    stride = height // cells_down
    tops = height // 2 + np.arange(0, stride, max(stride // 4, 1))
    for top in tops:
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            images = np.repeat(background[None], len(some), axis=0)
            for image, left in zip(images, some):
                patch = image[top : top + _TARGET_PX, max(left, 0) : left + _TARGET_PX]
                patch[:] = np.where(patch > 0, -1.0, 1.0)
            moved = np.abs(look(images).numpy() - still).sum(axis=(1, 3))
            change[start : start + len(some)] += moved
    # Squared, so that the faint and wide rim of the receptive field, which the image's edge cuts
    # off on one side, hardly pulls the mean.
    weight = change**2
    middles = places + (_TARGET_PX - 1) / 2
    centres = (weight * middles[:, None]).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
    return _regular(centres - np.arange(cells_across) * (width / cells_across), width)


def measure_with_towers(
    grids: np.ndarray, tiles: list[Tile], size_px: int
) -> tuple[list[float], list[float]] | None:
    """The pixel of each column and of each row, from `[n, h, w]` attribution of labelled tiles.

    Only tiles with one base count, and only if there are at least 50 of them; else `None`.
    """
    alone = [index for index, tile in enumerate(tiles) if len(tile.bases) == 1]
    if len(alone) < _TOWERS_MIN:
        return None
    _, height, width = grids.shape
    peaks = grids[alone].reshape(len(alone), -1).argmax(axis=1)
    bases = np.array([tiles[index].bases[0] for index in alone])
    columns = _regular(bases[:, 0] - (peaks % width) * (size_px / width), size_px, width)
    rows = _regular(bases[:, 1] - (peaks // width) * (size_px / height), size_px, height)
    return columns, rows


def _regular(offsets: np.ndarray, size_px: int, cells: int | None = None) -> list[float]:
    """Centres a stride apart, from offsets to the cells' starts: the median knows neither the
    edge's padding nor the towers that were not found.
    """
    cells = cells or len(offsets)
    offset = float(np.median(offsets))
    return [round(cell * size_px / cells + offset, 2) for cell in range(cells)]

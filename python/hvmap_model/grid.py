"""Which pixel does a cell of the attribution grid look at? Measured, not derived.

Strides, padding and pooling shift a cell's centre away from the middle of its square, by
different amounts along a network's different paths (Keras's Xception: its poolings at pixel
32i + 27, its shortcuts at 32i + 3). So a small target is moved over the tile and the change that
it causes in the last feature map is watched: a cell's centre is where the target moves that cell
the most, as the mean of the target's places weighted with the change.

A trained network leans: it looks towards the shadows of its training tiles. So where labelled
tiles tell the pixel of each tower's base, the towers themselves are the moving target, and what
is measured is where a base stands when a cell is the attribution's peak.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .contract import TILE_PX
from .tiles import Tile

_TARGET_PX = 5
_STEP_PX = 4
_BATCH = 16
_TOWERS_MIN = 50


def measure_cells(
    look: Callable[[np.ndarray], np.ndarray], background: np.ndarray | None = None
) -> tuple[list[float], list[float]]:
    """The pixel of each column and of each row of the feature map, both rising.

    `look` gives the map float32 `[n, channels, h, w]` of uint8 tiles `[n, 256, 256, 3]`.
    Columns are measured by a target that moves along rows through the middle of the tile,
    averaged over several heights, and rows likewise.
    """
    if background is None:
        background = np.full((TILE_PX, TILE_PX, 3), 128, np.uint8)
    still = look(background[None])[0]
    columns = _centres(look, background, still, along_rows=True)
    rows = _centres(look, background, still, along_rows=False)
    return columns, rows


def _centres(look, background: np.ndarray, still: np.ndarray, along_rows: bool) -> list[float]:
    cells = still.shape[2] if along_rows else still.shape[1]
    stride = TILE_PX / cells
    places = np.arange(-_TARGET_PX + 1, TILE_PX, _STEP_PX)
    change = np.zeros((len(places), cells))
    # Well inside, where no padding reaches, at offsets that cover a cell's phases.
    lines = TILE_PX // 2 + np.arange(0, stride, max(stride // 4, 1)).astype(int)
    for line in lines:
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            images = np.repeat(background[None], len(some), axis=0)
            for image, place in zip(images, some):
                across = slice(max(place, 0), place + _TARGET_PX)
                down = slice(line, line + _TARGET_PX)
                patch = image[down, across] if along_rows else image[across, down]
                patch[:] = np.where(patch > 127, 0, 255)
            moved = np.abs(look(images) - still).sum(axis=1)
            change[start : start + len(some)] += moved.sum(axis=1 if along_rows else 2)
    # Squared, so that the faint and wide rim of the receptive field, which the image's edge cuts
    # off on one side, hardly pulls the mean.
    weight = change**2
    middles = places + (_TARGET_PX - 1) / 2
    centres = (weight * middles[:, None]).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
    return _regular(centres - np.arange(cells) * stride, cells)


def measure_with_towers(
    grids: np.ndarray, tiles: list[Tile]
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
    columns = _regular(bases[:, 0] - (peaks % width) * (TILE_PX / width), width)
    rows = _regular(bases[:, 1] - (peaks // width) * (TILE_PX / height), height)
    return columns, rows


def _regular(offsets: np.ndarray, cells: int) -> list[float]:
    """Centres a stride apart, from offsets to the cells' starts: the median knows neither the
    edge's padding nor the towers that were not found.
    """
    offset = float(np.median(offsets))
    return [round(cell * TILE_PX / cells + offset, 2) for cell in range(cells)]

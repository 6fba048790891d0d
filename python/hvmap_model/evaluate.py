"""Measures an ONNX file on labelled tiles, as hvmap would run it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import contract
from .curves import summary
from .session import run_batches
from .tiles import Tile, find_tiles, kinds_and_styles, read_pixels

_BATCH = 64
_EQUATOR_M = 40_075_016.686
"""Length of the equator of WGS 84."""


def evaluate(model: Path, folders: list[Path], scores_file: Path | None = None) -> dict:
    """Recall and false-positive rates over the folders' tiles.

    `scores_file` gets a line for each tile appended: the place in the folders, label, kind and
    style as `labels.csv` has them, the score, the number of towers, and for them the distance from
    the attribution's peak to the nearest base in pixels and metres.
    """
    metadata = contract.check(model)
    positives = [metadata.classes.index(name) for name in metadata.positives]
    tiles = find_tiles(folders)
    scores = np.empty(len(tiles))
    distances = np.full(len(tiles), np.nan)
    done = 0
    for part, grids in run_batches(model, _batches(tiles)):
        some = slice(done, done + len(part))
        scores[some] = part[:, positives].sum(axis=1)
        if grids is not None:
            distances[some] = [
                _distance(grid, tile, metadata) for grid, tile in zip(grids, tiles[some])
            ]
        done += len(part)
    truth = np.array([tile.positive for tile in tiles])
    if scores_file:
        _append(scores_file, tiles, folders, scores, distances)
    found = scores >= metadata.threshold
    return {
        "positives": int(truth.sum()),
        "negatives": int((~truth).sum()),
        "threshold": metadata.threshold,
        "recall": round(float(found[truth].mean()), 5),
        "false_positive_rate": round(float(found[~truth].mean()), 7),
        **summary(scores, truth),
        **_place(distances[truth & found]),
    }


def peak_px(grid: np.ndarray, metadata: contract.Metadata) -> tuple[float, float]:
    """Column and row of the attribution's peak: the mean of the 3×3 cells about the highest one,
    weighted with what they give to the margin.
    """
    row, column = np.unravel_index(np.argmax(grid), grid.shape)
    rows = slice(max(row - 1, 0), row + 2)
    columns = slice(max(column - 1, 0), column + 2)
    weight = np.maximum(grid[rows, columns], 0) + 1e-12
    xs = np.array(metadata.attribution_columns_px)[columns]
    ys = np.array(metadata.attribution_rows_px)[rows]
    total = weight.sum()
    return float((weight * xs).sum() / total), float((weight * ys[:, None]).sum() / total)


def _distance(grid: np.ndarray, tile: Tile, metadata: contract.Metadata) -> float:
    if not tile.bases:
        return np.nan
    x, y = peak_px(grid, metadata)
    return min(float(np.hypot(x - base_x, y - base_y)) for base_x, base_y in tile.bases)


def _place(distances: np.ndarray) -> dict:
    known = distances[~np.isnan(distances)]
    if not len(known):
        return {}
    return {
        "distance_px_median": round(float(np.median(known)), 2),
        "distance_px_90th": round(float(np.quantile(known, 0.9)), 2),
    }


def _batches(tiles: list[Tile]) -> Iterator[np.ndarray]:
    for start in range(0, len(tiles), _BATCH):
        yield read_pixels(tiles[start : start + _BATCH])


def _append(path: Path, tiles, folders, scores, distances) -> None:
    about = [kinds_and_styles(folder) for folder in folders]
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["folder", "z", "x", "y", "label", "kind", "style", "score", "towers", "px", "m"])
        for tile, score, distance in zip(tiles, scores, distances):
            kind, style = about[tile.source].get((tile.z, tile.x, tile.y), ("", ""))
            label = "tower" if tile.positive else "negative"
            px, m = "", ""
            if not np.isnan(distance):
                px, m = f"{distance:.1f}", f"{distance * metres_per_pixel(tile):.1f}"
            place = [folders[tile.source], tile.z, tile.x, tile.y]
            writer.writerow([*place, label, kind, style, f"{score:.6g}", len(tile.bases), px, m])


def metres_per_pixel(tile: Tile) -> float:
    """On the ground in the tile's middle: Web Mercator stretches by 1 / cos(latitude)."""
    northing = np.pi * (1 - 2 * (tile.y + 0.5) / 2**tile.z)
    return float(_EQUATOR_M / np.cosh(northing) / 2**tile.z / contract.TILE_PX)

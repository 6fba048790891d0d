"""Packaging: a Keras model in, `DIR/NAME/VERSION/model.onnx` in hvmap's contract out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from . import contract, parity
from .convert import to_onnx
from .grid import measure_cells, measure_with_towers
from .head import Head, UnfitHead
from .session import open_session, run
from .tiles import Tile, read_pixels

# Between CPU types fp32 scores differ by some 1e-6 (M); a wrong preprocessing shows at 1e-2.
_CANARY_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Package:
    """What the packager cannot read from the model."""

    classes: list[str]
    positives: list[str]
    threshold: float
    training: str
    licence: str


def package(source: Path, out: Path, notes: Package, tiles: list[Tile]) -> contract.Metadata:
    """Packages a Keras file as `out`, and proves parity on at least eight tiles.

    Raises `parity.NoParity` and writes nothing where the proof fails.
    """
    model = keras.models.load_model(source, compile=False)
    count = model.output.shape[1]
    if count != len(notes.classes):
        raise ValueError(f"{source}: {count} outputs, but {len(notes.classes)} classes were named")
    if unknown := [name for name in notes.positives if name not in notes.classes]:
        raise ValueError(f"positives {unknown} are no classes: {notes.classes}")
    positives = [notes.classes.index(name) for name in notes.positives]
    try:
        head = Head(model, positives)
    except UnfitHead as reason:
        print(f"without attribution: {reason}")
        head = None
    images = read_pixels(tiles)
    plain = to_onnx(model, None)
    converted = to_onnx(model, head) if head else plain
    about = f"{len(tiles)} labelled tiles, {sum(tile.positive for tile in tiles)} with a tower"
    report = parity.prove(model, converted, plain, head, images, about)
    session = open_session(converted.SerializeToString())
    scores, grids = run(session, images)
    columns, rows = _cells(model, head, grids, tiles) if head else ([], [])
    canaries = images[_spread(scores[:, positives].sum(axis=1))]
    scores, _ = run(session, canaries)
    metadata = contract.Metadata(
        classes=notes.classes,
        positives=notes.positives,
        activation=model.layers[-1].activation.__name__,
        threshold=notes.threshold,
        source_sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        canary_images=canaries,
        canary_scores=[[float(f"{score:.7g}") for score in row] for row in scores],
        canary_tolerance=_CANARY_TOLERANCE,
        training=notes.training,
        attribution_columns_px=columns,
        attribution_rows_px=rows,
        licence=notes.licence,
        parity=report,
    )
    contract.write(converted, metadata)
    converted.producer_name, converted.producer_version = "hvmap-model", "0.1.0"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(converted.SerializeToString())
    return contract.check(out)


def _cells(model, head: Head, grids: np.ndarray, tiles: list[Tile]):
    """The pixel of each column and row of the grid, measured with towers where that is possible."""
    measured = measure_with_towers(grids, tiles, contract.TILE_PX)
    if measured:
        return measured
    grey = np.zeros((contract.TILE_PX, contract.TILE_PX, 3), np.float32)
    return measure_cells(model, head.features, grey)


def _spread(scores: np.ndarray) -> list[int]:
    """Eight tiles over the range of scores: where all are 0 or 1, little would show."""
    chosen: list[int] = []
    for wanted in np.linspace(0.02, 0.98, contract.CANARY_COUNT):
        nearest = np.argsort(np.abs(scores - wanted), kind="stable")
        chosen.append(next(int(index) for index in nearest if index not in chosen))
    return chosen

"""Tiles for the contenders in Python: JPEG files, decoded by Pillow."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inputs import files  # noqa: E402  (it lies one folder up)


def decoded(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def batches(tiles: int, size: int) -> Iterator[np.ndarray]:
    """uint8 `[size, 256, 256, 3]`; the last may be smaller."""
    paths = files(tiles)
    for start in range(0, tiles, size):
        yield np.stack([decoded(path) for path in paths[start : start + size]])

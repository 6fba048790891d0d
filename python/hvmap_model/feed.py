"""Batches for training: a draw of tiles, cropped, turned, mirrored and changed in colour."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .augment import augmented
from .tiles import Tile

QUEUE_BATCHES = 4
"""Batches made ahead of the training step."""

# A base nearer to a crop's edge than this shows too little of its tower.
_MARGIN_PX = 12


@dataclass(frozen=True)
class Batch:
    images: np.ndarray
    """uint8 `[n, size, size, 3]`."""
    positive: np.ndarray
    """bool `[n]`."""
    cells: np.ndarray
    """float32 `[n, size / stride, size / stride]`: 1 where a tower's base stands."""
    placed: np.ndarray
    """bool `[n]`: whether `cells` tells the truth (no tower, or its base is known)."""


class Feed:
    """Draws batches for ever, from a seed."""

    def __init__(
        self,
        tiles: list[Tile],
        pixels: np.ndarray,
        *,
        batch_size: int,
        positive_share: float,
        stride_px: int,
        seed: int,
    ):
        self.tiles, self.pixels = tiles, pixels
        labels = np.array([tile.positive for tile in tiles])
        self.positives, self.negatives = np.flatnonzero(labels), np.flatnonzero(~labels)
        # Only where the tower's pixel is known can a crop be held to show it.
        placed = np.array([bool(tile.bases) for tile in tiles])
        self.cropped_positives = np.flatnonzero(labels & placed)
        self.batch_size = batch_size
        self.positive_count = round(batch_size * positive_share)
        self.stride_px = stride_px
        self.random = np.random.default_rng(seed)
        self._turns: dict[str, np.ndarray] = {}

    def batches(self, size_px: int, count: int) -> Iterator[Batch]:
        """`count` batches of crops of `size_px`, made ahead on another thread."""
        made: queue.Queue = queue.Queue(QUEUE_BATCHES)

        def make() -> None:
            try:
                for _ in range(count):
                    made.put(self._batch(size_px))
            except BaseException as error:  # handed over to the thread that waits
                made.put(error)

        threading.Thread(target=make, daemon=True).start()
        for _ in range(count):
            batch = made.get()
            if isinstance(batch, BaseException):
                raise batch
            yield batch

    def _batch(self, size_px: int) -> Batch:
        negative_count = self.batch_size - self.positive_count
        whole = size_px == self.pixels.shape[1]
        positives = self.positives if whole else self.cropped_positives
        indices = [self._draw("whole" if whole else "cropped", positives) for _ in range(self.positive_count)]
        indices += [self._draw("negative", self.negatives) for _ in range(negative_count)]
        side = size_px // self.stride_px
        images = np.empty((self.batch_size, size_px, size_px, 3), np.uint8)
        cells = np.zeros((self.batch_size, side, side), np.float32)
        positive = np.zeros(self.batch_size, bool)
        placed = np.zeros(self.batch_size, bool)
        for row, index in enumerate(indices):
            tile = self.tiles[index]
            left, top = self._corner(tile, size_px)
            image = self.pixels[index, top : top + size_px, left : left + size_px]
            grid = cells[row]
            for x_px, y_px in tile.bases:
                x, y = int((x_px - left) // self.stride_px), int((y_px - top) // self.stride_px)
                if 0 <= x < side and 0 <= y < side:
                    grid[y, x] = 1.0
            turn = self.random.integers(8)
            images[row] = _turned(augmented(image, self.random), turn)
            cells[row] = _turned(grid, turn)
            positive[row] = tile.positive
            placed[row] = not tile.positive or bool(tile.bases)
        return Batch(images, positive, cells, placed)

    def _draw(self, name: str, some: np.ndarray) -> int:
        """The next of some tiles: every one once in random order, then again."""
        left = self._turns.get(name)
        if left is None or not len(left):
            left = self.random.permutation(some)
        self._turns[name] = left[1:]
        return int(left[0])

    def _corner(self, tile: Tile, size_px: int) -> tuple[int, int]:
        """The top left pixel of a crop; a tower whose base is known stays inside."""
        room = self.pixels.shape[1] - size_px
        if room == 0:
            return 0, 0
        if tile.positive:
            base = tile.bases[self.random.integers(len(tile.bases))]
            return tuple(self._around(at, size_px, room) for at in base)
        left, top = self.random.integers(0, room + 1, 2)
        return int(left), int(top)

    def _around(self, at_px: float, size_px: int, room: int) -> int:
        lowest = min(max(0, int(at_px) - size_px + _MARGIN_PX), room)
        highest = max(min(room, int(at_px) - _MARGIN_PX), lowest)
        return int(self.random.integers(lowest, highest + 1))


def _turned(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the square's eight symmetries."""
    image = np.rot90(image, turn % 4)
    return image[:, ::-1] if turn >= 4 else image

"""Labelled tiles in folders, and their split into training and validation by place.

A folder holds `tower/` and `negative/` with images named `z-x-y.jpg` (or .png, .webp), and
optionally `labels.csv` that tells the pixel of each tower's base (as `hvmap synth tiles` writes it).
"""

from __future__ import annotations

import csv
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

POSITIVES = ("tower", "towers", "positive", "positives")
NEGATIVES = ("negative", "negatives")
"""Names of the two labels' folders."""
BLOCK_SIDE = 64
"""Tiles along the side of a block, hvmap's grid of planning."""

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.(?:jpe?g|png|webp)", re.IGNORECASE)


@dataclass(frozen=True)
class Tile:
    """One labelled image."""

    path: Path
    world: int
    """The number of the folder it came from: equal addresses in two folders are two places."""
    z: int
    x: int
    y: int
    positive: bool
    bases: tuple[tuple[float, float], ...] = field(default=())
    """Column and row in pixels of each tower's base in the tile, where known."""


def find_tiles(folders: list[Path], addressed: bool = True) -> list[Tile]:
    """Lists the tiles of labelled folders, in a fixed order.

    Images that are not named `z-x-y` have no place, which only packaging can do without
    (`addressed=False`). Images that `strike.txt` names, one path a line, are left out: that is
    how a person strikes out wrong labels. Raises `ValueError` where there is no tile of one of
    the two labels.
    """
    tiles = []
    for world, folder in enumerate(folders):
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder: name one that holds tower/ and negative/")
        bases = _bases(folder)
        struck = _struck(folder)
        for names, positive in ((POSITIVES, True), (NEGATIVES, False)):
            for path in sorted(one for name in names for one in (folder / name).glob("*")):
                if str(path.relative_to(folder)) in struck:
                    continue
                if match := _NAME.fullmatch(path.name):
                    z, x, y = map(int, match.groups())
                elif not addressed and path.suffix.lower() in _ENDINGS:
                    z, x, y = 0, len(tiles), 0
                else:
                    continue
                tiles.append(Tile(path, world, z, x, y, positive, bases.get((z, x, y), ())))
    for names, wanted in ((POSITIVES, True), (NEGATIVES, False)):
        if not any(tile.positive == wanted for tile in tiles):
            places = ", ".join(str(folder / names[0]) for folder in folders)
            raise ValueError(f"no image named z-x-y.jpg in {places}")
    return tiles


def _struck(folder: Path) -> set[str]:
    """The paths in `strike.txt`, relative to the folder; lines may have remarks behind a `#`."""
    path = folder / "strike.txt"
    if not path.exists():
        return set()
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line}


def split_by_place(tiles: list[Tile], share: float, seed: int) -> tuple[list[Tile], list[Tile]]:
    """Splits into training and validation tiles so that neighbours never straddle the split.

    Whole blocks of 64×64 tiles are drawn for validation, about `share` of them, and training
    tiles that touch a validation tile over a block's edge are left out.
    """
    training = [tile for tile in tiles if not _drawn(tile, share, seed)]
    validation = [tile for tile in tiles if _drawn(tile, share, seed)]
    held = {(tile.world, tile.z, tile.x, tile.y) for tile in validation}
    steps = (-1, 0, 1)

    def touches(tile: Tile) -> bool:
        return any(
            (tile.world, tile.z, tile.x + dx, tile.y + dy) in held for dx in steps for dy in steps
        )

    return [tile for tile in training if not touches(tile)], validation


def sample(tiles: list[Tile], count: int, seed: int) -> list[Tile]:
    """Draws `count` tiles, half of them positive as far as there are so many."""
    random = np.random.default_rng(seed)
    positives = [tile for tile in tiles if tile.positive]
    negatives = [tile for tile in tiles if not tile.positive]
    drawn = []
    for some in (positives, negatives):
        chosen = random.permutation(len(some))[: count // 2]
        drawn += [some[index] for index in chosen]
    return drawn


def read_pixels(tiles: list[Tile], size_px: int = 256) -> np.ndarray:
    """Decodes the tiles: uint8 `[n, size, size, 3]`, in their order.

    Raises `ValueError` for an image of another size.
    """
    pixels = np.empty((len(tiles), size_px, size_px, 3), np.uint8)

    def read(index: int) -> None:
        pixels[index] = read_image(tiles[index].path, size_px)

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(read, range(len(tiles))):
            pass
    return pixels


def read_image(path: Path, size_px: int = 256) -> np.ndarray:
    """Decodes one image: uint8 `[size, size, 3]`, RGB."""
    with Image.open(path) as image:
        if image.size != (size_px, size_px):
            width, height = image.size
            raise ValueError(f"{path}: expected {size_px}×{size_px} pixels, got {width}×{height}")
        return np.asarray(image.convert("RGB"))


def _drawn(tile: Tile, share: float, seed: int) -> bool:
    """Whether the tile's block is drawn for validation; the same on every machine."""
    block = (seed, tile.world, tile.z, tile.x // BLOCK_SIDE, tile.y // BLOCK_SIDE)
    digest = hashlib.sha256(repr(block).encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def kinds_and_styles(folder: Path) -> dict[tuple[int, int, int], tuple[str, str]]:
    """Kind and style of each tile, as `labels.csv` has them."""
    return {_address(row): (row["kind"], row["style"]) for row in _labels(folder)}


def _bases(folder: Path) -> dict[tuple[int, int, int], tuple[tuple[float, float], ...]]:
    """The towers' bases by tile, from the column `bases` ("x y;x y") of `labels.csv`."""
    bases = {}
    for row in _labels(folder):
        pixels = [base.split() for base in (row.get("bases") or "").split(";") if base]
        bases[_address(row)] = tuple((float(x), float(y)) for x, y in pixels)
    return bases


def _labels(folder: Path) -> list[dict[str, str]]:
    """The lines of `labels.csv`, as `hvmap synth tiles` writes it; none where there is no file."""
    path = folder / "labels.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _address(row: dict[str, str]) -> tuple[int, int, int]:
    return int(row["z"]), int(row["x"]), int(row["y"])

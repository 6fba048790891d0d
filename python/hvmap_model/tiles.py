"""Labelled tiles in folders, and their split into training and validation by place.

A folder holds `tower/` and `negative/` with images named `z-x-y.jpg` (or .png, .webp), and
optionally `labels.csv` that tells the pixel of each tower's base, as `hvmap synth tiles` writes it,
and the side of the split, as `hvmap labels` does. A table like it alone will do, too: that is how a
review's export comes in.
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
BLOCK_ZOOM = 12
"""Blocks are this zoom's tiles: of zoom 18 they are 64×64, hvmap's grid of planning."""
SPLITS = ("auto", "labels", "blocks")
"""Who decides which tiles are for validation: `labels.csv` where it says so, it or no one, nobody
but the seed."""

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_POSITIVE_LABELS = frozenset((*POSITIVES, "accepted", "yes", "1"))
_NEGATIVE_LABELS = frozenset((*NEGATIVES, "rejected", "no", "no tower", "0"))
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.(?:jpe?g|png|webp)", re.IGNORECASE)


@dataclass(frozen=True)
class Tile:
    """One labelled image."""

    path: Path
    source: int
    """The number of the folder or table it came from."""
    z: int
    x: int
    y: int
    positive: bool
    bases: tuple[tuple[float, float], ...] = field(default=())
    """Column and row in pixels of each tower's base in the tile, where known."""
    validation: bool | None = None
    """The side of the split that `labels.csv` puts it on; `None` where it says nothing."""


def find_tiles(folders: list[Path], addressed: bool = True) -> list[Tile]:
    """Lists the tiles of labelled folders and tables, in a fixed order.

    Images that are not named `z-x-y` have no place, which only packaging can do without
    (`addressed=False`). Images that `strike.txt` names, one path a line, are left out: that is
    how a person strikes out wrong labels. Raises `ValueError` where there is no tile of one of
    the two labels.
    """
    tiles: list[Tile] = []
    for source, folder in enumerate(folders):
        if folder.is_file():
            tiles += _tiles_of_table(folder, source)
            continue
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder: name one that holds tower/ and negative/")
        told = {_address(row): row for row in _labels(folder)}
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
                row = told.get((z, x, y), {})
                tiles.append(
                    Tile(path, source, z, x, y, positive, _bases(row), _validation(folder, row))
                )
    for names, wanted in ((POSITIVES, True), (NEGATIVES, False)):
        if not any(tile.positive == wanted for tile in tiles):
            places = ", ".join(
                f"{one} as {names[0]}" if one.is_file() else str(one / names[0]) for one in folders
            )
            raise ValueError(f"no image named z-x-y.jpg in {places}")
    return tiles


def _tiles_of_table(path: Path, source: int) -> list[Tile]:
    """The tiles of a table with the columns `file` (relative to the table) and `label`.

    Labels are those of folders, or a review's: accepted, rejected. Rows with another, such as
    unsure, are left out.
    """
    tiles = []
    struck = _struck(path.parent)
    rows = _rows(path)
    if rows and not {"file", "label"} <= set(rows[0]):
        raise ValueError(
            f"{path}: expected the columns file and label, got {', '.join(map(str, rows[0]))}"
        )
    for line, row in enumerate(rows, start=2):
        file, label = row["file"] or "", (row["label"] or "").strip().lower()
        if file in struck or label not in _POSITIVE_LABELS | _NEGATIVE_LABELS:
            continue
        image = path.parent / file
        match = _NAME.fullmatch(image.name)
        if not match:
            raise ValueError(f"{path}, line {line}: expected a file named z-x-y.jpg, got {file!r}")
        if not image.is_file():
            raise ValueError(f"{path}, line {line}: there is no image {image}")
        z, x, y = map(int, match.groups())
        positive = label in _POSITIVE_LABELS
        bases = _bases(row) if positive else ()
        tiles.append(Tile(image, source, z, x, y, positive, bases, _validation(path, row)))
    return tiles


def _struck(folder: Path) -> set[str]:
    """The paths in `strike.txt`, relative to the folder; lines may have remarks behind a `#`."""
    path = folder / "strike.txt"
    if not path.exists():
        return set()
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line}


def split_by_place(
    tiles: list[Tile], share: float, seed: int, split: str = "auto"
) -> tuple[list[Tile], list[Tile]]:
    """Splits into training and validation tiles so that neighbours never straddle the split.

    Whole blocks of 64×64 tiles (at zoom 18) are drawn for validation, about `share` of them; where
    `labels.csv` says which tiles are, those are taken (`auto`), insisted on (`labels`) or not
    (`blocks`). Equal addresses are one place, whatever folder they come from, and training tiles
    that are a validation tile or touch one are left out.
    """
    if split == "labels" and (silent := [tile for tile in tiles if tile.validation is None]):
        raise ValueError(
            f"{silent[0].path} has no side in the column split of labels.csv: give --split blocks, "
            "or make the folder with hvmap labels"
        )

    def drawn(tile: Tile) -> bool:
        if split != "blocks" and tile.validation is not None:
            return tile.validation
        return _drawn(tile, share, seed)

    sides = [drawn(tile) for tile in tiles]
    validation = [tile for tile, side in zip(tiles, sides) if side]
    held = {(tile.z, tile.x, tile.y) for tile in validation}
    steps = (-1, 0, 1)

    def touches(tile: Tile) -> bool:
        return any((tile.z, tile.x + dx, tile.y + dy) in held for dx in steps for dy in steps)

    training = [tile for tile, side in zip(tiles, sides) if not side and not touches(tile)]
    return training, validation


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
    down = max(tile.z - BLOCK_ZOOM, 0)
    block = (seed, tile.z - down, tile.x >> down, tile.y >> down)
    digest = hashlib.sha256(repr(block).encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def kinds_and_styles(folder: Path) -> dict[tuple[int, int, int], tuple[str, str]]:
    """Kind and style of each tile, as `labels.csv` has them."""
    return {
        _address(row): (row.get("kind") or "", row.get("style") or "") for row in _labels(folder)
    }


def _bases(row: dict[str, str]) -> tuple[tuple[float, float], ...]:
    """The towers' bases, from the column `bases` ("x y;x y") of `labels.csv`."""
    pixels = [base.split() for base in (row.get("bases") or "").split(";") if base]
    return tuple((float(x), float(y)) for x, y in pixels)


def _validation(place: Path, row: dict[str, str]) -> bool | None:
    """The side of the split, from the column `split` of `labels.csv`."""
    side = row.get("split") or ""
    if side not in ("", "training", "validation"):
        raise ValueError(f"{place}: expected training or validation as split, got {side!r}")
    return side == "validation" if side else None


def _labels(folder: Path) -> list[dict[str, str]]:
    """The lines of `labels.csv`, as `hvmap synth tiles` writes it; none where there is no file."""
    path = folder if folder.is_file() else folder / "labels.csv"
    return _rows(path) if path.exists() else []


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no table of labels (CSV): {error}") from error


def _address(row: dict[str, str]) -> tuple[int, int, int]:
    if match := _NAME.fullmatch(Path(row.get("file") or "").name):
        z, x, y = match.groups()
    else:
        z, x, y = row["z"], row["x"], row["y"]
    return int(z), int(x), int(y)

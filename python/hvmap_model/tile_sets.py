"""Tiles for calibration and proof: labelled folders, folders of images, MBTiles, or generated.

Out: pixels, with labels and places as far as the set knows them.
"""

from __future__ import annotations

import io
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from .contract import TILE_PX
from .generated import generated_images
from .tiles import NEGATIVES, POSITIVES, Tile, find_tiles, read_image, sample
from .unusable import Unusable

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
GENERATED_COUNT = 64


@dataclass(frozen=True)
class TileSet:
    images: np.ndarray
    """uint8 `[n, 256, 256, 3]`."""
    labels: np.ndarray | None
    """bool `[n]`, true for a tower; `None` where nothing tells."""
    tiles: list[Tile]
    """With the towers' pixels, in the images' order; empty where the set has no labels."""
    place: str
    """Where they came from."""
    real: bool = True
    """False for generated images, on which no proof but parity is worth anything."""

    @property
    def about(self) -> str:
        """What they are and where they came from, for the report and the metadata."""
        count = len(self.images)
        if not self.real:
            return f"{count} generated images, no tiles: they prove the conversion and nothing more"
        if self.labels is None:
            return f"{count} tiles of {self.place}, without labels"
        return f"{count} labelled tiles of {self.place}, {int(self.labels.sum())} with a tower"

    def chosen(self, indices: np.ndarray) -> TileSet:
        """Those of the indices, in their order."""
        return replace(
            self,
            images=self.images[indices],
            labels=None if self.labels is None else self.labels[indices],
            tiles=[self.tiles[index] for index in indices] if self.tiles else [],
        )

    def apart(self, count: int) -> tuple[TileSet, TileSet]:
        """`count` of the tiles, of both labels alike, and all others."""
        # Labelled tiles come with the towers first: every so-maniest takes of both.
        some = np.unique(np.linspace(0, len(self.images) - 1, count).round().astype(int))
        return self.chosen(some), self.chosen(np.setdiff1d(np.arange(len(self.images)), some))

    def without(self, other: TileSet) -> TileSet:
        """Those that are not, pixel for pixel, among the other's."""
        known = {image.tobytes() for image in other.images}
        new = [index for index, image in enumerate(self.images) if image.tobytes() not in known]
        return self.chosen(np.array(new, int))


def generated_set() -> TileSet:
    return TileSet(generated_images(GENERATED_COUNT), None, [], "a generator", real=False)


def read_tile_set(path: Path, count: int, seed: int = 1) -> TileSet:
    """Draws at most `count` tiles; of labelled ones half with a tower as far as there are so many.

    Raises `Unusable` where there are none, or an image is no tile.
    """
    if not path.exists():
        raise Unusable(f"{path} does not exist", "name a folder of tiles or an .mbtiles file")
    if path.is_file():
        return _mbtiles(path, count, seed)
    if any((path / name).is_dir() for name in (*POSITIVES, *NEGATIVES)):
        tiles = sample(find_tiles([path], addressed=False), count, seed)
        labels = np.array([tile.positive for tile in tiles])
        return TileSet(_read([tile.path for tile in tiles]), labels, tiles, path.name)
    files = sorted(one for one in path.rglob("*") if one.suffix.lower() in _ENDINGS)
    if not files:
        raise Unusable(f"{path} holds no images", "name a folder of tiles or an .mbtiles file")
    drawn = np.random.default_rng(seed).permutation(len(files))[:count]
    chosen = [files[index] for index in sorted(drawn)]
    return TileSet(_read(chosen), None, [], path.name)


def _read(paths: list[Path]) -> np.ndarray:
    images = np.empty((len(paths), TILE_PX, TILE_PX, 3), np.uint8)
    for index, path in enumerate(paths):
        try:
            images[index] = read_image(path)
        except (UnidentifiedImageError, OSError) as error:
            raise Unusable(f"{path} is no readable image", "take it out or fetch it again") from error
        except ValueError as error:
            raise Unusable(str(error), "take it out, or cut tiles of 256×256") from error
    return images


def _mbtiles(path: Path, count: int, seed: int) -> TileSet:
    """Tiles of the file's highest zoom, drawn evenly. Only addresses are held, not tiles."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            (zoom,) = database.execute("SELECT max(zoom_level) FROM tiles").fetchone()
            places = _drawn(
                database.execute(
                    "SELECT tile_column, tile_row FROM tiles WHERE zoom_level = ?", (zoom,)
                ),
                count,
                seed,
            )
            payloads = [
                database.execute(
                    "SELECT tile_data FROM tiles "
                    "WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
                    (zoom, *place),
                ).fetchone()[0]
                for place in sorted(places)
            ]
    except sqlite3.Error as error:
        raise Unusable(f"{path} is no MBTiles file ({error})", "name one, or a folder") from error
    if not payloads:
        raise Unusable(f"{path} holds no tiles", "name another file or a folder")
    images = np.empty((len(payloads), TILE_PX, TILE_PX, 3), np.uint8)
    for index, payload in enumerate(payloads):
        try:
            with Image.open(io.BytesIO(payload)) as image:
                rgb = image.convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise Unusable(f"{path} holds a tile that is no image", "name another file") from error
        if rgb.size != (TILE_PX, TILE_PX):
            raise Unusable(f"{path} has tiles of {rgb.size[0]} px", "tiles of 256 px are needed")
        images[index] = np.asarray(rgb)
    return TileSet(images, None, [], f"zoom {zoom} of {path.name}")


def _drawn(rows, count: int, seed: int) -> list:
    """A reservoir: every row has the same chance, and only `count` are held."""
    random = np.random.default_rng(seed)
    chosen: list = []
    for seen, row in enumerate(rows):
        if seen < count:
            chosen.append(row)
        elif (place := int(random.integers(0, seen + 1))) < count:
            chosen[place] = row
    return chosen

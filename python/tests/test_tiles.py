from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hvmap_model.tiles import Tile, find_tiles, read_pixels, sample, split_by_place


def square(side: int) -> list[Tile]:
    return [
        Tile(Path(f"18-{x}-{y}.jpg"), 0, 18, x, y, positive=(x + y) % 5 == 0)
        for x in range(side)
        for y in range(side)
    ]


def test_tiles_are_found_with_label_address_and_bases(labelled):
    tiles = find_tiles([labelled])
    assert len(tiles) == 64
    assert sum(tile.positive for tile in tiles) == 32
    assert all(len(tile.bases) == (1 if tile.positive else 0) for tile in tiles)
    assert all(tile.path.stem == f"{tile.z}-{tile.x}-{tile.y}" for tile in tiles)


def test_a_folder_without_a_label_is_refused(tmp_path):
    (tmp_path / "tower").mkdir()
    with pytest.raises(ValueError, match="tower"):
        find_tiles([tmp_path])


def test_an_image_of_another_size_is_refused(tmp_path):
    path = tmp_path / "18-1-1.png"
    Image.new("RGB", (512, 512)).save(path)
    with pytest.raises(ValueError, match="got 512×512"):
        read_pixels([Tile(path, 0, 18, 1, 1, True)])


def test_neighbours_never_straddle_the_split():
    training, validation = split_by_place(square(320), 0.2, seed=3)
    held = {(tile.x, tile.y) for tile in validation}
    assert 0.05 < len(held) / 320**2 < 0.4
    for tile in training:
        around = {(tile.x + dx, tile.y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
        assert not around & held


def test_the_split_depends_on_the_seed_alone():
    tiles = square(200)
    assert split_by_place(tiles, 0.3, 1) == split_by_place(tiles, 0.3, 1)
    assert split_by_place(tiles, 0.3, 1) != split_by_place(tiles, 0.3, 2)


def test_a_sample_holds_both_labels_in_equal_numbers():
    drawn = sample(square(40), 100, seed=1)
    assert sum(tile.positive for tile in drawn) == 50
    assert len({(tile.x, tile.y) for tile in drawn}) == 100
    assert np.all([tile in square(40) for tile in drawn[:5]])

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hvmap_model.evaluate import metres_per_pixel
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


def test_a_folder_given_twice_has_no_tile_on_both_sides():
    twice = square(200) + [replace(tile, source=1) for tile in square(200)]
    training, validation = split_by_place(twice, 0.3, seed=3)
    assert validation and training
    held = {(tile.x, tile.y) for tile in validation}
    assert not held & {(tile.x, tile.y) for tile in training}
    # Each tile comes as often as it was given.
    assert len(validation) == 2 * len(held)


def test_the_sides_that_a_table_tells_are_kept_and_neighbours_left_out():
    tiles = [replace(tile, validation=tile.x < 20) for tile in square(40)]
    training, validation = split_by_place(tiles, 0.5, seed=1)
    assert {tile.x for tile in validation} == set(range(20))
    assert {tile.x for tile in training} == set(range(21, 40))
    blocks = split_by_place(tiles, 0.5, 1, split="blocks")
    assert len({tile.x for tile in blocks[0] + blocks[1]}) == 40
    with pytest.raises(ValueError, match="split blocks"):
        split_by_place(square(3), 0.5, 1, split="labels")


def test_one_table_puts_a_place_on_the_validation_side_for_all():
    told = [replace(tile, validation=True) for tile in square(3)]
    training, validation = split_by_place(
        told + [replace(tile, source=1, validation=False) for tile in square(40)], 0.1, 1
    )
    assert len(validation) == 9
    assert {(tile.x, tile.y) for tile in square(40)} - {(t.x, t.y) for t in training} == {
        (x, y) for x in range(4) for y in range(4)
    }


def test_a_reviews_table_is_read_and_what_is_undecided_left_out(tmp_path):
    (tmp_path / "chips").mkdir()
    for x in range(5):
        Image.new("RGB", (256, 256)).save(tmp_path / "chips" / f"18-{x}-7.png")
    table = tmp_path / "review.csv"
    rows = ["accepted,12 30;40 50", "rejected,", "unsure,", "Accepted,", "no,"]
    lines = [f"chips/18-{x}-7.png,{row}" for x, row in enumerate(rows)]
    table.write_text("\n".join(["file,label,bases", *lines]) + "\n")
    tiles = find_tiles([table])
    assert [(tile.x, tile.positive) for tile in tiles] == [
        (0, True), (1, False), (3, True), (4, False),
    ]
    assert tiles[0].bases == ((12, 30), (40, 50)) and tiles[0].validation is None
    (tmp_path / "strike.txt").write_text("chips/18-3-7.png\n")
    assert [tile.x for tile in find_tiles([table])] == [0, 1, 4]
    table.write_text("file,label\nchips/18-9-7.png,accepted\n")
    with pytest.raises(ValueError, match="line 2: there is no image"):
        find_tiles([table])
    table.write_text("id,verdict\n1,accepted\n")
    with pytest.raises(ValueError, match="expected the columns file and label, got id, verdict"):
        find_tiles([table])


def test_the_split_depends_on_the_seed_alone():
    tiles = square(200)
    assert split_by_place(tiles, 0.3, 1) == split_by_place(tiles, 0.3, 1)
    assert split_by_place(tiles, 0.3, 1) != split_by_place(tiles, 0.3, 2)


def test_a_pixel_on_the_ground_shrinks_towards_the_poles():
    def at(y: int) -> float:
        return metres_per_pixel(Tile(Path("18-0-0.jpg"), 0, 18, 0, y, True))

    assert at(2**17) == pytest.approx(0.597, abs=1e-3)
    # 60 degrees north lies at this row: there a degree of longitude is half as long.
    row = (1 - np.arcsinh(np.tan(np.radians(60))) / np.pi) / 2 * 2**18
    assert at(int(row)) == pytest.approx(0.597 / 2, abs=1e-3)


def test_a_sample_holds_both_labels_in_equal_numbers():
    drawn = sample(square(40), 100, seed=1)
    assert sum(tile.positive for tile in drawn) == 50
    assert len({(tile.x, tile.y) for tile in drawn}) == 100
    assert np.all([tile in square(40) for tile in drawn[:5]])

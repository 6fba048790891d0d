import numpy as np
import pytest

from hvmap_model.augment import augmented
from hvmap_model.feed import Feed
from hvmap_model.tiles import find_tiles, read_pixels


@pytest.fixture(scope="module")
def tiles(labelled):
    return find_tiles([labelled])


def feed(tiles, seed=1):
    return Feed(
        tiles, read_pixels(tiles), batch_size=16, positive_share=0.25, stride_px=16, seed=seed
    )


@pytest.mark.parametrize("size_px", [128, 256])
def test_a_batch_marks_the_cell_in_which_a_tower_stands(tiles, size_px):
    for batch in feed(tiles).batches(size_px, 5):
        assert batch.images.shape == (16, size_px, size_px, 3)
        assert batch.positive.sum() == 4
        assert (batch.cells.sum(axis=(1, 2)) == batch.positive).all()
        for image, cells in zip(batch.images[batch.positive], batch.cells[batch.positive]):
            row, column = np.argwhere(cells)[0]
            window = image[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            # The cross is the only bright thing in the image, and its centre lies in the cell.
            assert window.max() > image.mean() + 50


def test_the_same_seed_gives_the_same_batches(tiles):
    for one, other in zip(feed(tiles).batches(128, 3), feed(tiles).batches(128, 3)):
        assert (one.images == other.images).all()
    first = next(feed(tiles).batches(128, 1))
    assert (first.images != next(feed(tiles, seed=2).batches(128, 1)).images).any()


def test_a_change_of_colour_keeps_shape_and_leaves_the_original_alone():
    image = np.full((64, 64, 3), 120, np.uint8)
    random = np.random.default_rng(1)
    changed = [augmented(image, random) for _ in range(20)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in changed)
    assert len({one.tobytes() for one in changed}) == 20
    assert (image == 120).all()

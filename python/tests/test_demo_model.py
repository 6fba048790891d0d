"""The shipped model, as hvmap reads it; needs neither TensorFlow nor the Rust program."""

import numpy as np
import onnx
import pytest

from hvmap_model import contract
from hvmap_model.canary import check_canaries
from hvmap_model.session import open_session, run


@pytest.fixture(scope="module")
def metadata(demo):
    return contract.check(demo)


def test_it_fits_the_contract_and_says_that_it_is_synthetic(metadata, demo):
    assert metadata.training == "synthetic"
    assert metadata.classes == ["negative", "tower"]
    assert metadata.positives == ["tower"]
    assert metadata.licence == "MIT OR Apache-2.0"
    assert demo.stat().st_size < 4_000_000


def test_its_canaries_sing_and_span_the_scores(metadata, demo):
    assert check_canaries(demo, metadata) <= metadata.canary_tolerance
    towers = np.array(metadata.canary_scores)[:, 1]
    assert towers.min() < 0.1 and towers.max() > 0.9


def test_it_was_proven_against_keras(metadata):
    assert metadata.parity["score_difference_max"] <= 1e-4
    assert metadata.parity["attribution_identity_error_max"] <= 1e-3
    assert metadata.parity["scores_bit_identical_without_attribution"] is True


def test_its_batch_normalisation_is_folded_away(demo):
    kinds = {node.op_type for node in onnx.load(demo).graph.node}
    assert "BatchNormalization" not in kinds


def test_scores_are_bitwise_the_same_alone_and_in_any_batch(metadata, demo):
    session = open_session(demo)
    together, _ = run(session, metadata.canary_images)
    alone = np.concatenate([run(session, image[None])[0] for image in metadata.canary_images])
    backwards, _ = run(session, metadata.canary_images[::-1])
    assert (together == alone).all() and (together == backwards[::-1]).all()
    two_threads, _ = run(open_session(demo, threads=2), metadata.canary_images)
    assert (together == two_threads).all()


def test_scores_are_probabilities_that_sum_to_one(metadata, demo):
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (4, 256, 256, 3), np.uint8)
    scores, grid = run(open_session(demo), images)
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert grid.shape == (4, 16, 16)


def test_cells_lie_a_stride_apart_and_inside_the_tile(metadata):
    for centres in (metadata.attribution_columns_px, metadata.attribution_rows_px):
        assert len(centres) == 16
        assert np.diff(centres) == pytest.approx(16, abs=0.5)
        assert 0 <= centres[0] < 16 and 240 <= centres[-1] < 256

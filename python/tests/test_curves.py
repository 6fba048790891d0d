import numpy as np
import pytest

from hvmap_model.curves import area_under_roc, plot, rates, recall_at, summary

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
TRUTH = np.array([True, True, False, True, False, False])


def test_rates_count_scores_at_or_above_each_threshold():
    thresholds, recall, false_positives = rates(SCORES, TRUTH)
    assert thresholds.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert recall == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1, 1])
    assert false_positives == pytest.approx([0, 0, 1 / 3, 1 / 3, 2 / 3, 1])


def test_the_area_under_the_roc_is_the_chance_of_the_right_order():
    assert area_under_roc(SCORES, TRUTH) == pytest.approx(8 / 9)
    assert area_under_roc(np.full(6, 0.5), TRUTH) == pytest.approx(0.5)


def test_recall_is_read_at_an_allowed_false_positive_rate():
    assert recall_at(SCORES, TRUTH, 0.0) == (pytest.approx(2 / 3), 0.8)
    assert recall_at(SCORES, TRUTH, 0.34) == (1.0, 0.6)
    # The negative on top leaves no threshold without a false positive.
    assert recall_at(1 - SCORES, TRUTH, 0.0) == (0.0, float("inf"))


def test_certain_scores_give_a_finite_loss():
    figures = summary(np.array([1.0, 0.0]), np.array([True, False]))
    assert figures["loss"] < 1e-5 and figures["auc"] == 1.0


def test_the_curves_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    plot(SCORES, TRUTH, 0.002, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")

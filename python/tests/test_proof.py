import json

import numpy as np
import pytest

from hvmap_model.proof import compare, rank_correlation

LABELS = np.arange(1000) < 400
SCORES = np.where(LABELS, 0.9, 0.1)
# Twenty of the others are taken for towers.
SCORES[-20:] = 0.8


def proven(scores, labels=LABELS, precision="int8"):
    rows = [np.column_stack([1 - some, some]) for some in (SCORES, scores)]
    return compare(*rows, [1], "softmax", 0.5, labels, precision)


def test_the_same_scores_prove_everything():
    proof = proven(SCORES)
    assert not proof.failures and not proof.remarks
    assert proof.figures["rank_correlation"] == 1
    assert proof.figures["recall"] == proof.figures["recall_source"] == 1
    assert proof.figures["false_positives"] == 20


@pytest.mark.parametrize(("lost", "holds"), [(2, True), (3, False)])
def test_half_a_hundredth_of_the_towers_may_be_lost(lost, holds):
    scores = SCORES.copy()
    scores[:lost] = 0.4
    assert (not proven(scores).failures) == holds


@pytest.mark.parametrize(("more", "holds"), [(-3, False), (-2, True), (2, True), (3, False)])
def test_false_positives_may_change_by_a_tenth_of_themselves(more, holds):
    scores = SCORES.copy()
    scores[400 : 400 + max(more, 0)] = 0.6
    scores[1000 + min(more, 0) :] = 0.3
    assert (not proven(scores).failures) == holds


def test_without_labels_what_the_source_finds_counts():
    proof = proven(SCORES, labels=None)
    assert not proof.failures
    assert proof.figures["found"] == 420


def test_a_proof_needs_both_classes_and_says_how_coarse_it_is():
    assert "no tile with a tower" in proven(SCORES, labels=np.zeros(1000, bool)).failures[0]
    few = np.arange(1000) < 50
    assert any("50 towers" in remark for remark in proven(SCORES, labels=few).remarks)


def test_fp32_has_to_agree_score_by_score():
    assert proven(SCORES + 2e-4, precision="fp32").failures
    assert not proven(SCORES + 5e-5, precision="fp32").failures


def test_scores_that_are_no_numbers_prove_nothing():
    scores = SCORES.copy()
    scores[7] = np.nan
    assert proven(scores, precision="fp16").failures == ["1 of 1000 tiles get no number as a score"]


def test_the_report_tells_recall_and_false_positives_at_several_thresholds():
    rows = {row["threshold"]: row for row in proven(SCORES - 0.05).thresholds}
    assert rows[0.5]["false_positives_source"] == rows[0.5]["false_positives_package"] == 20
    assert (rows[0.9]["recall_source"], rows[0.9]["recall_package"]) == (1.0, 0.0)
    assert not proven(SCORES, labels=None).thresholds


def test_figures_that_are_no_numbers_have_no_value_since_json_has_no_word_for_them():
    proof = proven(np.full_like(SCORES, 0.5), precision="fp16")
    assert proof.figures["rank_correlation"] is None
    assert json.dumps(proof.figures, allow_nan=False)


def test_the_rank_correlation_shares_the_ranks_of_equal_scores():
    one = np.array([1.0, 2.0, 2.0, 3.0])
    assert rank_correlation(one, one * 2) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.array([1.0, 2.0, 3.0, 2.0])) < 1

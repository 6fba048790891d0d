"""Proof that a packaged model answers what its source answers, in figures and in a verdict.

fp32 has to agree score by score. Smaller precisions may move scores a little; what counts is what
they do at the threshold: hardly a tower less, hardly a false tile more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .curves import area_under_roc

TOLERANCE = 1e-4
"""The largest difference of a score that fp32 may show."""
RECALL_LOSS_MAX = 0.005
"""The share of towers that another precision may lose at the threshold."""
FALSE_POSITIVES_CHANGE_MAX = 0.1
"""The share of itself by which it may change the number of false positives there."""
THRESHOLDS = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
"""At which the report tells recall and false positives, beside the recommended one."""
_TOWERS_FEW, _FALSE_POSITIVES_FEW = 200, 10


class NoParity(ValueError):
    """The packaged model's answers are not the source model's."""


@dataclass
class Proof:
    figures: dict
    """For the metadata and the report."""
    failures: list[str] = field(default_factory=list)
    """Why it does not hold; empty where it does."""
    remarks: list[str] = field(default_factory=list)
    """What a reader should know of how much it says."""
    thresholds: list[dict] = field(default_factory=list)
    """Recall and false positives of both at some thresholds, where labels are given."""


def compare(
    expected: np.ndarray,
    got: np.ndarray,
    positives: list[int],
    activation: str,
    threshold: float,
    labels: np.ndarray | None,
    precision: str,
) -> Proof:
    """Compares scores `[n, classes]` of the same tiles.

    Without labels what the source model finds at the threshold stands for the towers.
    """
    if not np.isfinite(got).all():
        tiles = int((~np.isfinite(got)).any(axis=1).sum())
        return Proof({}, [f"{tiles} of {len(got)} tiles get no number as a score"])
    difference = np.abs(got - expected)
    figures = {
        "score_difference_max": _short(difference.max()),
        "score_difference_mean": _short(difference.mean()),
    }
    proof = Proof(figures)
    if precision == "fp32" and not difference.max() <= TOLERANCE:
        proof.failures.append(
            f"scores differ by {difference.max():.2e}, expected at most {TOLERANCE}"
        )
    if not positives:
        same = expected.argmax(axis=1) == got.argmax(axis=1)
        figures["same_class"] = _short(same.mean(), 6)
        if precision != "fp32" and (~same).mean() > RECALL_LOSS_MAX:
            proof.failures.append(f"{(~same).mean():.2%} of the tiles change their class")
        return proof
    before = score_of(expected, positives, activation)
    after = score_of(got, positives, activation)
    figures["rank_correlation"] = _short(rank_correlation(before, after), 6)
    if labels is not None:
        figures["auc_source"] = _short(area_under_roc(before, labels), 6)
        figures["auc"] = _short(area_under_roc(after, labels), 6)
        proof.thresholds = [
            _at(before, after, labels, value) for value in sorted({*THRESHOLDS, threshold})
        ]
    _at_threshold(proof, before, after, threshold, labels, precision)
    return proof


def score_of(scores: np.ndarray, positives: list[int], activation: str) -> np.ndarray:
    """A tile's score, as hvmap combines it: the sum for softmax, the largest for sigmoid."""
    some = scores[:, positives]
    return some.sum(axis=1) if activation == "softmax" else some.max(axis=1)


def margin_of(scores: np.ndarray, positives: list[int], activation: str) -> np.ndarray:
    """The score's log-odds, float64; what saturates in a probability still shows there."""
    score = np.clip(score_of(scores, positives, activation).astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(score / (1 - score))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's; equal scores share the mean of their ranks."""
    ranks = [_ranks(one), _ranks(other)]
    if any(np.ptp(some) == 0 for some in ranks):
        return float("nan") if np.ptp(ranks[0]) != np.ptp(ranks[1]) else 1.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(scores: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[places]


def _at(before, after, labels, threshold: float) -> dict:
    """What both find at a threshold."""
    row: dict = {"threshold": threshold}
    for name, scores in (("source", before), ("package", after)):
        found = scores >= threshold
        row[f"recall_{name}"] = _short(found[labels].mean(), 4) if labels.any() else None
        row[f"false_positives_{name}"] = int(found[~labels].sum())
    return row


def _at_threshold(proof: Proof, before, after, threshold, labels, precision) -> None:
    found, found_now = before >= threshold, after >= threshold
    truth = found if labels is None else labels
    towers, negatives = int(truth.sum()), int((~truth).sum())
    figures = proof.figures
    figures["threshold"] = threshold
    figures["labels"] = "given" if labels is not None else "what the source model finds"
    if labels is None:
        # Of unlabelled tiles the false positives are not known: what counts is all that is found.
        false, false_now = int(found.sum()), int(found_now.sum())
        figures |= {"found_source": false, "found": false_now}
    else:
        false, false_now = int((found & ~truth).sum()), int((found_now & ~truth).sum())
        figures |= {
            "towers": towers,
            "negatives": negatives,
            "recall_source": _short((found & truth).sum() / max(towers, 1), 6),
            "false_positives_source": false,
            "false_positives": false_now,
        }
    lost = int((found & truth).sum()) - int((found_now & truth).sum())
    figures["recall"] = _short((found_now & truth).sum() / max(towers, 1), 6)
    figures["towers_lost"] = lost
    if precision == "fp32":
        return
    if not towers or not negatives:
        missing = "a tower" if not towers else "anything else"
        proof.failures.append(f"no tile with {missing} among those compared")
        return
    # A single tile is the finest step that can be seen, however few there are.
    lost_max = max(int(RECALL_LOSS_MAX * towers), 1 if towers < _TOWERS_FEW else 0)
    changed_max = max(FALSE_POSITIVES_CHANGE_MAX * false, 1 if false < _FALSE_POSITIVES_FEW else 0)
    if lost > lost_max:
        proof.failures.append(
            f"{lost} of {towers} towers fall below the threshold {threshold:g}, "
            f"expected at most {lost_max}"
        )
    if abs(false_now - false) > changed_max:
        what = "false positives" if labels is not None else "tiles found"
        proof.failures.append(
            f"{false} {what} become {false_now}, expected a change of at most {changed_max:g}"
        )
    if towers < _TOWERS_FEW:
        proof.remarks.append(f"{towers} towers show no loss of recall below {1 / towers:.1%}")
    if false < _FALSE_POSITIVES_FEW:
        proof.remarks.append(
            f"{false} false positives are too few to show a change of a tenth: one tile is allowed"
        )


def _short(value: float, digits: int = 3) -> float | None:
    """`None` for what is not a number, such as a correlation with scores that are all the same: JSON has
    no word for it."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None

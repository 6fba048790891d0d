"""How well scores tell towers from the rest: figures, and the curves as PNG.

Rates are shares of the tiles of a label. Precision depends on the base rate, which is set here
and never taken from the labelled folders: there, towers are far more frequent than in a country.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def rates(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds, falling, and recall and false-positive rate of `score >= threshold` at each."""
    thresholds = np.unique(scores)[::-1]
    positives, negatives = np.sort(scores[truth]), np.sort(scores[~truth])
    recall = 1 - np.searchsorted(positives, thresholds) / max(len(positives), 1)
    false_positives = 1 - np.searchsorted(negatives, thresholds) / max(len(negatives), 1)
    return thresholds, recall, false_positives


def area_under_roc(scores: np.ndarray, truth: np.ndarray) -> float:
    """The chance that a random tower tile scores above a random negative; ties count half."""
    positives, negatives = scores[truth], np.sort(scores[~truth])
    below = np.searchsorted(negatives, positives, "left")
    not_above = np.searchsorted(negatives, positives, "right")
    return float((below + not_above).sum() / 2 / max(len(positives) * len(negatives), 1))


def recall_at(scores: np.ndarray, truth: np.ndarray, false_positive_rate: float):
    """The highest recall at no more than that false-positive rate, and its threshold.

    The threshold is infinite and the recall 0 where even the highest score is too much.
    """
    thresholds, recall, false_positives = rates(scores, truth)
    allowed = np.flatnonzero(false_positives <= false_positive_rate)
    if not len(allowed):
        return 0.0, float("inf")
    return float(recall[allowed[-1]]), float(thresholds[allowed[-1]])


def summary(scores: np.ndarray, truth: np.ndarray) -> dict:
    """Loss (both labels weigh the same), AUC, and recall at three false-positive rates."""
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = (-np.log(clipped[truth]).mean() - np.log(1 - clipped[~truth]).mean()) / 2
    figures = {"loss": float(loss), "auc": area_under_roc(scores, truth)}
    for rate in (1e-2, 1e-3, 2e-4):
        figures[f"recall_at_{rate:g}"] = recall_at(scores, truth, rate)[0]
    return {name: round(value, 5) for name, value in figures.items()}


def plot(scores: np.ndarray, truth: np.ndarray, base_rate: float, path: Path) -> None:
    """Draws the ROC (false-positive rate on a log scale) and precision–recall at a base rate."""
    plt = pyplot()
    _, recall, false_positives = rates(scores, truth)
    hits, false = base_rate * recall, (1 - base_rate) * false_positives
    precision = hits / np.maximum(hits + false, 1e-12)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    negatives = int((~truth).sum())
    left.plot(np.maximum(false_positives, 0.5 / negatives), recall)
    left.set(xscale="log", xlabel="false-positive rate", ylabel="recall", ylim=(0, 1.02))
    left.set_title(f"ROC: {int(truth.sum())} tower tiles, {negatives} negatives", fontsize=10)
    right.plot(recall, precision)
    right.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    right.set_title(f"Precision at a base rate of {base_rate:.2%}", fontsize=10)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def plot_history(history: list[dict], path: Path) -> None:
    """Draws training and validation loss over the steps."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    steps = [check["step"] for check in history]
    axes.plot(steps, [check["training_loss"] for check in history], label="training")
    axes.plot(steps, [check["loss"] for check in history], label="validation")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def pyplot():
    """Matplotlib without a screen; only drawing needs it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot

"""Which detectors the guided scan is tried with."""

from __future__ import annotations

from dataclasses import dataclass

RECALL, RATE = 0.9, 0.001
"""Of the detector that the others are held against."""
RATES = (0.0001, 0.001, 0.005, 0.02)
BUDGET = 5_000_000
"""A scan that false positives carry away is cut off here: a tenth of Pakistan's tiles."""


@dataclass(frozen=True)
class Place:
    """A place of the synthetic world."""

    area: tuple[str, str]
    """The flag and its value."""
    seed: int


@dataclass(frozen=True)
class Row:
    name: str
    """Of its file."""
    label: str
    flags: tuple[object, ...]
    place: Place | None = None
    """In place of the area that is given."""


@dataclass(frozen=True)
class Group:
    title: str
    rows: list[Row]
    panel: str = ""
    """Its heading in the picture, where it has a panel."""


def row(name: str, label: str, *flags: object, recall: float | None = RECALL, rate: float = RATE) -> Row:
    seen = () if recall is None else ("--recall", recall)
    return Row(name, label, (*seen, "--false-positive-rate", rate, "--budget", BUDGET, *flags))


PLAIN = row("plain", "recall 0.9, rate 0.001")


def at(label: str) -> Row:
    """The plain row by another label."""
    return Row(PLAIN.name, label, PLAIN.flags)


def rates(name: str, label: str, *flags: object) -> list[Row]:
    return [
        at(f"{label}{rate:g}")
        if rate == RATE and not flags
        else row(f"{name}-{rate:g}", f"{label}{rate:g}", *flags, rate=rate)
        for rate in RATES
    ]


def roc(auc: float) -> list[Row]:
    return [
        row(f"auc-{auc:g}-{rate:g}", f"rate {rate:g}", "--auc", auc, recall=None, rate=rate)
        for rate in RATES
    ]


def drawn(value: str, seed: int, flag: str = "--bbox") -> Row:
    """The plain detector in another place."""
    name = f"area-{seed}-{value.replace(',', '_')}"
    return Row(name, f"`{flag} {value} --seed {seed}`", PLAIN.flags, Place((flag, value), seed))


GROUPS = {
    "recall": Group(
        "Recall, at a false-positive rate of 0.001",
        [
            row(f"recall-{recall:g}", f"recall {recall:g}", recall=recall) if recall != RECALL else at("recall 0.9")
            for recall in (1.0, 0.9, 0.8, 0.7)
        ],
        "recall, false-positive rate 0.001",
    ),
    "rate": Group(
        "False-positive rate, strewn evenly, at recall 0.9",
        rates("rate", "rate "),
        "false positives strewn evenly, recall 0.9",
    ),
    "clustered": Group(
        "False-positive rate, in clusters as terrain makes them, at recall 0.9",
        rates("clustered", "rate ", "--clustered"),
        "false positives in clusters, recall 0.9",
    ),
    "missing": Group(
        "Regions in which every tower is missed, at recall 0.9 and a rate of 0.001",
        [at("none")]
        + [row(f"missing-{share:g}", f"{100 * share:g} % of the area", "--missing", share) for share in (0.05, 0.1, 0.2)],
        "regions without answers, recall 0.9, rate 0.001",
    ),
    "auc-0.999": Group("Along the ROC curve of AUC 0.999", roc(0.999), "thresholds of a detector of AUC 0.999"),
    "auc-0.99": Group("Along the ROC curve of AUC 0.99", roc(0.99), "thresholds of a detector of AUC 0.99"),
    "auc-0.96": Group("Along the ROC curve of AUC 0.96", roc(0.96), "thresholds of a detector of AUC 0.96"),
    "stop": Group(
        "Where the scan stops, at recall 0.9 and a rate of 0.001",
        [
            row(f"stop-{stop:g}", f"--scan-stop {stop:g}", "--scan-stop", stop)
            for stop in (0.02, 0.01, 0.005, 0.0025)
        ],
    ),
    "window": Group(
        "What waiting costs: the outcomes that a choice does without",
        [row("window-1", "W = 1", "--scan-window", 1), at("W = 64"), row("window-256", "W = 256", "--scan-window", 256)],
    ),
    "areas": Group(
        "Other areas, of the synthetic world, at recall 0.9 and a rate of 0.001",
        [
            drawn("20,48,20.75,48.5", 9004),
            drawn("30,50,30.75,50.48", 9003),
            drawn("72,30,72.75,30.65", 9005),
            drawn("36,-3,36.75,-2.25", 9004),
            drawn("12,45,14.6,47", 9003),
            drawn("70,28,72.6,30.3", 9004),
            drawn("zambia", 9001, "--country"),
            drawn("nigeria", 9002, "--country"),
        ],
    ),
}

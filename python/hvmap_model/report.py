"""The report beside a package: one page of HTML with its figures and plots, for people."""

from __future__ import annotations

import base64
import html
import io
import json
from dataclasses import dataclass

import numpy as np

from .contract import Metadata
from .curves import pyplot, rates


@dataclass(frozen=True)
class Told:
    """What the report is about."""

    source: str
    metadata: Metadata
    why_no_attribution: str
    remarks: list[str]
    expected: np.ndarray
    """The source's score of each tile."""
    got: np.ndarray
    labels: np.ndarray | None
    batch_rewritten: bool
    thresholds: list[dict]
    """Recall and false positives of both at some thresholds; empty without labels."""
    gflop_per_tile: float | None


def page(name: str, told: Told) -> str:
    """The page; plots are inside it, so that it is one file."""
    about = told.metadata
    rows = [
        ("made from", told.source),
        ("SHA-256 of it", about.source_sha256),
        ("precision", about.precision),
        ("classes", ", ".join(about.classes)),
        ("positive", ", ".join(about.positives) or "none: hvmap asks for --model-positives"),
        ("threshold", f"{about.threshold:g}"),
        ("trained on", about.training),
        ("licence", about.licence or "not told"),
        ("attribution", _attribution(told)),
        ("canaries", f"{len(about.canary_scores)} tiles, within {about.canary_tolerance:g}"),
    ]
    if told.gflop_per_tile is not None:
        rows.append(("work", f"{told.gflop_per_tile:.3g} GFLOP a tile"))
    if told.batch_rewritten:
        rows.append(("batch", "fixed in the file, made free"))
    parts = [
        f"<h1>{html.escape(name)}</h1>",
        _synthetic(about),
        _table(rows),
        "<h2>Against the source model</h2>",
        _table([(key.replace("_", " "), _value(value)) for key, value in about.parity.items()]),
    ]
    if told.thresholds:
        parts.append(_threshold_table(told.thresholds, int((~told.labels).sum())))
    parts += [f"<p>Note: {html.escape(remark)}.</p>" for remark in told.remarks]
    if about.calibration:
        parts.append("<h2>Calibration</h2>")
        parts.append(
            _table([(key.replace("_", " "), _value(v)) for key, v in about.calibration.items()])
        )
    parts.append(f'<img alt="scores of the source and of the package" src="{_plots(told)}">')
    body = "\n".join(part for part in parts if part)
    return _PAGE.format(title=html.escape(name), body=body)


def _attribution(told: Told) -> str:
    about = told.metadata
    if not about.attribution_columns_px:
        return f"none: {told.why_no_attribution}"
    columns, rows = about.attribution_columns_px, about.attribution_rows_px
    return f"{len(columns)} × {len(rows)} cells, the first at pixel {columns[0]:g}, {rows[0]:g}"


def _synthetic(about: Metadata) -> str:
    if about.training != "synthetic":
        return ""
    return "<p><strong>SYNTHETIC: trained on drawn tiles, knows nothing of real imagery.</strong></p>"


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows]
    return f"<table>{''.join(lines)}</table>"


def _threshold_table(thresholds: list[dict], negatives: int) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in ("threshold", "recall, source", "recall, package",
                     f"false of {negatives}, source", f"false of {negatives}, package")
    )
    keys = ("threshold", "recall_source", "recall_package", "false_positives_source",
            "false_positives_package")
    lines = [
        "<tr>" + "".join(f"<td>{_value(row[key])}</td>" for key in keys) + "</tr>"
        for row in thresholds
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _value(value) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _plots(told: Told) -> str:
    """Score against score, the differences, and the ROC of both where labels are known."""
    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    colours = None if told.labels is None else np.where(told.labels, "tab:red", "tab:blue")
    axes[0].scatter(_logit(told.expected), _logit(told.got), s=8, c=colours, alpha=0.6)
    axes[0].axline((0, 0), slope=1, color="grey", lw=0.8)
    axes[0].set(xlabel="source, log-odds", ylabel="package, log-odds")
    title = "each tile" + ("" if told.labels is None else ": towers red, others blue")
    axes[0].set_title(title, fontsize=10)
    difference = told.got.astype(np.float64) - told.expected
    axes[1].hist(difference, bins=41, log=True)
    axes[1].set(xlabel="package − source, score", ylabel="tiles")
    axes[1].set_title(f"largest difference {np.abs(difference).max():.2g}", fontsize=10)
    if told.labels is None or told.labels.all() or not told.labels.any():
        axes[2].axis("off")
        axes[2].text(0.5, 0.5, "no labels, no ROC", ha="center", va="center")
    else:
        negatives = int((~told.labels).sum())
        for scores, label, style in (
            (told.expected, "source", "-"),
            (told.got, told.metadata.precision, "--"),
        ):
            _, recall, false_positives = rates(scores, told.labels)
            axes[2].plot(np.maximum(false_positives, 0.5 / negatives), recall, style, label=label)
        axes[2].set(xscale="log", xlabel="false-positive rate", ylabel="recall", ylim=(0, 1.02))
        axes[2].set_title(f"ROC, {int(told.labels.sum())} towers, {negatives} others", fontsize=10)
        axes[2].legend()
    for one in axes:
        one.grid(alpha=0.3)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=90)
    plt.close(figure)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped))


_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
th {{ text-align: left; font-weight: 600; padding: .15rem 1.5rem .15rem 0; vertical-align: top; }}
td {{ overflow-wrap: anywhere; }}
img {{ max-width: 100%; margin-top: 1.5rem; }}
</style>
{body}
"""

"""Measures the demo model on synthetic worlds that it never saw, at a real base rate.

    python python/scripts/evaluate_demo.py data/models/demo.onnx --seeds 9001 9002 \
        --positives 300 --negatives 100000 -o evaluation

draws each world's tiles in portions with `hvmap synth tiles`, scores them and throws them away;
`evaluation/scores.csv` keeps a line for each tile, `evaluation/summary.json` the figures. A
second call on the same folder goes on where the first stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np

from hvmap_model import contract, curves
from hvmap_model.evaluate import evaluate

PORTION = 10_000
"""Tiles on the disk at a time, some 300 MB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--style", help="one style; without it the mosaic of all seen ones")
    parser.add_argument("--positives", type=int, default=300, help="a seed [300]")
    parser.add_argument("--negatives", type=int, default=100_000, help="a seed [100000]")
    parser.add_argument("--hvmap", default="target/release/hvmap", help="[target/release/hvmap]")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    scores = options.output / "scores.csv"
    for seed in options.seeds:
        portions = max(1, -(-options.negatives // PORTION))
        for portion in range(portions):
            finished = options.output / f"done-{seed}-{portion}"
            if not finished.exists():
                tiles = options.output / f"seed-{seed}-{portion}"
                draw(options, seed, portion, portions, tiles)
                print(seed, portion, json.dumps(evaluate(options.model, [tiles], scores)), flush=True)
                shutil.rmtree(tiles)
                finished.touch()
    summary = summarise(scores, contract.check(options.model).threshold)
    (options.output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary, indent=1))
    rows = read(scores)
    truth = np.array([row["label"] == "tower" for row in rows])
    curves.plot(
        np.array([float(row["score"]) for row in rows]), truth, truth.mean(),
        options.output / "curves.png",
    )


def draw(options, seed: int, portion: int, portions: int, tiles: Path) -> None:
    """Another sample of the seed's world for each portion."""
    shutil.rmtree(tiles, ignore_errors=True)
    command = [options.hvmap, "synth", "tiles", "--seed", seed, "--sample", 1000 + portion]
    command += ["--positives", max(1, options.positives // portions)]
    command += ["--negatives", max(1, options.negatives // portions), "-o", tiles]
    if options.style:
        command += ["--style", options.style]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def read(scores: Path) -> list[dict[str, str]]:
    """Each place once: two portions may have drawn the same tile."""
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    world = {row["folder"]: Path(row["folder"]).name.split("-")[1] for row in rows}
    return list({(world[r["folder"]], r["z"], r["x"], r["y"]): r for r in rows}.values())


def summarise(path: Path, threshold: float) -> dict:
    """Figures over all tiles at the threshold, then for each style and kind of negative."""
    rows = read(path)
    towers = [row for row in rows if row["label"] == "tower"]
    others = [row for row in rows if row["label"] != "tower"]
    truth = np.array([row["label"] == "tower" for row in rows])
    all_scores = np.array([float(row["score"]) for row in rows])
    summary = {
        "positives": len(towers),
        "negatives": len(others),
        "base_rate": round(len(towers) / len(rows), 5),
        "threshold": threshold,
        **share(towers, threshold, "recall"),
        **share(others, threshold, "false_positive_rate"),
        **curves.summary(all_scores, truth),
        "threshold_at_0.0001": float(f"{curves.recall_at(all_scores, truth, 1e-4)[1]:.7g}"),
        **distances(towers, threshold),
        "towers_per_tile": {
            number: {"positives": len(some), **share(some, threshold, "recall"),
                     **distances(some, threshold)}
            for number, some in grouped(towers, "towers").items()
        },
        "styles": {},
        "kinds_of_negatives": {
            kind: {"tiles": len(some), **share(some, threshold, "false_positive_rate")}
            for kind, some in grouped(others, "kind").items()
        },
    }
    negatives_of = grouped(others, "style")
    for style, some in grouped(towers, "style").items():
        negatives = negatives_of.get(style, [])
        summary["styles"][style] = {
            "positives": len(some),
            "negatives": len(negatives),
            **share(some, threshold, "recall"),
            **share(negatives, threshold, "false_positive_rate"),
            **distances(some, threshold),
        }
    return summary


def grouped(rows: list[dict], key: str) -> dict[str, list[dict]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return dict(sorted(groups.items()))


def share(rows: list[dict], threshold: float, name: str) -> dict:
    """The share of rows at or above the threshold, with its 95 % interval (Wilson's)."""
    count = len(rows)
    if not count:
        return {}
    found = sum(float(row["score"]) >= threshold for row in rows)
    z, rate = 1.96, found / count
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count) * (rate * (1 - rate) / count + z * z / (4 * count**2)) ** 0.5
    return {
        name: float(f"{rate:.4g}"),
        f"{name}_95": [float(f"{max(middle - spread, 0):.3g}"), float(f"{middle + spread:.3g}")],
    }


def distances(towers: list[dict], threshold: float) -> dict:
    """From the attribution's peak to the nearest base, over the tiles found."""
    figures = {}
    for unit in ("px", "m"):
        known = [float(r[unit]) for r in towers if r[unit] and float(r["score"]) >= threshold]
        if known:
            median, ninth = np.quantile(known, [0.5, 0.9])
            figures[f"distance_{unit}_median"] = round(float(median), 1)
            figures[f"distance_{unit}_90th"] = round(float(ninth), 1)
    return figures


if __name__ == "__main__":
    main()

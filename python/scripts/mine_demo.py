"""Draws fresh synthetic tiles and keeps those that a model finds hard, as a labelled folder.

    python python/scripts/mine_demo.py first/model.onnx --seed 120 \
        --positives 2000 --negatives 20000 --hard-negatives 6000 -o mined

keeps the negatives that score above 0.02 and the towers that score below 0.9, for training to
go on with. Use seeds that no evaluation uses.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
from pathlib import Path

from hvmap_model.evaluate import evaluate

LOUD_NEGATIVE = 0.02
FAINT_TOWER = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--positives", default="0")
    parser.add_argument("--negatives", default="20000")
    parser.add_argument("--hard-negatives", default="0")
    parser.add_argument("--hvmap", default="target/release/hvmap", help="[target/release/hvmap]")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    tiles, scores = options.output / "all", options.output / "scores.csv"
    shutil.rmtree(options.output, ignore_errors=True)
    command = [options.hvmap, "synth", "tiles", "--seed", options.seed, "-o", str(tiles)]
    for name in ("positives", "negatives", "hard_negatives"):
        command += ["--" + name.replace("_", "-"), getattr(options, name)]
    tiles.mkdir(parents=True)
    subprocess.run(command, check=True, capture_output=True)
    print(json.dumps(evaluate(options.model, [tiles], scores)))
    with scores.open(newline="") as file:
        hard = {row["z"] + row["x"] + row["y"] for row in csv.DictReader(file) if is_hard(row)}
    keep(tiles, options.output, hard)
    shutil.rmtree(tiles)


def is_hard(row: dict[str, str]) -> bool:
    score = float(row["score"])
    return score < FAINT_TOWER if row["label"] == "tower" else score > LOUD_NEGATIVE


def keep(tiles: Path, out: Path, hard: set[str]) -> None:
    """Moves the hard tiles and their lines of labels.csv."""
    with (tiles / "labels.csv").open(newline="") as file:
        lines = csv.DictReader(file)
        rows = [row for row in lines if row["z"] + row["x"] + row["y"] in hard]
    with (out / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, lines.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        (out / row["label"]).mkdir(exist_ok=True)
        shutil.move(tiles / row["file"], out / row["file"])
    towers = sum(row["label"] == "tower" for row in rows)
    print(f"kept {towers} towers and {len(rows) - towers} negatives in {out}")


if __name__ == "__main__":
    main()

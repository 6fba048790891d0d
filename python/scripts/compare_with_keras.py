"""A full Xception as int8 in hvmap against Keras `predict`, by turns on the same machine.

    hvmap synth tiles --seed 7 --positives 100 --negatives 100 -o tiles
    python python/scripts/compare_with_keras.py tiles --hvmap target/release/hvmap -o comparison

The weights are random: they make no difference to the speed, and prove nothing else. Both are fed
from memory with decoded tiles. Turns follow each other, so that what else the machine does weighs
on both alike; the figure is the median of the turns' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras  # noqa: E402  (after the settings that TensorFlow reads when it is loaded)
import numpy as np  # noqa: E402

from hvmap_model.cli import main as hvmap_model  # noqa: E402
from hvmap_model.networks import NETWORKS  # noqa: E402
from hvmap_model.tile_sets import read_tile_set  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tiles", type=Path, help="labelled tiles, to calibrate with and to predict")
    parser.add_argument("--turns", type=int, default=5, help="[5]")
    parser.add_argument("--seconds", type=int, default=20, help="of hvmap a turn [20]")
    parser.add_argument("--keras-tiles", type=int, default=512, help="of Keras a turn [512]")
    parser.add_argument("--keras-batch", type=int, default=32, help="Keras's own default [32]")
    parser.add_argument("--hvmap", default="target/release/hvmap", help="[target/release/hvmap]")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    model, package = prepare(options)

    images = read_tile_set(options.tiles, 128).images
    times = -(-options.keras_tiles // len(images))
    scaled = np.tile(images, (times, 1, 1, 1))[: options.keras_tiles].astype(np.float32) / 127.5 - 1
    # What is compiled and allocated at the first call belongs to neither.
    model.predict(scaled[: options.keras_batch], batch_size=options.keras_batch, verbose=0)
    print(f"{'Keras':>8} {'hvmap':>8} {'ratio':>6}   tiles/s")
    turns = []
    for _ in range(options.turns):
        keras_rate = predict_rate(model, scaled, options.keras_batch)
        hvmap_rate = bench_rate(options, package)
        turns.append({"keras": keras_rate, "hvmap": hvmap_rate, "ratio": hvmap_rate / keras_rate})
        print(f"{keras_rate:8.1f} {hvmap_rate:8.1f} {hvmap_rate / keras_rate:6.2f}", flush=True)
    ratio = statistics.median(turn["ratio"] for turn in turns)
    print(f"median ratio {ratio:.2f}")
    result = {"median_ratio": ratio, "turns": turns, "keras": keras.__version__}
    (options.output / "comparison.json").write_text(json.dumps(result, indent=1) + "\n")


def prepare(options) -> tuple[keras.Model, Path]:
    """The Keras model and its int8 package, made where they are not there yet."""
    file = options.output / "xception.keras"
    if not file.exists():
        keras.utils.set_random_seed(1)
        NETWORKS["xception"].build(2).save(file)
    package = options.output / "models" / "xception" / "1" / "model.onnx"
    if not package.exists():
        # At threshold 0 every tile is found by both, so random scores do not fail the proof.
        arguments = ["package", str(file), "-o", str(options.output / "models"), "--name", "xception"]
        arguments += ["--precision", "int8", "--calibrate", str(options.tiles), "--threshold", "0"]
        if hvmap_model([*arguments, "--tiles-count", "64"]) != 0:
            sys.exit(2)
    return keras.models.load_model(file, compile=False), package


def predict_rate(model: keras.Model, scaled: np.ndarray, batch: int) -> float:
    start = time.perf_counter()
    model.predict(scaled, batch_size=batch, verbose=0)
    return len(scaled) / (time.perf_counter() - start)


def bench_rate(options, package: Path) -> float:
    """hvmap in its usual setting: a single-threaded session a core, batches of 2."""
    command = [options.hvmap, "model", "bench", package, "--device", "cpu", "--json"]
    command += ["--workers", len(os.sched_getaffinity(0)), "--threads", 1, "--batch", 2, "--seconds", options.seconds]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["best"]["tiles_per_s"]


if __name__ == "__main__":
    main()

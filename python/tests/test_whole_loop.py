"""From mapped towers to a map, with a model made on the way: minutes, so `make test` leaves it out.

    cargo build && make test-loop

Everything is drawn: the towers that are "mapped" are the synthetic world's, and so is the imagery.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from hvmap_model import contract  # noqa: E402
from hvmap_model.cli import main  # noqa: E402

ROOT = Path(__file__).parents[2]
HVMAP = Path(os.environ.get("HVMAP", ROOT / "target" / "debug" / "hvmap"))

LEARNT = "--bbox=11.60,43.40,12.35,43.85"
"""Where towers are mapped; the run is somewhere else."""
SCANNED = "--bbox=12.40,43.89,12.52,43.99"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HVMAP.exists(), reason=f"{HVMAP} is not built"),
]


def hvmap(*arguments) -> str:
    done = subprocess.run([HVMAP, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mapped_towers_become_a_model_that_finds_others(tmp_path):
    for name, area in (("learnt", LEARNT), ("scanned", SCANNED)):
        hvmap("synth", "truth", "--seed=1", area, "-o", tmp_path / f"{name}.geojson")
    tiles = tmp_path / "tiles"
    hvmap(
        "labels", LEARNT, "--osm", tmp_path / "learnt.geojson", "--imagery=synthetic:1",
        "--positives=500", "--negatives=1000", "--validation=0.2", "-o", tiles,
    )

    trained = tmp_path / "tower.keras"
    arguments = "--crop-steps 700 --tile-steps 150 --steps-between-checks 150 --batch-size 24"
    assert main(["train", str(tiles), "-o", str(trained), *arguments.split()]) == 0

    package = ["package", str(trained), "-o", str(tmp_path / "models"), "--name", "loop"]
    package += ["--precision", "int8", "--calibrate", str(tiles), "--training", "synthetic"]
    assert main(package) == 0
    model = tmp_path / "models" / "loop" / "1" / "model.onnx"
    assert contract.check(model).precision == "int8"

    run = tmp_path / "run"
    hvmap("run", SCANNED, "--imagery=synthetic:1", "--model", model, "--out", run, "--json")
    truth = tmp_path / "scanned.geojson"
    told = json.loads(hvmap("eval", run, "--truth", truth, "--ignore-margin-px=64", "--json"))
    told.pop("curve")
    print(json.dumps(told))
    assert told["tiles"]["positive"] >= 30
    # Chance has an AUC of 0.5, and a precision that is the base rate.
    assert told["auc"] > 0.9
    found = told["at_threshold"]
    assert found["recall"] > 0.5
    assert found["precision"] > 5 * told["base_rate"]

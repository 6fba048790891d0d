"""On an NVIDIA GPU: fp32 and fp16, from memory and from an MBTiles file to the ledger."""

from __future__ import annotations

import shutil
import subprocess

from harness import HVMAP, QUICK, WORK, Comparison, Contender, Figures, Row, program, whole
from inputs import drawn, made_model, packages
from runs import THRESHOLD

SECONDS = 10
BATCH = 64
"""As a run takes it."""
SIDE = 64 if QUICK else 512
"""Of the block of tiles that is run, so that a run lasts longer than it takes to start."""
SEEN = {"CUDA_VISIBLE_DEVICES": "0"}


def missing() -> str | None:
    """Why it cannot be measured here."""
    if shutil.which("nvidia-smi") is None:
        return "no NVIDIA GPU is at hand"
    asked = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return None if asked.returncode == 0 and asked.stdout.strip() else "no NVIDIA GPU answers"


def contenders() -> list[Contender]:
    made = packages(
        "models-shifted",
        "fp32,fp16",
        tiles="--tiles",
        source=lambda: made_model("shifted", "xception-shifted.keras"),
    )
    models = {
        "fp32": made / "xception" / "1" / "model.onnx",
        "fp16": made / "xception-fp16" / "1" / "model.onnx",
    }
    tiles, imagery = drawn(SIDE)
    both = []
    for precision, model in models.items():
        both.append(
            program(
                f"from memory, {precision}",
                HVMAP, "model", "bench", model, "--device", "cuda", "--batch", BATCH, "--seconds", SECONDS, "--json",
                read=lambda text: {"tiles_per_s": whole(text)["best"]["tiles_per_s"]},
                environment=SEEN,
            )
        )  # fmt: skip
        out = WORK / "runs" / f"gpu-{precision}"
        both.append(
            program(
                f"hvmap run, {precision}",
                HVMAP, "run", "--tiles", tiles, "--zoom", 18, "--imagery", imagery,
                "--model", model, "--threshold", THRESHOLD, "--device", "cuda", "--out", out, "--json",
                before=lambda out=out: shutil.rmtree(out, ignore_errors=True),
                read=time_line,
                environment=SEEN,
            )
        )  # fmt: skip
    return both


def time_line(text: str) -> Figures:
    """The rate, and the share of their time for which the threads of each stage were at work."""
    report = whole(text)
    assert report["scored"] == SIDE**2, f"{report['scored']} tiles were scored of {SIDE**2}"
    shares = {f"{stage['name']}_busy": stage["busy"] for stage in report["stages"]}
    return {"tiles_per_s": report["tiles_per_s"], "elapsed_s": report["elapsed_s"]} | shares


ROW = Row(
    name="gpu",
    title="On a GPU",
    contenders=contenders,
    comparisons=[
        Comparison(f"hvmap run, {precision}", f"from memory, {precision}") for precision in ("fp32", "fp16")
    ],
    note="`make bench-gpu`. Wanted on one H200 with 16 cores: 5,000 tiles/s first, 20,000 as the aim. A "
    "run's rate has its start in it, in which cuDNN plans the convolutions; the rate from memory has "
    "not. The shares are those of the stages' threads at work: decoding and predicting are the two "
    "things that a worker a core does, and the latter is for the most part waiting for one of the two "
    "sessions. Kernel by kernel: at the end of the next chapter. The model is the full Xception with "
    "random weights and, unlike the other rows', with random shifts in its normalisations: they become "
    "biases, which cost a GPU time.",
    turns=3,
    figures={
        "tiles_per_s": "tiles/s",
        "fetch_busy": "fetching",
        "decode_busy": "decoding",
        "predict_busy": "predicting",
        "record_busy": "recording",
    },
    missing=missing,
)

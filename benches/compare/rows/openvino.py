"""`hvmap run`, by ONNX Runtime's kernels and by OpenVINO's, against OpenVINO in Python."""

from __future__ import annotations

import sys

from harness import CONTENDERS, RELEASE, Comparison, Row, program, share
from inputs import files, package
from runs import xception, xception_by_openvino


def missing() -> str | None:
    folder = RELEASE / "openvino"
    return None if folder.is_dir() else f"`make ort-openvino` has put nothing into {folder}"


def contenders():
    files(1)
    return [
        xception_by_openvino("int8", 2000),
        peer("int8", package("int8"), 1000),
        xception("int8", 1200),
        xception_by_openvino("fp32", 700),
        peer("fp32", package("fp32"), 320),
        xception("fp32", 400),
        xception_by_openvino("bf16", 1200),
        peer("bf16", package("fp32"), 480),
    ]


def peer(precision, model, tiles):
    script = CONTENDERS / "openvino_run.py"
    return program(f"OpenVINO {precision}", sys.executable, script, model, precision, share(tiles))


ROW = Row(
    name="openvino",
    title="OpenVINO in Python",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap run int8 by OpenVINO", "OpenVINO int8", wanted="> 1"),
        Comparison("hvmap run fp32 by OpenVINO", "OpenVINO fp32", wanted="> 1"),
        Comparison("hvmap run bf16 by OpenVINO", "OpenVINO bf16"),
        Comparison("hvmap run int8", "OpenVINO int8"),
        Comparison("hvmap run fp32", "OpenVINO fp32"),
        Comparison("hvmap run int8", "OpenVINO bf16"),
    ],
    note="OpenVINO reads the same ONNX packages, in its throughput mode with as many requests in "
    "flight as it asks for, batches of 4 decoded by Pillow from JPEG files. bf16 is fp32's package "
    "with `INFERENCE_PRECISION_HINT`. `hvmap run … by OpenVINO` is `--device openvino`, the provider "
    "of ONNX Runtime 1.24.1 with OpenVINO 2025.4.1 in it (`make ort-openvino`); without these words it "
    "is `--device cpu`, ONNX Runtime's own kernels. Its clock and Python's "
    "start behind the compilation and first batches, hvmap's of canary tiles; with `--device cpu` the "
    "opening of a second session is counted.",
    turns=4,
    packages=("openvino", "pillow"),
    missing=missing,
)

"""`hvmap run` against OpenVINO in Python."""

import sys

from harness import CONTENDERS, Comparison, Row, program
from inputs import files, package
from runs import xception


def contenders():
    files(1)
    return [
        xception("int8", 800),
        peer("int8", package("int8"), 500),
        xception("fp32", 260),
        peer("fp32", package("fp32"), 160),
        peer("bf16", package("fp32"), 320),
    ]


def peer(precision, model, tiles):
    script = CONTENDERS / "openvino_run.py"
    return program(f"OpenVINO {precision}", sys.executable, script, model, precision, tiles)


ROW = Row(
    name="openvino",
    title="OpenVINO in Python",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap run int8", "OpenVINO int8", wanted="> 1"),
        Comparison("hvmap run fp32", "OpenVINO fp32", wanted="> 1"),
        Comparison("hvmap run fp32", "OpenVINO bf16"),
        Comparison("hvmap run int8", "OpenVINO bf16"),
    ],
    note="OpenVINO reads the same ONNX packages, in its throughput mode with as many requests in "
    "flight as it asks for, batches of 4 decoded by Pillow from JPEG files. bf16 is fp32's package "
    "with `INFERENCE_PRECISION_HINT`; hvmap has no bf16 on the processor.",
    turns=4,
    packages=("openvino", "pillow"),
)

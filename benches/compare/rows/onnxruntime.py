"""`hvmap run` against the same ONNX Runtime called from Python."""

import sys

from harness import CONTENDERS, Comparison, Row, program, share
from inputs import files, package
from runs import cores, xception

PLAIN = "ONNX Runtime in Python"
PROCESSES = "ONNX Runtime in Python, a process a core"


def contenders():
    files(1)
    script = CONTENDERS / "onnxruntime_run.py"
    return [
        xception("int8", 1200),
        program(PLAIN, sys.executable, script, package("int8"), share(800), 16, 1),
        program(PROCESSES, sys.executable, script, package("int8"), share(800), 4, cores()),
    ]


ROW = Row(
    name="onnxruntime",
    title="ONNX Runtime in Python, int8",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap run int8", PLAIN, wanted="> 1"),
        Comparison("hvmap run int8", PROCESSES, wanted="> 1"),
    ],
    note="The same package and the same ONNX Runtime. First as one writes it: a session with its "
    "defaults, batches of 16, each decoded by Pillow before it is run. Then as one would who knows "
    "what hvmap does: a process a core, each with a session of one thread and batches of 4.",
    packages=("onnxruntime", "pillow"),
)

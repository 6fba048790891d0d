"""`hvmap run` against the way of 2018 without a server: Python, Keras and Pillow."""

import sys

from harness import CONTENDERS, Comparison, Row, program, share
from inputs import files, keras_model
from runs import xception

KERAS = "Keras predict"


def contenders():
    tiles = share(320)
    files(tiles)
    return [
        xception("int8", 1200),
        xception("fp32", 800),
        program(KERAS, sys.executable, CONTENDERS / "keras_predict.py", keras_model(), tiles),
    ]


ROW = Row(
    name="keras",
    title="The way of 2018, without a server",
    contenders=contenders,
    comparisons=[
        Comparison("hvmap run int8", KERAS, wanted="≥ 3.8"),
        Comparison("hvmap run fp32", KERAS, wanted="≥ 1.3"),
    ],
    note="Keras's `predict` is given batches of 16 by a generator that reads JPEG files and decodes "
    "them with Pillow; its clock starts behind the import, the loading and a first batch. hvmap's "
    "runs from the opening of the second session to the last commit of the ledger.",
    packages=("keras", "tensorflow", "pillow"),
)

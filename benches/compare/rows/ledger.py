"""A full scan of 50 million tiles into a ledger, and of 500 thousand: rate, file and memory."""

from __future__ import annotations

import shutil

from harness import HVMAP, WORK, Comparison, Row, program, whole
from inputs import call, made
from rows.cover import pakistan

LARGE, SMALL = "50 million tiles", "half a million tiles"


def contenders():
    towers = made(
        WORK / "towers.geojson",
        lambda path: call(HVMAP, "synth", "truth", "--area", pakistan(), "--seed", 1, "-o", path),
    )
    return [
        scan(LARGE, towers, "--area", pakistan()),
        scan(SMALL, towers, "--bbox", "72,30,72.95,30.9"),
    ]


def scan(name: str, towers, *area):
    out = WORK / name.replace(" ", "-")

    def read(text: str):
        report = whole(text)
        size = sum(file.stat().st_size for file in out.glob("run.hvmap*"))
        return {"tiles": report["visited"], "file_mb": size / 1e6, "bytes_per_tile": size / report["visited"]}

    contender = program(
        name,
        HVMAP, "simulate", *area, "--zoom", 18, "--towers", towers, "--scan", "everything",
        "--recall", 0.9, "--false-positive-rate", 0.001, "--seed", 1, "--out", out, "--json",
        before=lambda: shutil.rmtree(out, ignore_errors=True),
        read=read,
    )  # fmt: skip

    def measure():
        figures = contender.measure()
        return figures | {"tiles_per_s": figures["tiles"] / figures["elapsed_s"]}

    return type(contender)(name, measure, contender.command)


ROW = Row(
    name="ledger",
    title="The ledger of a country",
    contenders=contenders,
    comparisons=[Comparison(LARGE, SMALL, wanted="≤ 1.5", figure="peak_mb")],
    note="`hvmap simulate --out` pretends to look and writes the ledger of a real run: a score for "
    "each tile, and candidates. The scan is of everything; no imagery, no model.",
    turns=3,
    figures={
        "tiles": "tiles",
        "tiles_per_s": "tiles/s",
        "elapsed_s": "seconds",
        "file_mb": "file MB",
        "bytes_per_tile": "bytes a tile",
    },
)

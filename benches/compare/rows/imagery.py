"""Imagery over HTTP from a local nginx: `hvmap run` with a model that costs nothing, against aiohttp
and Pillow."""

from __future__ import annotations

import sys

from harness import CONTENDERS, WORK, Comparison, Contender, Row, program, share
from inputs import TILES, folder, made_model
from nginx import nginx
from runs import run

PEER = "aiohttp and Pillow"
HVMAP_RUN = "hvmap run, trivial model"


def contenders():
    folder()
    model = made_model("brightness", "brightness.onnx")
    flags = (
        "--model-preprocess", "none", "--model-activation", "none", "--model-positives", 0,
        "--device", "cpu", "--rate", 0,
    )  # fmt: skip

    def hvmap(url: str) -> Contender:
        return run(HVMAP_RUN, model, TILES, *flags, imagery=url)

    def peer(url: str) -> Contender:
        return program(PEER, sys.executable, CONTENDERS / "aiohttp_fetch.py", url, share(TILES))

    return [over(hvmap), over(peer)]


def over(contender) -> Contender:
    def measure():
        with nginx(folder(), WORK) as port:
            return contender(f"http://127.0.0.1:{port}/{{z}}/{{x}}/{{y}}.jpg").measure()

    shown = contender("http://127.0.0.1:8080/{z}/{x}/{y}.jpg")
    return Contender(shown.name, measure, shown.command)


ROW = Row(
    name="imagery",
    title="Imagery over HTTP",
    contenders=contenders,
    comparisons=[Comparison(HVMAP_RUN, PEER, wanted="≥ 3")],
    note="A local nginx gives the tiles out; both fetch, decode and take the mean of the pixels. "
    "aiohttp has 32 requests under way and decodes with Pillow on a thread a core, where Python's "
    "lock is free. All three programs share the cores. hvmap writes its ledger and its map besides.",
    packages=("aiohttp", "pillow", "numpy"),
)

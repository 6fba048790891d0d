"""Imagery over HTTP from a local nginx: `hvmap run` with a model that costs nothing, against aiohttp
and Pillow."""

from __future__ import annotations

import sys

from harness import CONTENDERS, WORK, Comparison, Contender, Row, program, share
from inputs import TILES, folder, made
from nginx import nginx
from runs import run

PEER = "aiohttp and Pillow"
HVMAP_RUN = "hvmap run, trivial model"


def contenders():
    folder()
    model = made(WORK / "brightness.onnx", write_brightness)
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


def write_brightness(path) -> None:
    """A model whose score is the mean of the pixels over 255."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["share"]),
        helper.make_node("Unsqueeze", ["share", "last"], ["scores"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("white", TensorProto.FLOAT, [], [255]),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 256, 256, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "brightness", [image], [scores], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


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

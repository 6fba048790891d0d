"""A source's graph becomes one of the contract: tiles in, probabilities and attribution out.

Out: `image`, uint8 `[N, 256, 256, 3]`, to `scores`, float32 `[N, classes]`. Grey, the fit to the
network's size and the scaling stand in front of the network, inside the graph; a softmax or
sigmoid behind it where the network answers logits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from . import attribution
from .contract import ATTRIBUTION, IMAGE, SCORES, TILE_PX
from .fit import resize_matrix
from .graph import NET, OURS, Graph, attribute, name_nodes
from .preprocess import Preprocess, grey_weights
from .session import any_session
from .sources import Source

FEATURES = f"{OURS}features"
"""The extra output of `with_features`: the last feature map, for measuring and proving."""
_PASSING = ("Identity", "Reshape", "Flatten", "Squeeze", "Cast", "Unsqueeze")


@dataclass
class Assembled:
    """A graph of the contract without its metadata."""

    model: onnx.ModelProto
    classes: int
    activation: str | None
    """`softmax` or `sigmoid` where the graph ends in one; `None` where nothing tells."""
    logits: str | None
    """The value in front of it."""
    features: str | None
    """The map that global pooling takes, where the network pools so."""


class NoActivation(ValueError):
    """Nothing says whether the network answers probabilities."""


def assemble(
    source: Source, preprocess: Preprocess, fit: str | None, activation: str | None
) -> Assembled:
    """Puts a source between tiles and probabilities.

    `activation` is `softmax` or `sigmoid` for logits, `none` for probabilities, or `None` to go
    by the graph's last operator. Raises `NoActivation` where that says nothing.
    """
    model = onnx.compose.add_prefix(source.model, NET)
    name_nodes(model)
    graph = Graph(model)
    takes = model.graph.input[0].type.tensor_type.elem_type
    body_input, body_scores = NET + source.image, NET + source.scores
    made = helper.make_model(
        helper.make_graph(
            [],
            "hvmap",
            [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", TILE_PX, TILE_PX, 3])],
            [],
        ),
        opset_imports=list(model.opset_import),
        functions=list(model.functions),
    )
    made.ir_version = max(model.ir_version, 8)
    front = Graph(made)
    planes = front.add("Transpose", [IMAGE], f"{OURS}planes", perm=[0, 3, 1, 2])
    x = _prepared(front, planes, source, preprocess, fit, takes)

    opened = [node for node in graph.users.get(body_input, [])]
    if source.layout == "nhwc":
        turns = [
            node
            for node in opened
            if node.op_type == "Transpose" and attribute(node, "perm") == [0, 3, 1, 2]
        ]
        if len(turns) == len(opened) > 0:
            # The network turns its images at once: it gets them turned.
            for node in turns:
                graph.replace_value(node.output[0], x)
        else:
            x = front.add("Transpose", [x], f"{OURS}channels_last", perm=[0, 2, 3, 1])
    graph.replace_value(body_input, x)
    made.graph.node.extend(graph.proto.node)
    made.graph.initializer.extend(graph.proto.initializer)
    made.graph.sparse_initializer.extend(graph.proto.sparse_initializer)
    whole = Graph(made)

    found, logits = _activation(whole, body_scores)
    if activation in ("softmax", "sigmoid") and found:
        raise NoActivation(
            f"--activation is {activation}, but its outputs come out of a {found} already"
        )
    if activation is None and not found:
        raise NoActivation("nothing says whether its outputs are probabilities")
    rows = whole.store(f"{OURS}rows", np.array([0, -1], np.int64))
    scores = body_scores
    if activation in ("softmax", "sigmoid"):
        logits = whole.add("Reshape", [body_scores, rows], f"{OURS}logits")
        operator = {"softmax": "Softmax", "sigmoid": "Sigmoid"}[activation]
        axis = {"axis": 1} if operator == "Softmax" else {}
        scores = whole.add(operator, [logits], f"{OURS}probabilities", **axis)
        found = activation
    else:
        scores = whole.add("Reshape", [body_scores, rows], f"{OURS}probabilities")
    whole.add("Cast", [scores], SCORES, to=TensorProto.FLOAT)
    features = attribution.find_pooling(whole, body_scores)
    _finish(made, whole, [SCORES])
    probe = any_session(made.SerializeToString())
    answers = probe.run([SCORES], {IMAGE: np.zeros((2, TILE_PX, TILE_PX, 3), np.uint8)})[0]
    _set_shape(made.graph.output[0], ["N", answers.shape[1]])
    return Assembled(made, answers.shape[1], found, logits if found else None, features)


def add_attribution(assembled: Assembled, positives: list[int]) -> tuple[Assembled, attribution.Head]:
    """A copy with the attribution output. Raises `attribution.UnfitHead`."""
    if assembled.activation is None:
        raise attribution.UnfitHead("its scores come out of neither softmax nor sigmoid")
    model = onnx.ModelProto.FromString(assembled.model.SerializeToString())
    graph = Graph(model)
    head = attribution.find_head(graph, assembled.logits, assembled.activation)
    height, width = cell_count(assembled, head)
    grid = attribution.add_output(graph, head, positives, (height, width))
    graph.add("Identity", [grid], ATTRIBUTION)
    _finish(model, graph, [SCORES, ATTRIBUTION])
    _set_shape(model.graph.output[0], ["N", assembled.classes])
    _set_shape(model.graph.output[1], ["N", height, width])
    return Assembled(
        model, assembled.classes, assembled.activation, assembled.logits, head.features
    ), head


def cell_count(assembled: Assembled, head: attribution.Head) -> tuple[int, int]:
    """Height and width of the feature map, by trying."""
    model = with_features(assembled.model, head.features)
    image = np.zeros((1, TILE_PX, TILE_PX, 3), np.uint8)
    shape = any_session(model.SerializeToString()).run([FEATURES], {IMAGE: image})[0].shape
    if len(shape) != 4:
        raise attribution.UnfitHead("what it pools is no map")
    return (shape[1], shape[2]) if head.channels_last else (shape[2], shape[3])


def with_features(model: onnx.ModelProto, features: str) -> onnx.ModelProto:
    """A copy that also answers the feature map, as `FEATURES`."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    graph = Graph(copy)
    graph.add("Cast", [features], FEATURES, to=TensorProto.FLOAT)
    copy.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, None))
    return copy


def _prepared(front: Graph, planes: str, source: Source, preprocess: Preprocess, fit, takes) -> str:
    """The network's image `[N, channels, height, width]`, in the type that it takes."""
    height, width = source.height, source.width
    x = planes
    if fit == "crop":
        top, left = (TILE_PX - height) // 2, (TILE_PX - width) // 2
        bounds = {"starts": [top, left], "ends": [top + height, left + width], "axes": [2, 3]}
        stored = [front.store(f"{OURS}crop/{k}", np.array(v, np.int64)) for k, v in bounds.items()]
        x = front.add("Slice", [x, *stored], f"{OURS}cropped")
    if fit == "pad":
        top, left = (height - TILE_PX) // 2, (width - TILE_PX) // 2
        around = [0, 0, top, left, 0, 0, height - TILE_PX - top, width - TILE_PX - left]
        pads = front.store(f"{OURS}pad/widths", np.array(around, np.int64))
        # Not every runtime pads bytes; floats of bytes are exact.
        x = front.add("Cast", [x], f"{OURS}unpadded", to=TensorProto.FLOAT)
        x = front.add("Pad", [x, pads], f"{OURS}padded")
    whole_bytes = fit in (None, "crop") and source.channels == 3
    if takes == TensorProto.UINT8 and whole_bytes:
        return x
    if fit != "pad":
        x = front.add("Cast", [x], f"{OURS}numbers", to=TensorProto.FLOAT)
    if source.channels == 1:
        weights = front.store(f"{OURS}grey/weights", grey_weights().reshape(1, 3, 1, 1))
        x = front.add("Conv", [x, weights], f"{OURS}grey")
    if fit == "resize":
        rows = front.store(f"{OURS}resize/rows", resize_matrix(height))
        columns = front.store(f"{OURS}resize/columns", resize_matrix(width).T)
        x = front.add("MatMul", [rows, x], f"{OURS}resized_rows")
        x = front.add("MatMul", [x, columns], f"{OURS}resized")
    if takes == TensorProto.UINT8:
        x = front.add("Round", [x], f"{OURS}rounded")
        return front.add("Cast", [x], f"{OURS}bytes", to=TensorProto.UINT8)
    x = _scaled(front, x, preprocess, source.channels)
    if takes != TensorProto.FLOAT:
        x = front.add("Cast", [x], f"{OURS}x", to=takes)
    return x


def _scaled(front: Graph, x: str, preprocess: Preprocess, channels: int) -> str:
    if channels == 3 and preprocess.order != (0, 1, 2):
        order = front.store(f"{OURS}order", np.array(preprocess.order, np.int64))
        x = front.add("Gather", [x, order], f"{OURS}ordered", axis=1)
    for operator, numbers, neutral in (
        ("Mul", preprocess.scale, 1.0),
        ("Add", preprocess.offset, 0.0),
    ):
        numbers = numbers[:channels]
        if set(numbers) == {neutral}:
            continue
        if len(set(numbers)) == 1:
            array = np.float32(numbers[0])
        else:
            array = np.float32(numbers).reshape(1, channels, 1, 1)
        stored = front.store(f"{OURS}{operator.lower()}", array)
        x = front.add(operator, [x, stored], f"{OURS}{operator.lower()}ed")
    return x


def _activation(graph: Graph, scores: str) -> tuple[str | None, str | None]:
    """`softmax` or `sigmoid`, and the value in front of it, where the graph ends in one."""
    value = scores
    while (node := graph.maker.get(value)) is not None:
        if node.op_type in ("Softmax", "Sigmoid"):
            return node.op_type.lower(), node.input[0]
        if node.op_type not in _PASSING:
            return None, None
        value = node.input[0]
    return None, None


def _finish(model: onnx.ModelProto, graph: Graph, outputs: list[str]) -> None:
    """States the outputs, drops what they do not need, and checks the whole."""
    del model.graph.output[:]
    for name in outputs:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    del model.graph.value_info[:]
    graph.prune(outputs)
    name_nodes(model)
    graph.refresh()
    model.producer_name = "hvmap-model"


def _set_shape(value: onnx.ValueInfoProto, shape: list) -> None:
    value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))

"""Where in the image does the positive margin come from? A graph output that says it.

For a head of global average pooling and dense layers with ReLU the margin is, for the image at
hand, linear in the last feature map: each ReLU either passes or stops. So it can be shared out
over the map's cells without a remainder in the weights (HiResCAM, Draelos and Carin 2020):

    margin = sum of the grid's cells + rest

where the rest collects what the biases give, through the same ReLUs; it depends on the image.
The margin is the log-odds of the positive classes: for softmax
logsumexp(positive logits) − logsumexp(other logits), for sigmoid the largest positive logit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .graph import OURS, Graph, attribute, plain_name

_PASSING = ("Identity", "Flatten", "Squeeze", "Reshape", "Dropout", "Transpose")
_LOWEST = np.float32(-1e30)


class UnfitHead(ValueError):
    """The model's head is not one for which the margin can be shared out exactly."""


@dataclass(frozen=True)
class Dense:
    weights: np.ndarray
    """float32 `[inputs, outputs]`."""
    bias: np.ndarray
    """float32 `[outputs]`."""
    output: str
    """The value that it makes: behind its ReLU for a hidden layer, else the logits."""


@dataclass(frozen=True)
class Head:
    features: str
    """The value of the last feature map, float32 `[N, channels, h, w]`, or `[N, h, w, channels]`."""
    channels_last: bool
    hidden: list[Dense]
    last: Dense
    activation: str
    """`softmax` or `sigmoid`."""


@dataclass(frozen=True)
class Explained:
    """What the head says of a batch of feature maps; all float64."""

    margin: np.ndarray
    """`[N]`: the log-odds of the positive classes."""
    grid: np.ndarray
    """`[N, h, w]`: the margin's share of each cell."""
    rest: np.ndarray
    """`[N]`: the margin's share that has no place, from the biases alone."""


def find_pooling(graph: Graph, scores: str) -> str | None:
    """The feature map that global pooling takes, of whatever head; `None` where none pools.

    Walks back along first inputs, so that what stands behind the pooling is passed over.
    """
    value = scores
    for _ in range(len(graph.proto.node)):
        node = graph.maker.get(value)
        if node is None:
            return None
        if _pools(graph, node) is not None:
            return node.input[0]
        computed = [name for name in node.input if graph.constant(name) is None]
        if len(computed) != 1:
            return None
        value = computed[0]
    return None


def find_head(graph: Graph, logits: str, activation: str) -> Head:
    """Walks back from the logits to the global pooling.

    Raises `UnfitHead` where something else than pooling, dropout and dense layers (with ReLU
    within) stands between: there the grid would not be exact.
    """
    last = None
    hidden: list[Dense] = []
    value, relu_output = logits, None
    while True:
        node = graph.maker.get(value)
        if node is None:
            raise UnfitHead("there is no global average pooling in front of its dense layers")
        pooled = _pools(graph, node)
        if pooled is not None:
            if last is None:
                raise UnfitHead("there is no dense layer behind its global average pooling")
            if relu_output is not None:
                raise UnfitHead("a ReLU stands between its global average pooling and dense layer")
            dense = [*hidden, last]
            _check_widths(dense)
            return Head(node.input[0], pooled == "last", hidden, last, activation)
        if node.op_type in _PASSING:
            value = node.input[0]
            continue
        if node.op_type == "Relu":
            relu_output, value = node.output[0], node.input[0]
            continue
        weights, bias, source = _dense(graph, node)
        if weights is None:
            raise UnfitHead(f"its head has a {node.op_type} ({plain_name(node.name)})")
        if last is None:
            if relu_output is not None:
                raise UnfitHead("its last layer ends in a ReLU")
            last = Dense(weights, bias, logits)
        elif relu_output is None:
            # Two dense layers in a row are one.
            following = hidden[0] if hidden else last
            merged = Dense(
                weights @ following.weights,
                bias @ following.weights + following.bias,
                following.output,
            )
            if hidden:
                hidden[0] = merged
            else:
                last = merged
        else:
            hidden.insert(0, Dense(weights, bias, relu_output))
        relu_output, value = None, source


def explain(head: Head, features: np.ndarray, positives: list[int]) -> Explained:
    """The same in NumPy and float64, with the rest: what the proof compares the graph with."""
    maps = np.float64(features)
    if head.channels_last:
        maps = maps.transpose(0, 3, 1, 2)
    count, channels, height, width = maps.shape
    x = maps.mean(axis=(2, 3))
    passed = []
    for dense in head.hidden:
        x = np.maximum(x @ np.float64(dense.weights) + dense.bias, 0)
        passed.append(x > 0)
    logits = x @ np.float64(head.last.weights) + head.last.bias
    among = np.isin(np.arange(logits.shape[1]), positives)
    slope = np.zeros_like(logits)
    if head.activation == "sigmoid":
        best = np.argmax(np.where(among, logits, -np.inf), axis=1)
        margin = logits[np.arange(count), best]
        slope[np.arange(count), best] = 1
    else:
        margin = _logsumexp(logits[:, among]) - _logsumexp(logits[:, ~among])
        slope[:, among] = _softmax(logits[:, among])
        slope[:, ~among] = -_softmax(logits[:, ~among])
    # The margin is no linear function of the logits, but its tangent at them is; what the two
    # differ by has no place either.
    rest = margin - (slope * logits).sum(axis=1) + slope @ head.last.bias
    slope = slope @ np.float64(head.last.weights).T
    for dense, passes in zip(reversed(head.hidden), reversed(passed)):
        slope = slope * passes
        rest = rest + slope @ dense.bias
        slope = slope @ np.float64(dense.weights).T
    grid = np.einsum("nc,nchw->nhw", slope, maps) / (height * width)
    return Explained(margin, grid, rest)


def add_output(graph: Graph, head: Head, positives: list[int], cells: tuple[int, int]) -> str:
    """Adds nodes that make float32 `[N, h, w]`, and gives the value's name."""
    name = f"{OURS}attribution/"
    height, width = cells
    slope = _logit_slope(graph, head, positives, name)
    layers = [*head.hidden, head.last]
    for number, dense in reversed(list(enumerate(layers))):
        weights = dense.weights.T
        if number == 0:
            weights = weights / np.float32(height * width)
        stored = graph.store(f"{name}weights{number}", weights.astype(np.float32))
        slope = graph.add("MatMul", [slope, stored], f"{name}slope{number}")
        if number > 0:
            zero = graph.store(f"{name}zero", np.float32(0))
            above = graph.add("Greater", [layers[number - 1].output, zero], f"{name}above{number}")
            passes = graph.add("Cast", [above], f"{name}passes{number}", to=1)
            slope = graph.add("Mul", [slope, passes], f"{name}gated{number}")
    channels = layers[0].weights.shape[0]
    if head.channels_last:
        flat_shape, column = [0, height * width, channels], [-1, channels, 1]
        left, right = "flat", "column"
    else:
        flat_shape, column = [0, channels, height * width], [-1, 1, channels]
        left, right = "column", "flat"
    values = {
        "flat": _reshape(graph, head.features, flat_shape, f"{name}flat"),
        "column": _reshape(graph, slope, column, f"{name}column"),
    }
    product = graph.add("MatMul", [values[left], values[right]], f"{name}cells")
    return _reshape(graph, product, [-1, height, width], f"{name}grid")


def _logit_slope(graph: Graph, head: Head, positives: list[int], name: str) -> str:
    """The margin's derivative by each logit, `[N, classes]` or, where it is fixed, `[1, classes]`."""
    classes = head.last.weights.shape[1]
    among = np.isin(np.arange(classes), positives)
    if head.activation == "sigmoid" and among.sum() == 1:
        return graph.store(f"{name}slope", among.astype(np.float32)[None])
    if head.activation == "softmax" and among.sum() == 1 and classes == 2:
        return graph.store(f"{name}slope", np.where(among, 1, -1).astype(np.float32)[None])
    lowest = graph.store(f"{name}others_out", np.where(among, 0, _LOWEST)[None])
    only = graph.add("Add", [head.last.output, lowest], f"{name}only_positives")
    if head.activation == "sigmoid":
        best = graph.add("ArgMax", [only], f"{name}best", axis=1, keepdims=1)
        columns = graph.store(f"{name}columns", np.arange(classes, dtype=np.int64)[None])
        chosen = graph.add("Equal", [best, columns], f"{name}chosen")
        return graph.add("Cast", [chosen], f"{name}slope", to=1)
    up = graph.add("Softmax", [only], f"{name}up", axis=1)
    lowest = graph.store(f"{name}positives_out", np.where(among, _LOWEST, 0)[None])
    only = graph.add("Add", [head.last.output, lowest], f"{name}only_others")
    down = graph.add("Softmax", [only], f"{name}down", axis=1)
    return graph.add("Sub", [up, down], f"{name}slope")


def _reshape(graph: Graph, value: str, shape: list[int], output: str) -> str:
    stored = graph.store(f"{output}/shape", np.array(shape, np.int64))
    return graph.add("Reshape", [value, stored], output)


def _pools(graph: Graph, node) -> str | None:
    """`first` or `last`, where the channels stand in what is pooled globally; else `None`."""
    if node.op_type == "GlobalAveragePool":
        return "first"
    if node.op_type != "ReduceMean":
        return None
    axes = attribute(node, "axes")
    if axes is None and len(node.input) > 1:
        axes = graph.constant(node.input[1])
    axes = sorted(int(axis) % 4 for axis in axes) if axes is not None else []
    return {(2, 3): "first", (1, 2): "last"}.get(tuple(axes))


def _dense(graph: Graph, node):
    """Weights `[in, out]`, bias and input of a dense layer, or three times `None`."""
    nothing = None, None, None
    if node.op_type == "Gemm":
        weights = graph.constant(node.input[1])
        if weights is None or attribute(node, "transA", 0):
            return nothing
        if attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0:
            return nothing
        weights = weights.T if attribute(node, "transB", 0) else weights
        bias = graph.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
        if bias is None:
            return nothing
        return weights, np.broadcast_to(bias.reshape(-1), weights.shape[1:]), node.input[0]
    if node.op_type == "Conv":
        weights = graph.constant(node.input[1])
        if weights is None or weights.shape[2:] != (1, 1) or attribute(node, "group", 1) != 1:
            return nothing
        bias = graph.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
        weights = weights[:, :, 0, 0].T
        return weights, np.broadcast_to(bias, weights.shape[1:]), node.input[0]
    if node.op_type == "MatMul":
        weights = graph.constant(node.input[1])
        if weights is None or weights.ndim != 2:
            return nothing
        return weights, np.zeros(weights.shape[1], np.float32), node.input[0]
    if node.op_type == "Add":
        for value, other in (node.input, reversed(node.input)):
            bias = graph.constant(other)
            maker = graph.maker.get(value)
            if bias is None or maker is None or maker.op_type != "MatMul":
                continue
            weights, _, source = _dense(graph, maker)
            if weights is not None and bias.size in (1, weights.shape[1]):
                return weights, np.broadcast_to(bias.reshape(-1), weights.shape[1:]), source
    return nothing


def _check_widths(layers: list[Dense]) -> None:
    for one, other in zip(layers, layers[1:]):
        if one.weights.shape[1] != other.weights.shape[0]:
            raise UnfitHead("its dense layers do not follow each other directly")


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _logsumexp(x: np.ndarray) -> np.ndarray:
    top = x.max(axis=1)
    return top + np.log(np.exp(x - top[:, None]).sum(axis=1))

"""How much arithmetic a tile costs, counted over a graph's convolutions and dense layers."""

from __future__ import annotations

import onnx

from .contract import IMAGE
from .graph import Graph, attribute

_KEEPING_SHAPE = ("DequantizeLinear", "Cast", "Identity")
"""Operators between stored weights and their layer that leave their shape."""


def _weights(graph: Graph, value: str):
    """A layer's weights, also where they are stored as bytes or in half precision."""
    while (node := graph.maker.get(value)) is not None and node.op_type in _KEEPING_SHAPE:
        value = node.input[0]
    return graph.constant(value)


def gflop_per_tile(model: onnx.ModelProto) -> float | None:
    """Billions of operations, a multiplication and an addition being two; `None` where the size
    of a layer's output cannot be inferred. Element by element operations, a small part, are left
    out. `hvmap model inspect` counts the same.
    """
    one = onnx.ModelProto.FromString(model.SerializeToString())
    for value in one.graph.input:
        if value.name == IMAGE:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(one, data_prop=True).graph
    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
    }
    graph = Graph(one)
    products = 0
    for node in one.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        weights = _weights(graph, node.input[1])
        if weights is None:
            continue
        size = sizes.get(node.output[0])
        if not size:
            return None
        # The batch is one; what shape inference gives up on shows as 0.
        numbers = 1
        for side in size[1:]:
            numbers *= side
        if numbers == 0:
            return None
        if node.op_type == "Conv":
            products += numbers * (weights.size // weights.shape[0])
        else:
            products += numbers * weights.shape[-1 if attribute(node, "transB", 0) else -2]
    return 2 * products / 1e9

"""fp16, for GPUs: weights and values of 16 bits, with the head in float."""

from __future__ import annotations

import onnx

from .graph import OURS, Graph
from .quantise import simplified, head_nodes


def _without_repetitions(graph: onnx.GraphProto) -> None:
    """Takes out casts that are there twice: ONNX Runtime's converter writes the same one again for
    each node in float that takes the value.
    """
    known: set[str] = set()
    for node in [one for one in graph.node if one.op_type == "Cast"]:
        if node.output[0] in known:
            graph.node.remove(node)
        known.add(node.output[0])


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in half precision. Preparation of the tile and all from global pooling on stay."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    ready = simplified(model)
    graph = Graph(ready)
    front = [node.name for node in graph.proto.node if node.name.startswith(OURS)]
    made = convert_float_to_float16(
        ready,
        keep_io_types=True,
        disable_shape_infer=True,
        node_block_list=[*front, *head_nodes(ready)],
    )
    _without_repetitions(made.graph)
    ONNXModel(made).topological_sort()
    del made.graph.value_info[:]
    onnx.checker.check_model(made)
    return made

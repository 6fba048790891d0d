"""fp16, for GPUs: weights and values of 16 bits, with the head in float."""

from __future__ import annotations

import onnx

from .graph import OURS, Graph
from .quantise import simplified, head_nodes


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
    ONNXModel(made).topological_sort()
    del made.graph.value_info[:]
    onnx.checker.check_model(made)
    return made

"""fp16, for GPUs: weights and values of 16 bits, with the head in float."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from .graph import OURS, Graph, plain_name
from .quantise import TileFeed, head_nodes, simplified

LARGEST = 65504.0
"""The largest number of 16 bits; what is beyond becomes infinite, and scores no numbers."""
_RANGE_TILES = 32
"""Tiles on which the range of values is watched."""


def beyond_half(model: onnx.ModelProto, images: np.ndarray) -> list[tuple[str, float]]:
    """The layers before the head with weights or values that 16 bits cannot hold, the worst first.

    Running the converted model shows it on GPUs alone: on the processor ONNX Runtime computes it
    with 32 bits.
    """
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    ready = simplified(model)
    graph = Graph(ready)
    head = set(head_nodes(ready))
    trunk = [
        node for node in graph.proto.node if node.name not in head and not node.name.startswith(OURS)
    ]
    found: dict[str, float] = {}

    def note(node: onnx.NodeProto, size: float) -> None:
        if size > LARGEST:
            name = plain_name(node.name)
            found[name] = max(found.get(name, 0.0), size)

    for tensor in ready.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            size = float(np.abs(numpy_helper.to_array(tensor)).max(initial=0.0))
            for node in graph.users.get(tensor.name, []):
                if node in trunk:
                    note(node, size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        onnx.save(ready, path)
        calibrator = create_calibrator(
            str(path),
            sorted({node.op_type for node in trunk}),
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(TileFeed(images[:_RANGE_TILES]))
        ranges = calibrator.compute_data()
    for node in trunk:
        for value in node.output:
            if value in ranges.data:
                ends = np.concatenate([np.ravel(end) for end in ranges.data[value].range_value])
                note(node, float(np.abs(ends).max(initial=0.0)))
    return sorted(found.items(), key=lambda pair: -pair[1])


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

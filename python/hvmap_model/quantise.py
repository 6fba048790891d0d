"""int8: unsigned bytes between the layers, signed weights per channel, static, as QDQ.

The tile's bytes go into the first convolution as they are: a DequantizeLinear stands for the
scaling, and the convolution's weights and bias absorb exactly what its scale and zero point leave
over. From global pooling on everything stays in float: a quantised head makes scores collapse.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from .attribution import find_pooling
from .contract import IMAGE, SCORES, TILE_PX
from .graph import OURS, Graph, attribute, plain_name
from .session import open_session, run
from .unusable import Unusable

_TYPES = ("Conv", "Add", "Mul", "MaxPool", "AveragePool", "Concat", "Relu", "Clip", "Resize", "Pad")
_X = f"{OURS}bytes_in"
"""The first convolution's input, where it takes the tile's bytes."""


@dataclass
class Calibrated:
    """A float graph made ready, and the range of every value that may become bytes."""

    model: onnx.ModelProto
    ranges: object
    """`onnxruntime.quantization.calibrate.TensorsData`."""
    layers: list[str]
    """The nodes that may be quantised, in order."""
    entry: Entry | None


@dataclass(frozen=True)
class Entry:
    """How bytes enter the network: `x = (byte − zero_point) · scale`."""

    planes: str
    """The value that holds the tile's bytes, `[N, 3, h, w]`."""
    scale: float
    zero_point: int
    front: list[onnx.NodeProto]
    """The nodes that make it."""
    constants: list[onnx.TensorProto]


def calibrate(
    model: onnx.ModelProto, images: Iterable[np.ndarray], averaged: bool = False
) -> Calibrated:
    """Watches the values that the network takes on uint8 tiles, one `[256, 256, 3]` at a time.

    A value's range is the smallest and largest over all tiles or, `averaged`, the mean over the
    tiles of each tile's: a single tile's outlier then costs no resolution on all others.
    """
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    ready = simplified(model)
    entry = _absorb(ready)
    layers = _layers(ready)
    if not layers:
        raise Unusable("the model has no convolution that could be quantised", "leave int8 out")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        onnx.save(ready, path)
        calibrator = create_calibrator(
            str(path),
            list(_TYPES),
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"moving_average": averaged},
        )
        calibrator.collect_data(TileFeed(images, entry))
        return Calibrated(ready, calibrator.compute_data(), layers, entry)


def quantise(calibrated: Calibrated, kept: Iterable[str] = (), only: Iterable[str] | None = None):
    """The quantised graph. `kept` stay in float; `only` quantises no others."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    entry = calibrated.entry
    chosen = [name for name in calibrated.layers if only is None or name in set(only)]
    chosen = [name for name in chosen if name not in set(kept)]
    model = onnx.ModelProto.FromString(calibrated.model.SerializeToString())
    overrides = {}
    if entry is not None:
        overrides[_X] = [
            {
                "scale": np.array(entry.scale, np.float32),
                "zero_point": np.array(entry.zero_point, np.uint8),
                "quant_type": QuantType.QUInt8,
            }
        ]
    quantiser = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=calibrated.ranges,
        nodes_to_quantize=chosen,
        # An empty list of what to quantise would mean everything.
        nodes_to_exclude=[node.name for node in model.graph.node if node.name not in set(chosen)],
        op_types_to_quantize=list(_TYPES),
        extra_options={"TensorQuantOverrides": overrides, "MinimumRealRange": 1e-6},
    )
    quantiser.quantize_model()
    quantiser.model.topological_sort()
    result = quantiser.model.model
    if entry is not None:
        _let_bytes_in(result, entry)
    graph = Graph(result)
    _cut_bytes(graph)
    graph.prune([output.name for output in result.graph.output])
    onnx.checker.check_model(result)
    return result


def _cut_bytes(graph: Graph) -> None:
    """Lets a ReLU of bytes be the larger of a byte and its zero point.

    Behind a sum, which others need as it is, the ReLU cannot become part of the step that makes
    bytes, so the runtime would make numbers of the bytes and bytes of another scale of those. The
    sum's own scale costs no resolution, since its bytes are all that the ReLU sees, and saves a
    rounding.

    Where a convolution takes the same sum, the ReLU gets bytes of its own, made of the sum's numbers
    with the same scale. That changes nothing, and ONNX Runtime leaves it out. But OpenVINO computes
    with bytes behind a QuantizeLinear only where nothing but DequantizeLinear follows, and would take
    numbers in that convolution.
    """
    for node in graph.proto.node:
        numbers = graph.maker.get(node.input[0]) if node.op_type == "Relu" else None
        if numbers is None or numbers.op_type != "DequantizeLinear":
            continue
        takers = graph.users.get(node.output[0], [])
        if len(takers) != 1 or takers[0].op_type != "QuantizeLinear":
            continue
        users = graph.users.get(takers[0].output[0], [])
        if any(user.op_type != "DequantizeLinear" for user in users):
            continue
        bytes_in, scale, zero_point = numbers.input
        cut = f"{node.output[0]}_cut"
        if any(user.op_type == "Conv" for user in graph.users[numbers.output[0]]):
            bytes_in = f"{node.output[0]}_bytes"
            node.op_type = "QuantizeLinear"
            node.input[:] = numbers.output[:1] + [scale, zero_point]
            node.output[:] = [bytes_in]
            node = takers[0]
        for user in users:
            user.input[:] = [cut, scale, zero_point]
        node.op_type = "Max"
        node.input[:] = [bytes_in, zero_point]
        node.output[:] = [cut]
    graph.refresh()


def sensitivities(calibrated: Calibrated, images: np.ndarray, margin) -> list[tuple[str, float]]:
    """How much each convolution moves the margin when it alone is quantised, the worst first.

    `margin` gives float64 `[n]` of a graph's scores `[n, classes]`. Root mean square over `images`.
    """
    def margins(model):
        scores, _ = run(open_session(model.SerializeToString(), threads=2), images)
        return margin(scores)

    expected = margins(quantise(calibrated, only=[]))
    graph = Graph(calibrated.model)
    kinds = {node.name: node.op_type for node in graph.proto.node}
    moved = []
    for name in calibrated.layers:
        if kinds[name] == "Conv":
            difference = margins(quantise(calibrated, only=[name])) - expected
            moved.append((name, float(np.sqrt(np.mean(difference**2)))))
    return sorted(moved, key=lambda pair: -pair[1])


def readable(layers: Iterable[str]) -> list[str]:
    """The layers' names as the source had them."""
    return [plain_name(name) for name in layers]


class TileFeed:
    """Tiles one by one, as the calibrator asks for them."""

    def __init__(self, images: Iterable[np.ndarray], entry: Entry | None = None):
        self.images, self.entry = iter(images), entry

    def get_next(self):
        image = next(self.images, None)
        if image is None:
            return None
        if self.entry is None:
            return {IMAGE: image[None]}
        planes = image[None].transpose(0, 3, 1, 2).astype(np.float32)
        return {_X: (planes - self.entry.zero_point) * np.float32(self.entry.scale)}

    def __iter__(self):
        return self

    def __next__(self):
        item = self.get_next()
        if item is None:
            raise StopIteration
        return item


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Batch normalisation folded, constants computed, the types of all values known."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        onnx.save(model, source)
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        return onnx.load(target)


def head_nodes(model: onnx.ModelProto) -> list[str]:
    """All nodes behind the feature map that global pooling takes; none where nothing pools so."""
    graph = Graph(model)
    features = find_pooling(graph, SCORES)
    if features is None:
        return []
    trunk = graph.behind(features)
    return [node.name for node in graph.proto.node if node.name not in trunk]


def _layers(model: onnx.ModelProto) -> list[str]:
    """What may be quantised: all in front of the global pooling, or the convolutions where a
    network pools in no such way.
    """
    graph = Graph(model)
    features = find_pooling(graph, SCORES)
    allowed = graph.behind(features if features is not None else SCORES)
    types = _TYPES if features is not None else ("Conv",)
    return [
        node.name
        for node in graph.proto.node
        if node.op_type in types and node.name in allowed and not node.name.startswith(OURS)
    ]


def _absorb(model: onnx.ModelProto) -> Entry | None:
    """Lets the first convolutions take `(byte − z) · k` instead of the scaled image.

    With `x_c = byte_p(c) · s_c + o_c` the weights become `W_c · s_c / k` in the bytes' order, and
    the bias gains `Σ W_c · (s_c · z + o_c)`. Both are exact unless the convolution pads with
    zeros that are not the bytes' zero point; such a network keeps its float entry, `None`.
    """
    graph = Graph(model)
    value, scale, offset, order = _affine(graph)
    if value is None:
        return None
    convs = graph.users.get(value, [])
    if not convs or any(
        node.op_type != "Conv" or attribute(node, "group", 1) != 1 or node.input[0] != value
        for node in convs
    ):
        return None
    k = float(np.abs(scale).max())
    means = -offset / scale
    z = int(np.clip(np.rint(means.mean()), 0, 255))
    if (scale == scale[0]).all() and (offset == offset[0]).all() and scale[0] == np.float32(1 / 127.5):
        z = 128
    leftover = scale * z + offset
    padded = any(any(attribute(node, "pads", [])) or attribute(node, "auto_pad", b"NOTSET") not in
                 (b"NOTSET", b"VALID") for node in convs)
    if padded and np.abs(leftover).max() > 1e-6:
        return None
    for node in convs:
        weights = np.float64(graph.constant(node.input[1]))
        bias = np.float64(graph.constant(node.input[2])) if len(node.input) > 2 else 0.0
        bias = bias + np.einsum("ocyx,c->o", weights, leftover)
        scaled = weights * (scale / k)[None, :, None, None]
        placed = np.empty_like(scaled)
        placed[:, order] = scaled
        node_weights = graph.store(f"{node.name}/absorbing_weights", placed.astype(np.float32))
        node_bias = graph.store(f"{node.name}/absorbing_bias", bias.astype(np.float32))
        inputs = [_X, node_weights, node_bias]
        del node.input[:]
        node.input.extend(inputs)
    graph.refresh()
    planes = _planes(graph)
    names = graph.behind(planes)
    front = [_copy(node) for node in model.graph.node if node.name in names]
    needed = {value for node in front for value in node.input}
    constants = [_copy(tensor) for tensor in model.graph.initializer if tensor.name in needed]
    # For calibration the graph begins at the float image; `_let_bytes_in` gives it bytes again.
    del model.graph.input[:]
    model.graph.input.append(
        helper.make_tensor_value_info(_X, TensorProto.FLOAT, ["N", 3, "height", "width"])
    )
    graph.prune([output.name for output in model.graph.output])
    return Entry(planes, k, z, front, constants)


def _copy(proto):
    return type(proto).FromString(proto.SerializeToString())


def _planes(graph: Graph) -> str:
    """The last value that still is the tile's bytes, `[N, 3, h, w]`."""
    value = f"{OURS}planes"
    cropped = f"{OURS}cropped"
    return cropped if cropped in graph.maker else value


def _affine(graph: Graph):
    """Follows the image from its bytes through casts and constants to the first convolutions.

    Gives that value, scale and offset by channel (float64 `[3]`), and which byte each channel is;
    `None` first where something else stands between.
    """
    value = _planes(graph)
    scale, offset, order = np.ones(3), np.zeros(3), np.arange(3)
    nothing = None, scale, offset, order
    if value not in graph.maker:
        return nothing
    axis = 1
    while True:
        users = graph.users.get(value, [])
        if all(node.op_type == "Conv" for node in users):
            return (value, scale, offset, order) if axis == 1 else nothing
        if len(users) != 1:
            return nothing
        (node,) = users
        if node.op_type in ("Cast", "Identity"):
            value = node.output[0]
            continue
        if node.op_type == "Transpose":
            axis = {(0, 2, 3, 1): 3, (0, 3, 1, 2): 1}.get(tuple(attribute(node, "perm")), 0)
            if axis == 0:
                return nothing
            value = node.output[0]
            continue
        if node.op_type == "Gather" and attribute(node, "axis", 0) == axis:
            order = order[np.asarray(graph.constant(node.input[1]))]
            value = node.output[0]
            continue
        other = [name for name in node.input if name != value]
        number = graph.constant(other[0]) if len(node.input) == 2 and other else None
        if node.op_type not in ("Mul", "Add", "Sub", "Div") or number is None:
            return nothing
        number = _by_channel(np.float64(number), axis)
        if number is None:
            return nothing
        first = node.input[0] == value
        if node.op_type == "Mul":
            scale, offset = scale * number, offset * number
        elif node.op_type == "Div" and first:
            scale, offset = scale / number, offset / number
        elif node.op_type == "Add":
            offset = offset + number
        elif node.op_type == "Sub" and first:
            offset = offset - number
        else:
            return nothing
        value = node.output[0]


def _by_channel(number: np.ndarray, axis: int) -> np.ndarray | None:
    if number.size == 1:
        return np.full(3, number.ravel()[0])
    shape = [1] * 4
    shape[axis] = 3
    if list(number.shape) in (shape, shape[1:], shape[axis:]):
        return number.reshape(3)
    return None


def _let_bytes_in(model: onnx.ModelProto, entry: Entry) -> None:
    """Puts the tile's bytes where the quantised graph would make bytes of a float image."""
    graph = Graph(model)
    quantised = [n.output[0] for n in graph.users.get(_X, []) if n.op_type == "QuantizeLinear"]
    for value in quantised:
        graph.replace_value(value, entry.planes)
    del model.graph.input[:]
    model.graph.input.append(
        helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", TILE_PX, TILE_PX, 3])
    )
    scale = graph.store(f"{OURS}byte/scale", np.float32(entry.scale))
    zero_point = graph.store(f"{OURS}byte/zero_point", np.uint8(entry.zero_point))
    # A first convolution that stays in float takes the same numbers.
    numbers = helper.make_node(
        "DequantizeLinear", [entry.planes, scale, zero_point], [_X], name=_X
    )
    rest = [_copy(node) for node in model.graph.node if node.output[0] not in quantised]
    del model.graph.node[:]
    model.graph.node.extend([*entry.front, numbers, *rest])
    model.graph.initializer.extend(entry.constants)

"""ONNX files from PyTorch and elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from ..contract import TILE_PX
from ..graph import Graph, name_nodes
from ..preprocess import NAMED
from ..session import any_session
from ..unusable import Unusable
from . import Source, Wanted, sha256

OPSET_OLDEST = 13
"""Per-channel quantisation came with it; older files are lifted to `OPSET_LIFTED`."""
OPSET_LIFTED = 17


def open_onnx(path: Path, wanted: Wanted) -> Source:
    """Opens a file, with its external data where it has some."""
    model, files = _load(path)
    if any(entry.key == "hvmap.contract" for entry in model.metadata_props):
        raise Unusable(f"{path} is packaged already", "package the model that it was made from")
    name_nodes(model)
    _tidy(model)
    image = _image(path, model)
    shape = _shape(image)
    layout = _layout(path, shape, wanted.layout)
    channels, height, width = _dimensions(path, shape, layout, wanted.size_px)
    scores = _scores(path, model, wanted.output)
    original = model.SerializeToString()
    dtype = image.type.tensor_type.elem_type
    fixed = isinstance(shape[0], int) and shape[0] > 0
    if fixed:
        _open_batch(path, model, image.name, scores, shape[0], (layout, height, width, channels))
    _lift(model)

    session = any_session(original)
    batch = shape[0] if fixed else None

    def answer(prepared: np.ndarray) -> np.ndarray:
        return _answers(session, image.name, scores, prepared, layout, dtype, batch)

    return Source(
        kind=f"ONNX{f' by {model.producer_name}' if model.producer_name else ''}",
        sha256=sha256(files),
        model=model,
        image=image.name,
        layout=layout,
        height=height,
        width=width,
        channels=channels,
        scores=scores,
        answer=answer,
        # A model that takes bytes scales them itself.
        preprocess=NAMED["none"] if dtype == TensorProto.UINT8 else None,
        batch_rewritten=fixed,
    )


def _load(path: Path) -> tuple[onnx.ModelProto, list[Path]]:
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise Unusable(f"{path} is no ONNX model ({_short(error)})", "copy or export it again") from error
    if not model.graph.node:
        raise Unusable(f"{path} is no ONNX model, or is cut short", "copy or export it again")
    outside = sorted(
        {
            entry.value
            for tensor in model.graph.initializer
            if tensor.data_location == TensorProto.EXTERNAL
            for entry in tensor.external_data
            if entry.key == "location"
        }
    )
    for name in outside:
        if not (path.parent / name).exists():
            raise Unusable(
                f"{path} keeps its weights in {name}, which is missing",
                "put that file beside it",
            )
    try:
        if outside:
            onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise Unusable(
            f"{path} is damaged or no valid ONNX model ({_short(error)})", "copy or export it again"
        ) from error
    return model, [path, *(path.parent / name for name in outside)]


def _tidy(model: onnx.ModelProto) -> None:
    """Old exporters list weights among the inputs, which keeps ONNX Runtime from folding them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in inputs]
    del model.graph.input[:]
    model.graph.input.extend(copies)
    model.ir_version = max(model.ir_version, 8)


def _image(path: Path, model: onnx.ModelProto) -> onnx.ValueInfoProto:
    inputs = list(model.graph.input)
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        raise Unusable(
            f"{path} takes {len(inputs)} inputs ({names}), expected one image",
            "export the classifier alone",
        )
    image = inputs[0]
    shape = _shape(image)
    if len(shape) != 4:
        raise Unusable(
            f"{path}: the input {image.name} has the shape {shape}, expected a batch of images",
            "export a model that takes [N, height, width, 3] or [N, 3, height, width]",
        )
    allowed = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8)
    if image.type.tensor_type.elem_type not in allowed:
        got = TensorProto.DataType.Name(image.type.tensor_type.elem_type)
        raise Unusable(f"{path}: the input {image.name} takes {got}", "export it for FLOAT or UINT8")
    return image


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [
        d.dim_value if d.HasField("dim_value") else (d.dim_param or "?")
        for d in value.type.tensor_type.shape.dim
    ]


def _layout(path: Path, shape: list, told: str | None) -> str:
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first != last:
        found = "nchw" if first else "nhwc"
        if told not in (None, found):
            raise Unusable(f"{path} takes {shape}, which is {found}", f"leave --layout {told} out")
        return found
    if told is None:
        raise Unusable(
            f"{path} takes {shape}, which does not tell where the colours stand",
            "add --layout nhwc or nchw",
        )
    return told


def _dimensions(path: Path, shape: list, layout: str, size_px: int | None) -> tuple[int, int, int]:
    channels = shape[1] if layout == "nchw" else shape[3]
    sides = shape[2:4] if layout == "nchw" else shape[1:3]
    if channels not in (1, 3):
        if isinstance(channels, str):
            channels = 3
        else:
            raise Unusable(
                f"{path} takes images of {channels} channels, expected 3 or 1",
                "only RGB and grey models can be packaged",
            )
    sides = [side if isinstance(side, int) and side > 0 else size_px or TILE_PX for side in sides]
    return channels, sides[0], sides[1]


def _scores(path: Path, model: onnx.ModelProto, told: str | None) -> str:
    outputs = {value.name: value for value in model.graph.output}
    shapes = ", ".join(f"{name} {_shape(value)}" for name, value in outputs.items())
    if told is not None:
        if told not in outputs:
            raise Unusable(f"{path} has no output {told}", f"--output-name with one of: {shapes}")
        return told
    fitting = [name for name, value in outputs.items() if _is_row(_shape(value))]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Unusable(
            f"{path} answers {shapes}, and no output is a row of scores for each image",
            "a detection or segmentation model cannot be packaged, only a classifier can",
        )
    raise Unusable(f"{path} has several outputs: {shapes}", "say with --output-name which holds the scores")


def _is_row(shape: list) -> bool:
    """`[N]`, `[N, classes]` or `[N, classes, 1, 1]`, or a shape that does not say."""
    if len(shape) <= 2:
        return True
    return len(shape) == 4 and shape[2:] == [1, 1]


def _open_batch(path, model: onnx.ModelProto, image: str, scores: str, batch: int, size) -> None:
    """Makes the graph take any number of images, and tries it.

    What an exporter wrote as a fixed batch stands in shapes: of the input, of values on the way,
    and in the constants of Reshape, where −1 or 0 (as in the input) can take its place.
    """
    graph = Graph(model)
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if dims and (not dims[0].HasField("dim_value") or dims[0].dim_value == batch):
            dims[0].Clear()
            dims[0].dim_param = "N"
    del model.graph.value_info[:]
    for node in list(model.graph.node):
        if node.op_type != "Reshape":
            continue
        target = graph.constant(node.input[1])
        if target is None or not len(target) or target[0] != batch:
            continue
        target = target.copy()
        target[0] = -1 if -1 not in target else 0
        node.input[1] = graph.store(f"{node.name}/any_batch", target.astype(np.int64))
    layout, height, width, channels = size
    shape = [height, width, channels] if layout == "nhwc" else [channels, height, width]
    dtype = model.graph.input[0].type.tensor_type.elem_type
    random = np.random.default_rng(1)
    images = random.uniform(0, 1, (2 * batch, *shape)).astype(onnx.helper.tensor_dtype_to_np_dtype(dtype))
    try:
        session = any_session(model.SerializeToString())
        both = session.run([scores], {image: images})[0]
        parts = [session.run([scores], {image: images[at : at + batch]})[0] for at in (0, batch)]
        same = len(both) == 2 * batch and np.allclose(both, np.concatenate(parts), atol=1e-4)
    except Exception as error:  # whatever ONNX Runtime raises means that it cannot be
        raise Unusable(
            f"{path} fixes its batch at {batch} inside the graph ({_short(error)})",
            "export it with a dynamic batch",
        ) from error
    if not same:
        raise Unusable(
            f"{path} fixes its batch at {batch} inside the graph", "export it with a dynamic batch"
        )


def _lift(model: onnx.ModelProto) -> None:
    """Old operator sets are lifted, as far as ONNX knows how."""
    standard = next(one for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if standard.version >= OPSET_OLDEST:
        return
    try:
        lifted = onnx.version_converter.convert_version(model, OPSET_LIFTED)
    except Exception:  # an operator without a converter: fp32 still runs as it is
        return
    model.CopyFrom(lifted)


def _answers(session, image, scores, prepared, layout, dtype, batch) -> np.ndarray:
    numbers = prepared.transpose(0, 3, 1, 2) if layout == "nchw" else prepared
    kind = onnx.helper.tensor_dtype_to_np_dtype(dtype)
    numbers = np.rint(numbers).astype(kind) if kind == np.uint8 else numbers.astype(kind)
    size = batch or 8
    parts = []
    for start in range(0, len(numbers), size):
        part = np.ascontiguousarray(numbers[start : start + size])
        missing = size - len(part) if batch else 0
        filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
        parts.append(session.run([scores], {image: filled})[0][: len(part)])
    rows = np.concatenate(parts)
    return rows.reshape(len(prepared), -1).astype(np.float32)


def _short(error: Exception) -> str:
    """The first line of a library's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__

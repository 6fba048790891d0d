"""The model contract: what hvmap expects of an ONNX file, and the metadata that it reads.

- input `image`: uint8 `[N, 256, 256, 3]`, RGB, rows top-down;
- output `scores`: float32 `[N, classes]`, probabilities;
- output `attribution` (optional): float32 `[N, h, w]`, the positive margin shared out.

The metadata are strings under the keys below; what is no plain text is JSON.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from PIL import Image

VERSION = "1"
IMAGE, SCORES, ATTRIBUTION = "image", "scores", "attribution"
TILE_PX = 256
CANARY_COUNT = 8
TRAININGS = ("synthetic", "real", "unknown")

_PREFIX = "hvmap."
_ATTRIBUTION_KEYS = ("attribution_columns_px", "attribution_rows_px")
_LEFT_OUT_EMPTY = (*_ATTRIBUTION_KEYS, "calibration", "canary_scores_openvino")


class BrokenContract(ValueError):
    """An ONNX file is not what the contract says."""


@dataclass
class Metadata:
    """What the file says of itself. Each field is the key `hvmap.<field>`."""

    classes: list[str]
    """Names, in the order of the scores."""
    positives: list[str]
    """The classes that count as a tower; none where the packager was not told, and hvmap asks."""
    activation: str
    """`softmax` or `sigmoid`: how the scores became probabilities."""
    threshold: float
    """Recommended: a tile counts as a detection at this score or above."""
    source_sha256: str
    """Of the file that was packaged, lower-case hexadecimal."""
    canary_images: np.ndarray
    """uint8 `[8, 256, 256, 3]`; in the file one PNG, the tiles below each other, in base64."""
    canary_scores: list[list[float]]
    """`[8][classes]`, as ONNX Runtime gave them where the model was packaged."""
    canary_tolerance: float
    """The largest difference of a score that another machine may show."""
    precision: str = "fp32"
    training: str = "unknown"
    """`synthetic`, `real` or `unknown`: a synthetic model is refused on real imagery."""
    attribution_columns_px: list[float] = field(default_factory=list)
    """The pixel column of each grid column's centre, rising; empty without attribution."""
    attribution_rows_px: list[float] = field(default_factory=list)
    licence: str = ""
    parity: dict = field(default_factory=dict)
    """How close the file's scores are to the source model's, and on what."""
    calibration: dict = field(default_factory=dict)
    """For int8: the tiles that the ranges of values were measured on, and the layers in float."""
    canary_scores_openvino: list[list[float]] = field(default_factory=list)
    """For int8: the canaries' scores by OpenVINO, which rounds otherwise; empty where it is not at hand."""


def write(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Puts the metadata into a model, over what it had."""
    strings = {f"{_PREFIX}contract": VERSION}
    for entry in fields(Metadata):
        value = getattr(metadata, entry.name)
        if entry.name in _LEFT_OUT_EMPTY and not value:
            continue
        if entry.name == "canary_images":
            value = _png(value)
        elif not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False, allow_nan=False)
        strings[_PREFIX + entry.name] = value
    onnx.helper.set_model_props(model, strings)


def read(model: onnx.ModelProto) -> Metadata:
    """Reads the metadata. Raises `BrokenContract` where a key is missing or unreadable."""
    strings = {entry.key: entry.value for entry in model.metadata_props}
    version = strings.get(f"{_PREFIX}contract")
    if version != VERSION:
        raise BrokenContract(f"{_PREFIX}contract: expected {VERSION!r}, got {version!r}")
    values = {}
    for entry in fields(Metadata):
        key = _PREFIX + entry.name
        if key not in strings and entry.name in _LEFT_OUT_EMPTY:
            continue
        if key not in strings:
            raise BrokenContract(f"{key} is missing")
        try:
            if entry.name == "canary_images":
                values[entry.name] = _tiles(strings[key])
            elif entry.type == "str":
                values[entry.name] = strings[key]
            else:
                values[entry.name] = json.loads(strings[key])
        except (ValueError, OSError) as error:
            raise BrokenContract(f"{key} is unreadable: {error}") from error
    return Metadata(**values)


def check(path: Path) -> Metadata:
    """Checks a file against the contract, all but its scores, and gives its metadata.

    Raises `BrokenContract` saying what is wrong.
    """
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, DecodeError) as error:
        raise BrokenContract(f"{path} is no ONNX model: {error}") from error
    metadata = read(model)
    inputs = {value.name: value for value in model.graph.input}
    outputs = {value.name: value for value in model.graph.output}
    classes = len(metadata.classes)
    _expect(inputs, IMAGE, onnx.TensorProto.UINT8, [None, TILE_PX, TILE_PX, 3])
    _expect(outputs, SCORES, onnx.TensorProto.FLOAT, [None, classes])
    rows, columns = metadata.attribution_rows_px, metadata.attribution_columns_px
    if rows or columns:
        _expect(outputs, ATTRIBUTION, onnx.TensorProto.FLOAT, [None, len(rows), len(columns)])
    if unknown := set(outputs) - {SCORES, ATTRIBUTION}:
        raise BrokenContract(f"outputs that the contract does not know: {sorted(unknown)}")
    positives, every = set(metadata.positives), set(metadata.classes)
    exclusive = metadata.activation == "softmax"
    if not positives <= every or (exclusive and positives == every):
        raise BrokenContract(f"positives {metadata.positives} of classes {metadata.classes}")
    if metadata.activation not in ("softmax", "sigmoid"):
        raise BrokenContract(f"activation {metadata.activation!r}")
    if metadata.training not in TRAININGS:
        raise BrokenContract(f"training {metadata.training!r}: expected one of {TRAININGS}")
    if not 0 <= metadata.threshold <= 1:
        raise BrokenContract(f"threshold {metadata.threshold}: expected 0 to 1")
    for name in _ATTRIBUTION_KEYS:
        if (np.diff(getattr(metadata, name)) <= 0).any():
            raise BrokenContract(f"{name} does not rise")
    if np.shape(metadata.canary_scores) != (CANARY_COUNT, classes):
        raise BrokenContract(f"canary_scores: got the shape {np.shape(metadata.canary_scores)}")
    return metadata


def _expect(values: dict, name: str, dtype: int, shape: list[int | None]) -> None:
    """`None` stands for a length that is free."""
    if name not in values:
        raise BrokenContract(f"there is no {name!r}, only {sorted(values)}")
    tensor = values[name].type.tensor_type
    if tensor.elem_type != dtype:
        got, wanted = (onnx.TensorProto.DataType.Name(t) for t in (tensor.elem_type, dtype))
        raise BrokenContract(f"{name}: expected {wanted}, got {got}")
    got = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    if got != shape:
        raise BrokenContract(f"{name}: expected the shape {shape}, got {got}")


def _png(tiles: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(tiles.reshape(-1, TILE_PX, 3)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _tiles(text: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
        if image.mode != "RGB" or image.size != (TILE_PX, TILE_PX * CANARY_COUNT):
            raise ValueError(f"expected 256×2048 RGB, got {image.size} {image.mode}")
        return np.asarray(image).reshape(CANARY_COUNT, TILE_PX, TILE_PX, 3)

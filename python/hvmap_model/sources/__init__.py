"""Where a model comes from: Keras of any age, a SavedModel, or ONNX.

In: a path as it was named. Out: a `Source`, an ONNX graph that computes what the original does,
with the original's own engine beside it to compare with. Never: anything of hvmap's contract.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from ..preprocess import Preprocess
from ..unusable import Unusable


@dataclass
class Source:
    """A classifier as ONNX, and what its file says of itself."""

    kind: str
    """Such as `Keras 2.1.6 HDF5`, for people."""
    sha256: str
    """Of the file, or of all files together in the order of their names."""
    model: onnx.ModelProto
    image: str
    """The input: one image or a batch, rank 4."""
    layout: str
    """`nhwc` or `nchw`."""
    height: int
    width: int
    channels: int
    """1 or 3."""
    scores: str
    """The output that holds a row of scores for each image."""
    answer: Callable[[np.ndarray], np.ndarray]
    """The original's answers, `[n, classes]`: to float32 `[n, height, width, channels]` as the
    network takes it or, where `decodes` is true, to tiles, uint8 `[n, 256, 256, 3]`."""
    decodes: bool = False
    """The original takes encoded images and prepares them itself."""
    preprocess: Preprocess | None = None
    """What the model says of its pixels' scale; `None` where it does not say."""
    classes: list[str] = field(default_factory=list)
    """Names that the model says itself, or none."""
    positives: list[str] = field(default_factory=list)
    batch_rewritten: bool = False
    """The file fixed the batch, and the graph was made to take any."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says about the source."""

    weights: Path | None = None
    output: str | None = None
    """Name of the output that holds the scores."""
    layout: str | None = None
    size_px: int | None = None
    """Width and height where the file leaves them open."""


def open_source(path: Path, wanted: Wanted) -> Source:
    """Opens whatever it is. Raises `Unusable` with what is wrong and what to do."""
    if not path.exists():
        raise Unusable(f"{path} does not exist", "name a model file or a SavedModel's folder")
    kind = _kind(path)
    if wanted.weights is not None and kind != "architecture":
        raise Unusable(
            f"--weights goes with an architecture (JSON or YAML), and {path} is none",
            "leave --weights out",
        )
    if kind == "onnx":
        from .onnx_file import open_onnx

        return open_onnx(path, wanted)
    if kind == "saved_model":
        from .saved_model import open_saved_model

        return open_saved_model(path, wanted)
    from .keras_file import open_keras

    return open_keras(path, kind, wanted)


_ENDINGS = {
    ".onnx": "onnx",
    ".keras": "keras",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".json": "architecture",
    ".yaml": "architecture",
    ".yml": "architecture",
}
_NOT_PACKAGED = {
    ".pt": "torch.onnx.export writes an ONNX file from it",
    ".pth": "torch.onnx.export writes an ONNX file from it",
    ".tflite": "package the model that it was made from",
    ".safetensors": "they are weights alone; export the model to ONNX",
}


def _kind(path: Path) -> str:
    if path.is_dir():
        if any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
            return "saved_model"
        found = sorted(entry.parent for entry in path.glob("*/saved_model.pb"))
        hint = f"name {found[-1]}" if found else "name the folder that holds saved_model.pb"
        raise Unusable(f"{path} is a folder without a SavedModel", hint)
    if path.name == "saved_model.pb":
        raise Unusable(f"{path} is a SavedModel's graph without its weights", f"name {path.parent}")
    ending = path.suffix.lower()
    if ending in _NOT_PACKAGED:
        raise Unusable(f"{path} cannot be packaged", _NOT_PACKAGED[ending])
    if path.stat().st_size == 0:
        raise Unusable(f"{path} is empty", "copy it again")
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    if start[:2] == b"PK" and ending != ".onnx":
        return "keras"
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    raise Unusable(
        f"{path} is no model that can be packaged",
        "expected .h5, .keras, .json or .yaml with --weights, .onnx, or a SavedModel's folder",
    )


def sha256(paths: list[Path]) -> str:
    """Of one file; of several, all their bytes one after the other in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()

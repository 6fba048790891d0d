"""Keras files of any age: `.keras`, HDF5, and an architecture with its weights beside it.

Keras 3 opens most old files. Where it refuses (layers that took arguments which it no longer
knows), `tf_keras`, which is Keras 2, opens them as they were written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx

from ..contract import TILE_PX
from ..preprocess import NAMED, Preprocess
from ..unusable import Unusable
from . import Source, Wanted, sha256

OPSET = 17
"""Old enough for any ONNX Runtime of the last years; nothing newer is needed."""

_OWN_NETWORKS = ("slim_xception", "full_xception")


def open_keras(path: Path, kind: str, wanted: Wanted) -> Source:
    """Opens a file; `kind` is `keras`, `hdf5` or `architecture`."""
    if kind == "architecture":
        model, about = _architecture(path, wanted.weights)
        files = [path, wanted.weights]
    else:
        about = _check_hdf5(path) if kind == "hdf5" else "Keras 3 file"
        model = load(path)
        files = [path]
    shape = _input_shape(path, model)
    height, width = (side or wanted.size_px or TILE_PX for side in shape[1:3])
    channels = shape[3]
    output = _output(path, model, wanted.output)
    converted = convert(model, output, (height, width, channels))

    def answer(prepared: np.ndarray) -> np.ndarray:
        answers = model.predict(prepared, batch_size=32, verbose=0)
        if isinstance(answers, dict):
            answers = answers[output] if output in answers else list(answers.values())[0]
        elif isinstance(answers, (list, tuple)):
            answers = answers[_output_names(model).index(output)]
        return np.asarray(answers, np.float32).reshape(len(prepared), -1)

    notes = _training_notes(path)
    own = model.name in _OWN_NETWORKS
    return Source(
        kind=about,
        sha256=sha256(files),
        model=converted,
        image="image",
        layout="nhwc",
        height=height,
        width=width,
        channels=channels,
        scores="scores",
        answer=answer,
        preprocess=NAMED["xception"] if own else _said(model),
        classes=notes.get("classes", ["negative", "tower"] if own else []),
        positives=notes.get("positives", ["tower"] if own else []),
    )


def convert(model, output: str | None, shape: tuple[int, int, int]) -> onnx.ModelProto:
    """One output of a Keras model (of Keras 3 or `tf_keras`) as ONNX: `image` to `scores`."""
    import tensorflow as tf
    import tf2onnx

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.float32, "image")])
    def classify(image):
        answers = model(image, training=False)
        if isinstance(answers, dict):
            answers = answers[output] if output in answers else list(answers.values())[0]
        elif isinstance(answers, (list, tuple)):
            answers = answers[_output_names(model).index(output)]
        return {"scores": tf.identity(answers, "scores")}

    converted, _ = tf2onnx.convert.from_function(
        classify, input_signature=classify.input_signature, opset=OPSET
    )
    return converted


def load(path: Path):
    """A whole model, of Keras 3 or of `tf_keras`. Raises `Unusable` where neither opens it."""
    first = _try(_keras3, path)
    if not isinstance(first, Exception):
        return first
    second = _try(_keras2, path) if path.suffix.lower() != ".keras" else first
    if not isinstance(second, Exception):
        return second
    raise _unusable(path, first, second)


def _keras3(path: Path):
    import keras

    return keras.models.load_model(path, compile=False)


def _keras2(path: Path):
    _quiet()
    import tf_keras

    return tf_keras.models.load_model(path, compile=False)


def _architecture(path: Path, weights: Path | None):
    """A model from its configuration as JSON or YAML, and the weights' file."""
    text = path.read_text(errors="replace")
    try:
        config = _yaml(text) if path.suffix.lower() in (".yaml", ".yml") else json.loads(text)
    except ValueError as error:
        line = str(error).splitlines()[0]
        raise Unusable(f"{path} is no readable JSON or YAML ({line})", "copy it again") from error
    if not isinstance(config, dict) or "class_name" not in config:
        raise Unusable(
            f"{path} is no architecture of Keras",
            "name what model.to_json() or model.to_yaml() wrote",
        )
    if weights is None:
        raise Unusable(f"{path} is an architecture without weights", "add --weights FILE.h5")
    if not weights.exists():
        raise Unusable(f"{weights} does not exist", "name the weights' file with --weights")
    text = json.dumps(config)

    def keras3(_):
        import keras

        model = keras.models.model_from_json(text)
        model.load_weights(weights)
        return model

    def keras2(_):
        _quiet()
        import tf_keras

        model = tf_keras.models.model_from_json(text)
        model.load_weights(weights)
        return model

    _check_hdf5(weights, whole=False)
    # What was written by Keras 2 is read by Keras 2: the order of its weights is its own.
    first = _try(keras2, path)
    if not isinstance(first, Exception):
        return first, _about("architecture and weights", config.get("keras_version"))
    second = _try(keras3, path)
    if not isinstance(second, Exception):
        return second, _about("architecture and weights", config.get("keras_version"))
    raise _unusable(path, second, first)


def _yaml(text: str) -> dict:
    """YAML of 2018 has tags for Python's tuples, which are read as lists."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader, suffix, node):
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", plain)
    try:
        return yaml.load(text, Loader)  # noqa: S506  (a SafeLoader that also knows tuples)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _check_hdf5(path: Path, whole: bool = True) -> str:
    """Says what wrote an HDF5 file. Raises `Unusable` where it is cut or has no architecture."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = [file, file["model_weights"]] if "model_weights" in file else [file]
            named = any("layer_names" in group.attrs for group in groups)
            version = _text(file.attrs.get("keras_version", groups[-1].attrs.get("keras_version")))
            has_config = "model_config" in file.attrs
            # Reading every weight finds the file that was cut.
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
    except (OSError, RuntimeError, KeyError) as error:
        raise Unusable(f"{path} is damaged or cut short", "copy it again") from error
    if whole and not has_config:
        todo = (
            "name the architecture (model.to_json() writes one) and give this file as --weights"
            if named or not file
            else "it is no file of Keras"
        )
        raise Unusable(f"{path} holds weights without an architecture", todo)
    return _about("HDF5", version)


def _about(form: str, version: str | None) -> str:
    return f"Keras {version} {form}" if version else f"Keras {form}"


def _text(value) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _try(load, path: Path):
    """The model, or the exception: what a file can raise here has no common type."""
    try:
        return load(path)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        return error


def _unusable(path: Path, keras3: Exception, keras2: Exception) -> Unusable:
    """One line out of what both said."""
    for error in (keras2, keras3):
        text = " ".join(str(error).split())
        for mark in ("Unknown layer: ", "Could not locate class '", "Unknown layer: '"):
            if mark in text:
                name = text.split(mark, 1)[1].lstrip("'\"").split("'")[0].split(" ")[0].rstrip(".,")
                return Unusable(
                    f"{path} has the custom layer {name}, whose code is not in the file",
                    "export the model where that layer's code is (model.export() writes a "
                    "SavedModel) and package that",
                )
        if "Unknown" in text and "function" in text or "Could not interpret" in text:
            return Unusable(
                f"{path} uses a custom function ({text[:120]})",
                "export the model as a SavedModel where its code is, and package that",
            )
        if "lambda" in text.lower() and "safe_mode" in text or "marshal" in text:
            return Unusable(
                f"{path} has a Lambda layer with code of another Python",
                "export the model as a SavedModel where it runs, and package that",
            )
    text = " ".join(str(keras3).split())[:200] or type(keras3).__name__
    return Unusable(f"{path} cannot be opened ({text})", "copy it again, or export it as a SavedModel")


def _input_shape(path: Path, model) -> tuple:
    shapes = model.input_shape
    if isinstance(shapes, dict):
        shapes = list(shapes.values())
    if isinstance(shapes, list):
        if len(shapes) != 1:
            raise Unusable(
                f"{path} takes {len(shapes)} inputs, expected one image",
                "export the classifier alone",
            )
        shapes = shapes[0]
    if len(shapes) != 4:
        raise Unusable(
            f"{path} takes {_show(shapes)}, expected a batch of images", "only image models fit"
        )
    if shapes[3] not in (1, 3):
        raise Unusable(
            f"{path} takes {_show(shapes)}: {shapes[3]} channels, expected 3 or 1, last",
            "only RGB and grey models with the channels last can be packaged",
        )
    return shapes


def _output_names(model) -> list[str]:
    """The names by which outputs are chosen: of the layers that make them."""
    return list(model.output_names)


def _output(path: Path, model, told: str | None) -> str | None:
    """The name of the output that holds the scores; `None` for the only one."""
    outputs = model.outputs
    names = _output_names(model)
    shapes = ", ".join(f"{name} {_show(one.shape)}" for name, one in zip(names, outputs))
    if told is not None:
        if told not in names:
            raise Unusable(f"{path} has no output {told}", f"--output-name with one of: {shapes}")
        chosen = [told]
    else:
        chosen = [name for name, one in zip(names, outputs) if len(one.shape) <= 2]
    if len(chosen) > 1:
        raise Unusable(f"{path} has several outputs: {shapes}", "say with --output-name which has the scores")
    if not chosen or len(outputs[names.index(chosen[0])].shape) > 2:
        raise Unusable(
            f"{path} answers {shapes}, which is no row of scores for each image",
            "a detection or segmentation model cannot be packaged, only a classifier can",
        )
    return chosen[0] if len(outputs) > 1 else None


def _show(shape) -> str:
    return "[" + ", ".join("N" if side is None else str(side) for side in shape) + "]"


def _said(model) -> Preprocess | None:
    """A model whose first layer scales the pixels says so itself."""
    layers = list(model.layers)
    while layers:
        layer = layers.pop(0)
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        if hasattr(layer, "layers"):
            layers = [*layer.layers, *layers]
            continue
        return NAMED["none"] if kind in ("Rescaling", "Normalization") else None
    return None


def _training_notes(path: Path) -> dict:
    """What `hvmap-model train` wrote beside its model."""
    notes = path.with_suffix(".json")
    if path.suffix == ".keras" and notes.exists():
        try:
            return json.loads(notes.read_text())
        except ValueError:
            return {}
    return {}


def _quiet() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

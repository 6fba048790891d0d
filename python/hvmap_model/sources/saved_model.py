"""TensorFlow SavedModels, those of TF 1.x Estimators among them.

An Estimator's export takes strings of encoded images and decodes them inside. hvmap decodes on
its own, so the graph is cut behind the decoder; what stood between the decoder and the network
(casts, scaling, a resize) stays in the graph.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..contract import TILE_PX
from ..preprocess import NAMED
from ..unusable import Unusable
from . import Source, Wanted, sha256

OPSET = 17



def open_saved_model(folder: Path, wanted: Wanted) -> Source:
    """Opens a SavedModel's folder by its signature `serving_default` (or its only one)."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # what a damaged folder raises has no common type
        line = " ".join(str(error).split())[:160]
        raise Unusable(f"{folder} cannot be opened as a SavedModel ({line})", "copy it again") from error
    signature = _signature(folder, loaded)
    arguments = signature.structured_input_signature[1]
    if len(arguments) != 1:
        raise Unusable(
            f"{folder} takes {len(arguments)} inputs ({', '.join(arguments)}), expected one image",
            "export the classifier alone",
        )
    (name, spec), = arguments.items()
    output = _output(folder, signature, wanted.output)
    if spec.dtype == tf.string:
        return _open_decoding(folder, signature, name, output)
    shape = spec.shape.as_list() if spec.shape.rank else []
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise Unusable(
            f"{folder}: the input {name} has the shape {shape}, expected [N, height, width, 3]",
            "only models that take images can be packaged",
        )
    sides = [side or wanted.size_px or TILE_PX for side in shape[1:3]]
    takes_bytes = spec.dtype == tf.uint8

    def classify(image):
        return signature(**{name: image})[output]

    def answer(prepared: np.ndarray) -> np.ndarray:
        numbers = np.rint(prepared) if takes_bytes else prepared
        return _in_batches(lambda part: classify(tf.cast(part, spec.dtype)), numbers)

    return Source(
        kind="SavedModel",
        sha256=sha256(_files(folder)),
        model=_convert(classify, [*sides, shape[3]], spec.dtype),
        image="image",
        layout="nhwc",
        height=sides[0],
        width=sides[1],
        channels=shape[3],
        scores="scores",
        answer=answer,
        preprocess=NAMED["none"] if takes_bytes else None,
    )


def _signature(folder: Path, loaded):
    signatures = loaded.signatures
    if "serving_default" in signatures:
        return signatures["serving_default"]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise Unusable(
        f"{folder} has no signature serving_default, only {sorted(signatures) or 'none'}",
        "export it with one: model.export() writes it",
    )


def _output(folder: Path, signature, told: str | None) -> str:
    outputs = signature.structured_outputs
    shapes = ", ".join(f"{name} {one.shape}" for name, one in outputs.items())
    if told is not None:
        if told not in outputs:
            raise Unusable(f"{folder} has no output {told}", f"--output-name with one of: {shapes}")
        return told
    fitting = [
        name
        for name, one in outputs.items()
        if one.dtype.is_floating and (one.shape.rank is None or one.shape.rank <= 2)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Unusable(
            f"{folder} answers {shapes}, and no output is a row of scores for each image",
            "a detection or segmentation model cannot be packaged, only a classifier can",
        )
    raise Unusable(f"{folder} has several outputs: {shapes}", "say with --output-name which has the scores")


def _open_decoding(folder: Path, signature, name: str, output: str) -> Source:
    """A graph that takes encoded images: cut behind its decoder."""
    import tensorflow as tf

    from .decoder import NoDecoder, behind_decoder

    try:
        classify = behind_decoder(signature, output)
    except NoDecoder as reason:
        raise Unusable(
            f"{folder} takes strings, but {reason}", "export the network with an image as its input"
        ) from reason

    def answer(tiles: np.ndarray) -> np.ndarray:
        payloads = np.array([_png(tile) for tile in tiles], object)
        return _in_batches(lambda part: signature(**{name: tf.constant(part)})[output], payloads)

    return Source(
        kind="SavedModel that decodes images",
        sha256=sha256(_files(folder)),
        model=_convert(classify, [TILE_PX, TILE_PX, 3], tf.uint8),
        image="image",
        layout="nhwc",
        height=TILE_PX,
        width=TILE_PX,
        channels=3,
        scores="scores",
        answer=answer,
        decodes=True,
        preprocess=NAMED["none"],
    )


def _png(tile: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "PNG")
    return file.getvalue()


def _in_batches(classify, inputs: np.ndarray, size: int = 32) -> np.ndarray:
    parts = [
        np.asarray(classify(inputs[at : at + size]), np.float32).reshape(
            len(inputs[at : at + size]), -1
        )
        for at in range(0, len(inputs), size)
    ]
    return np.concatenate(parts)


def _convert(classify, shape: list[int], dtype):
    import tensorflow as tf
    import tf2onnx

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], dtype, "image")])
    def function(image):
        return {"scores": tf.identity(classify(image), "scores")}

    converted, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    return converted


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())

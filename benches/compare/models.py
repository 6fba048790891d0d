"""The models that the rows run.

    models.py xception|shifted|brightness FILE
"""

from __future__ import annotations

import sys
from pathlib import Path


def write_xception(path: Path, shifted: bool = False) -> None:
    """A full Xception 256×256 with the head of 2018 and random weights, as Keras's own file.

    `shifted` with random shifts in its normalisations, as training leaves them: they become biases of
    the convolutions, which a GPU feels.
    """
    import keras
    import numpy as np
    from hvmap_model.networks import NETWORKS

    keras.utils.set_random_seed(1)
    model = NETWORKS["xception"].build(2)
    random = np.random.default_rng(1)
    for layer in model.layers if shifted else ():
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in (layer.beta, layer.moving_mean):
                weight.assign(random.normal(0, 0.1, weight.shape))
    file = path.with_suffix(".keras")
    model.save(file)
    file.rename(path)


def write_brightness(path) -> None:
    """A model whose score is the mean of the pixels over 255."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["share"]),
        helper.make_node("Unsqueeze", ["share", "last"], ["scores"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("white", TensorProto.FLOAT, [], [255]),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 256, 256, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "brightness", [image], [scores], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    name, file = sys.argv[1], Path(sys.argv[2])
    if name == "brightness":
        write_brightness(file)
    else:
        write_xception(file, shifted=name == "shifted")

"""Training that starts from weights at hand: which of a file's layers fit a network's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from .unusable import Unusable


@dataclass(frozen=True)
class _Offered:
    """A file's layer with its weights, in Keras's order."""

    name: str
    weights: list[np.ndarray]

    def is_dense(self) -> bool:
        return self.weights[0].ndim == 2


def start_from(model: keras.Model, path: Path) -> str:
    """Puts the weights of a Keras file of any age into the model; says how much of it they fill.

    Layers are taken in order, as long as their weights have the same shapes, whatever they are
    called. Dense layers at the end may differ, as those of a classifier of other classes do, and
    then start untrained.

    Raises `Unusable` where the convolutions are others.
    """
    if not path.exists():
        raise Unusable(f"{path} does not exist", "name a Keras file with --init")
    offered = _offered(path)
    wanted = _with_weights(model)
    trunk = [layer for layer in wanted if not _is_dense(layer)]
    given = [one for one in offered if not one.is_dense()]
    for number in range(max(len(trunk), len(given))):
        ours = _shapes(trunk[number].weights) if number < len(trunk) else "nothing"
        theirs = _shapes(given[number].weights) if number < len(given) else "nothing"
        if ours != theirs:
            name = trunk[number].name if number < len(trunk) else "the head"
            raise Unusable(
                f"{path} is no {model.name}: in the place of {name} it has weights of {theirs}, "
                f"expected {ours}",
                "choose the network that it is with --network, or leave --init out",
            )
    for layer, one in zip(trunk, given):
        layer.set_weights(one.weights)
    taken = len(trunk)
    head = [layer for layer in wanted if _is_dense(layer)]
    for layer, one in zip(head, [one for one in offered if one.is_dense()]):
        if _shapes(layer.weights) != _shapes(one.weights):
            break
        layer.set_weights(one.weights)
        taken += 1
    return f"{taken} of {len(wanted)} layers start from {path.name}"


def _offered(path: Path) -> list[_Offered]:
    if path.suffix.lower() in (".h5", ".hdf5") and (alone := _weights_alone(path)) is not None:
        return alone
    from .sources.keras_file import load

    return [_Offered(layer.name, layer.get_weights()) for layer in _with_weights(load(path))]


def _weights_alone(path: Path) -> list[_Offered] | None:
    """The layers of a file of weights without a model, such as Keras's own for Xception; `None`
    for a whole model.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                return None
            if "layer_names" not in file.attrs:
                raise Unusable(
                    f"{path} holds weights without the order of its layers",
                    "give the whole model: model.save('model.keras')",
                )
            layers = []
            for name in file.attrs["layer_names"]:
                group = file[_text(name)]
                weights = [group[_text(one)][()] for one in group.attrs["weight_names"]]
                if weights:
                    layers.append(_Offered(_text(name), weights))
            return layers
    except (OSError, RuntimeError, KeyError) as error:
        raise Unusable(f"{path} is damaged or cut short", "copy it again") from error


def _text(name) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _with_weights(model) -> list:
    """All layers with weights, those of models inside it too, in order; scaling does not count."""
    found = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += _with_weights(layer)
        elif layer.weights and type(layer).__name__ != "Normalization":
            found.append(layer)
    return found


def _is_dense(layer) -> bool:
    return type(layer).__name__ == "Dense"


def _shapes(weights) -> str:
    return ", ".join("×".join(map(str, weight.shape)) for weight in weights)

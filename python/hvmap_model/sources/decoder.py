"""Cuts a TensorFlow graph behind its decoder of images.

In: a signature that takes strings of encoded images. Out: a function of decoded tiles. The decoder
may stand in a `map_fn` over the batch (Estimators' exports) or in the graph once, for a batch of
one. What is done with each image behind the decoder is done for all images at once instead.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

_DECODERS = ("DecodeJpeg", "DecodePng", "DecodeImage", "DecodeBmp", "DecodeAndCropJpeg", "DecodeWebP")
_WRITES = ("TensorArrayWriteV3", "TensorListSetItem")
_STACKS = ("TensorArrayGatherV3", "TensorListStack")
_CHOICES = ("Merge", "Switch", "Identity", "If", "StatelessIf")
"""What `decode_image` puts between its decoders and the image."""
_SAME_FOR_BATCHES = (
    *("Const", "Identity", "StopGradient", "Cast", "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div"),
    *("Maximum", "Minimum", "Round", "ClipByValue"),
    *("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"),
)
"""Operations that do to a batch what they do to an image (a resize takes batches only)."""


class NoDecoder(ValueError):
    """The graph takes strings, and no decoder was found that could be cut off."""


def behind_decoder(signature, output: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from uint8 `[N, 256, 256, 3]` to the scores."""
    # Loops and branches become single nodes, in TF 1.x's form, whoever wrote them.
    frozen = convert_variables_to_constants_v2(signature, lower_control_flow=True)
    parts = _Parts(frozen.graph.as_graph_def())
    # A dictionary's values are flattened in the order of its sorted keys.
    scores = frozen.outputs[sorted(signature.structured_outputs).index(output)].name
    decoders = [node.name for node in parts.nodes.values() if node.op in _DECODERS]
    if not decoders:
        raise NoDecoder("it has no decoder of images that could be cut off")
    image = parts.image_of(decoders[0])
    element, stacked = parts.batching(image, scores)
    if stacked is None:
        return parts.function(image, scores)
    after = parts.function(stacked, scores)
    if element == image:
        return after
    at_once = parts.function(image, element, batched=True)
    if at_once is not None:
        return lambda images: after(at_once(images))
    each = parts.function(image, element)
    return lambda images: after(tf.vectorized_map(each, images))


class _Parts:
    """A frozen graph, of which parts are made functions."""

    def __init__(self, graph):
        self.nodes = {node.name: node for node in graph.node}
        self.users: dict[str, list] = {}
        for node in graph.node:
            for value in node.input:
                if not value.startswith("^"):
                    self.users.setdefault(_name(value), []).append(node)

    def image_of(self, decoder: str) -> str:
        """The decoded image: behind the branches by which `decode_image` chose its decoder."""
        image = waiting = decoder
        seen = set()
        while waiting not in seen:
            seen.add(waiting)
            following = [node for node in self.users.get(waiting, []) if node.op in _CHOICES]
            if not following:
                break
            waiting = following[0].name
            if following[0].op != "Switch":
                image = waiting
        return image

    def batching(self, image: str, scores: str) -> tuple[str, str | None]:
        """The value that is made of one image, and the batch of all images.

        Without either, the graph decodes a batch at once: the image itself, and `None`.
        """
        behind = self._behind(image)
        for node in self.nodes.values():
            if node.op in _WRITES and _name(node.input[2]) in behind | {image}:
                stacks = [n for n in self.nodes.values() if n.op in _STACKS and self._follows(n, node)]
                if stacks:
                    return _name(node.input[2]), stacks[0].name
        single = None
        for node in self._path(image, _name(scores)):
            if node.op in ("ExpandDims", "Pack"):
                single = node
            elif node.op == "Squeeze":
                single = None
        return (image, None) if single is None else (_name(single.input[0]), single.name)

    def function(self, feed: str, output: str, batched: bool = False):
        """The part of the graph from one value to another, as a function of one tensor.

        `batched` makes one for a batch out of a part for one image, by leaving out what makes a
        batch of one and takes it apart again; `None` where it holds operations that would mind.
        """
        part = tf.compat.v1.GraphDef()
        needed, waiting = set(), [_name(output)]
        while waiting:
            name = waiting.pop()
            if name in needed or name == feed:
                continue
            needed.add(name)
            node = part.node.add()
            node.CopyFrom(self.nodes[name])
            inputs = [value for value in node.input if not value.startswith("^")]
            del node.input[:]
            node.input.extend(inputs)
            if node.op == "Enter":
                # Outside its loop what enters it is what it is.
                _become_identity(node)
                waiting.append(_name(node.input[0]))
                continue
            if batched and node.op in ("ExpandDims", "Squeeze"):
                if not self._is_about_first(node):
                    return None
                _become_identity(node)
                inputs = list(node.input)
            elif batched and node.op not in _SAME_FOR_BATCHES:
                return None
            waiting.extend(map(_name, inputs))
        if any(node.op == "Placeholder" and node.name in needed for node in part.node):
            raise NoDecoder("the network takes more than the decoded image")
        result = output if ":" in output else f"{output}:0"

        def run(value):
            placed = part.node.add()
            placed.name, placed.op = feed, "Placeholder"
            placed.attr["dtype"].type = value.dtype.as_datatype_enum
            copy = tf.compat.v1.GraphDef.FromString(part.SerializeToString())
            del part.node[-1]
            (made,) = tf.graph_util.import_graph_def(
                copy, input_map={f"{feed}:0": value}, return_elements=[result], name=""
            )
            return made

        return run

    def _is_about_first(self, node) -> bool:
        """Whether an ExpandDims or a Squeeze is about the first dimension."""
        if node.op == "Squeeze":
            return list(node.attr["squeeze_dims"].list.i) == [0]
        axis = self.nodes[_name(node.input[1])]
        return axis.op == "Const" and int(tf.make_ndarray(axis.attr["value"].tensor)) == 0

    def _behind(self, name: str) -> set[str]:
        """All that is made of a value, up to the end of its loop."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for node in self.users.get(waiting.pop(), []):
                if node.name not in found and node.op not in _WRITES:
                    found.add(node.name)
                    waiting.append(node.name)
        return found

    def _follows(self, node, other) -> bool:
        seen, waiting = set(), [other.name]
        while waiting:
            name = waiting.pop()
            if name == node.name:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(user.name for user in self.users.get(name, []))
        return False

    def _path(self, start: str, end: str) -> list:
        """The nodes between two values, along first inputs, in order."""
        path, name = [], end
        while name != start:
            node = self.nodes[name]
            inputs = [value for value in node.input if not value.startswith("^")]
            if not inputs:
                return []
            path.append(node)
            name = _name(inputs[0])
        return path[::-1]


def _become_identity(node) -> None:
    kind = node.attr["T"].type
    source = node.input[0]
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = kind
    del node.input[:]
    node.input.append(source)


def _name(value: str) -> str:
    return value.lstrip("^").split(":")[0]

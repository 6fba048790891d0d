"""Reading and changing ONNX graphs: who makes a value, who uses it, new nodes and constants."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

OURS = "hvmap/"
"""Values and nodes that packaging adds are named below this; a source's own below `NET`."""
NET = "net/"


class Graph:
    """A graph with lookups. Nodes that are appended keep the order in which values are made."""

    def __init__(self, model: onnx.ModelProto):
        self.model = model
        self.proto = model.graph
        self.refresh()

    def refresh(self) -> None:
        """Looks anew, after nodes were changed from outside."""
        self.maker = {out: node for node in self.proto.node for out in node.output if out}
        self.users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.proto.node:
            for value in node.input:
                self.users.setdefault(value, []).append(node)
        self._constants = {tensor.name: tensor for tensor in self.proto.initializer}

    def constant(self, value: str) -> np.ndarray | None:
        """The array of an initializer or a Constant node, `None` for what is computed."""
        if value in self._constants:
            return numpy_helper.to_array(self._constants[value])
        node = self.maker.get(value)
        if node is None:
            return None
        if node.op_type == "Identity":
            return self.constant(node.input[0])
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    return numpy_helper.to_array(attribute.t)
                if attribute.name in ("value_float", "value_int", "value_floats", "value_ints"):
                    return np.asarray(helper.get_attribute_value(attribute))
        return None

    def store(self, name: str, array: np.ndarray) -> str:
        """Adds an initializer, or replaces the one of that name."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if name in self._constants:
            self._constants[name].CopyFrom(tensor)
        else:
            self.proto.initializer.append(tensor)
            self._constants[name] = self.proto.initializer[-1]
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        """Appends a node with one output, named as that."""
        node = helper.make_node(operator, inputs, [output], name=output, **attributes)
        self.proto.node.append(node)
        node = self.proto.node[-1]
        self.maker[output] = node
        for value in inputs:
            self.users.setdefault(value, []).append(node)
        return output

    def replace_value(self, old: str, new: str) -> None:
        """Every node that took `old` takes `new`."""
        for node in self.proto.node:
            for index, value in enumerate(node.input):
                if value == old:
                    node.input[index] = new
        self.refresh()

    def behind(self, value: str) -> set[str]:
        """The names of all nodes that `value` is made from."""
        found: set[str] = set()
        waiting = [value]
        while waiting:
            node = self.maker.get(waiting.pop())
            if node is not None and node.name not in found:
                found.add(node.name)
                waiting.extend(node.input)
        return found

    def prune(self, outputs: Iterable[str]) -> None:
        """Drops nodes and constants that no output needs."""
        needed, waiting = set(), list(outputs)
        kept = set()
        while waiting:
            value = waiting.pop()
            if value in needed:
                continue
            needed.add(value)
            node = self.maker.get(value)
            if node is not None:
                kept.add(id(node))
                waiting.extend(node.input)
                waiting.extend(_captured(node))
        nodes = [node for node in self.proto.node if id(node) in kept]
        tensors = [tensor for tensor in self.proto.initializer if tensor.name in needed]
        for field, some in ((self.proto.node, nodes), (self.proto.initializer, tensors)):
            copies = [type(one).FromString(one.SerializeToString()) for one in some]
            del field[:]
            field.extend(copies)
        infos = [info for info in self.proto.value_info if info.name in needed]
        copies = [type(info).FromString(info.SerializeToString()) for info in infos]
        del self.proto.value_info[:]
        self.proto.value_info.extend(copies)
        self.refresh()


def attribute(node: onnx.NodeProto, name: str, default=None):
    """The value of an attribute, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            return helper.get_attribute_value(entry)
    return default


def name_nodes(model: onnx.ModelProto) -> None:
    """Names every node, each differently: quantisation tells them apart by their names."""
    seen: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{number}"
            while node.name in seen:
                node.name += "_"
        seen.add(node.name)


def plain_name(name: str) -> str:
    """A node's or value's name as the source had it, for people."""
    return name.removeprefix(NET)


def _captured(node: onnx.NodeProto) -> list[str]:
    """What the graphs inside a node (`If`, `Loop`) take from around it."""
    values = []
    for entry in node.attribute:
        graphs = [entry.g] if entry.type == onnx.AttributeProto.GRAPH else list(entry.graphs)
        for graph in graphs:
            for inner in graph.node:
                values.extend(inner.input)
                values.extend(_captured(inner))
    return values

"""Types and sizes of the values of a graph, carried from node to node as far as they can be determined.

Types follow the operators' signatures (a variable `T` that an input fixes holds for the outputs); sizes follow rules
for the operators that carry a model's arithmetic, and small lists of whole numbers that sizes are made of are worked
out as they go. What can't be determined stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from airworthy.core.graph import Graph, GraphValue, Node
from airworthy.knowledge.operators import OMITTED, schema
from airworthy.targets.held_types import HOLDERS, types_of_holders
from airworthy.targets.shape_rules import RULES, Shape, broadcast, int_attribute, reduce

MOST_NUMBERS = 64
"""Whole numbers of a list that is worked out."""


def named(text: str) -> frozenset[str]:
    """The names that a text lists."""
    return frozenset(text.split())


_SAME = named(
    "Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization BiasGelu Cast CastLike Ceil Celu Clip Cos Cosh CumSum "
    "DequantizeLinear Dropout Elu Erf Exp FastGelu Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax "
    "Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization "
    "MeanVarianceNormalization Mish Neg Not PRelu QuantizeLinear QuickGelu RMSNormalization Reciprocal Relu "
    "RotaryEmbedding Round ScatterElements ScatterND Selu Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh "
    "SkipLayerNormalization SkipSimplifiedLayerNormalization Softmax Softplus Softsign Sqrt Swish Tan Tanh "
    "ThresholdedRelu Trilu DynamicQuantizeLinear BiasAdd"
)


_BROADCAST = named(
    "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean "
    "Min Mod Mul Or Pow Sub Sum Where Xor"
)


class ShapeInference:
    """What is known of values: a graph's own, and those around it for a graph within a node."""

    def __init__(self, sizes: dict[str, int], around: ShapeInference | None = None) -> None:
        self.sizes = sizes
        self.around = around
        self.values: dict[str, GraphValue] = {}
        self.contents: dict[str, tuple[int, ...]] = {}

    def value(self, name: str) -> GraphValue:
        """What is known of a value."""
        found = self.values.get(name)
        if found is None:
            return self.around.value(name) if self.around is not None else GraphValue()
        return found

    def type(self, name: str) -> str:
        """A value's element type; empty where not known."""
        return self.value(name).datatype if name else OMITTED

    def shape(self, name: str) -> Shape | None:
        """A value's sizes, all known, or None."""
        shape = self.value(name).shape
        return shape if shape is not None and all(size >= 0 for size in shape) else None

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """The content of a small list of whole numbers, or None."""
        found = self.contents.get(name)
        return self.around.numbers(name) if found is None and self.around is not None else found

    def begin(self, graph: Graph) -> None:
        """Take over what the file says, symbols replaced by sizes."""
        for name, value in graph.values.items():
            self.values[name] = GraphValue(value.datatype, self.fixed(name, value))
        self.contents |= graph.numbers

    def fixed(self, name: str, value: GraphValue) -> Shape | None:
        """The sizes of a value with symbols replaced; -1 for those that stay unknown."""
        if value.shape is None:
            return None
        symbols = value.symbols or ("",) * len(value.shape)
        return tuple(
            self.sizes.get(symbol or f"{name}.{axis}", -1) if size < 0 else size
            for axis, (size, symbol) in enumerate(zip(value.shape, symbols, strict=False))
        )

    def node(self, node: Node, opsets: dict[str, int]) -> None:
        """Carry types, sizes and numbers over one node."""
        types = self.output_types(node, opsets)
        try:
            shapes = self.output_shapes(node)
            content = self.output_numbers(node)
        except (IndexError, ValueError, ZeroDivisionError, TypeError, OverflowError):
            # A graph whose sizes contradict each other: a runtime says so; here they are not known.
            shapes, content = [], None
        for index, name in enumerate(node.outputs):
            if not name:
                continue
            told = self.values.get(name, GraphValue())
            shape = shapes[index] if index < len(shapes) else None
            self.values[name] = GraphValue(told.datatype or types[index], told.shape if shape is None else shape)
        if content is not None and len(content) <= MOST_NUMBERS and node.outputs:
            self.contents[node.outputs[0]] = content

    def output_types(self, node: Node, opsets: dict[str, int]) -> list[str]:
        """The element types of a node's outputs; empty where not known."""
        if node.graphs or node.operator in HOLDERS:
            return types_of_holders(node, [self.type(name) for name in node.inputs])
        for key in ("to", "dtype", "output_dtype", "output_datatype"):
            told = node.attributes.get(key)
            if isinstance(told, str):
                return [told] * len(node.outputs)
        if node.operator == "ConstantOfShape":
            return [str(node.attributes.get("value", "FP32"))]
        form = schema(node.domain, node.operator, opsets.get(node.domain, 1))
        if form is None:
            return [""] * len(node.outputs)
        bound: dict[str, str] = {}
        for index, name in enumerate(node.inputs):
            slot = form.signature.input(index)
            if name and slot and slot not in bound and (type_ := self.type(name)):
                bound[slot] = type_
        types = []
        for index in range(len(node.outputs)):
            slot = form.signature.output(index)
            fixed = slot if len(slot) > 2 and slot.isupper() else ""
            types.append(bound.get(slot, "") or fixed)
        return types

    def output_shapes(self, node: Node) -> list[Shape | None]:
        """The sizes of a node's outputs."""
        name = node.operator
        first = self.shape(node.inputs[0]) if node.inputs and node.inputs[0] else None
        if name in _SAME:
            return [first]
        if name in _BROADCAST:
            return [broadcast([self.shape(each) for each in node.inputs if each])]
        rule = RULES.get(name)
        if rule is None and name.startswith(("Reduce", "Arg")):
            rule = reduce
        return rule(self, node, first) if rule is not None else []

    def output_numbers(self, node: Node) -> tuple[int, ...] | None:
        """The content of a node's first output, where it is a small list of whole numbers."""
        name = node.operator
        if name == "Shape":
            shape = self.shape(node.inputs[0])
            if shape is None:
                return None
            start, end = int_attribute(node, "start", 0), node.attributes.get("end")
            return shape[start : end if isinstance(end, int) else None]
        given = [self.numbers(each) for each in node.inputs if each]
        if not given or given[0] is None:
            return None
        first = given[0]
        if name in ("Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape"):
            return first
        if any(each is None for each in given):
            return None
        whole = [each for each in given if each is not None]
        if name == "Concat":
            return tuple(number for each in whole for number in each)
        if name == "Gather" and len(self.shape(node.inputs[0]) or (1,)) == 1:
            return tuple(first[index] for index in whole[1])
        if name == "Slice":
            steps = whole[4] if len(whole) > 4 else (1,)
            return first[whole[1][0] : whole[2][0] : steps[0]]
        if name in _ARITHMETIC:
            size = max(len(each) for each in whole)
            a, b = (each * size if len(each) == 1 else each for each in whole[:2])
            return tuple(_ARITHMETIC[name](x, y) for x, y in zip(a, b, strict=True))
        if name == "ReduceProd":
            return (math.prod(first),)
        return None


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Div": lambda x, y: int(x / y),
    "Max": max,
    "Min": min,
}

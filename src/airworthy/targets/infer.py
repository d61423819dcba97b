"""Types and sizes of the values of a graph, carried from node to node as far as they can be told.

Types follow the operators' signatures (a variable `T` that an input fixes holds for the outputs); sizes follow rules
for the operators that carry a model's arithmetic, and small lists of whole numbers that sizes are made of are worked
out as they go. What can't be told stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from airworthy.core.graph import Graph, Node, Value
from airworthy.knowledge.operators import OMITTED, schema

Shape = tuple[int, ...]
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


class Inference:
    """What is known of values: a graph's own, and those around it for a graph within a node."""

    def __init__(self, sizes: dict[str, int], around: Inference | None = None) -> None:
        self.sizes = sizes
        self.around = around
        self.values: dict[str, Value] = {}
        self.contents: dict[str, tuple[int, ...]] = {}

    def value(self, name: str) -> Value:
        """What is known of a value."""
        found = self.values.get(name)
        if found is None:
            return self.around.value(name) if self.around is not None else Value()
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
        """Take over what the file tells, symbols replaced by sizes."""
        for name, value in graph.values.items():
            self.values[name] = Value(value.datatype, self.fixed(name, value))
        self.contents |= graph.numbers

    def fixed(self, name: str, value: Value) -> Shape | None:
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
            told = self.values.get(name, Value())
            shape = shapes[index] if index < len(shapes) else None
            self.values[name] = Value(told.datatype or types[index], told.shape if shape is None else shape)
        if content is not None and len(content) <= MOST_NUMBERS and node.outputs:
            self.contents[node.outputs[0]] = content

    def output_types(self, node: Node, opsets: dict[str, int]) -> list[str]:
        """The element types of a node's outputs; empty where not known."""
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
        rule = _RULES.get(name)
        if rule is None and name.startswith(("Reduce", "Arg")):
            rule = _reduce
        return rule(self, node, first) if rule is not None else []

    def output_numbers(self, node: Node) -> tuple[int, ...] | None:
        """The content of a node's first output, where it is a small list of whole numbers."""
        name = node.operator
        if name == "Shape":
            shape = self.shape(node.inputs[0])
            if shape is None:
                return None
            start, end = _int(node, "start", 0), node.attributes.get("end")
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


def broadcast(shapes: list[Shape | None]) -> Shape | None:
    """The sizes of values that are stretched to each other."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) != len(shapes) or not known:
        return None
    rank = max(len(shape) for shape in known)
    padded = [(1,) * (rank - len(shape)) + shape for shape in known]
    return tuple(max(sizes) if 0 not in sizes else 0 for sizes in zip(*padded, strict=True))


def _int(node: Node, name: str, default: int) -> int:
    value = node.attributes.get(name, default)
    return value if isinstance(value, int) else default


def _ints(node: Node, name: str) -> tuple[int, ...] | None:
    value = node.attributes.get(name)
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else None


def _axes(state: Inference, node: Node, index: int = 1) -> tuple[int, ...] | None:
    """Axes as an attribute (old operator sets) or as an input."""
    told = _ints(node, "axes")
    return told if told is not None or len(node.inputs) <= index else state.numbers(node.inputs[index])


def _matmul(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    second = state.shape(node.inputs[1])
    if first is None or second is None:
        return [None]
    if node.operator == "FusedMatMul":
        first = _swapped(first) if _int(node, "transA", 0) else first
        second = _swapped(second) if _int(node, "transB", 0) else second
    a, b = (1, *first) if len(first) == 1 else first, (*second, 1) if len(second) == 1 else second
    lead = broadcast([a[:-2], b[:-2]]) or ()
    rows = a[-2:-1] if len(first) > 1 else ()
    columns = b[-1:] if len(second) > 1 else ()
    return [(*lead, *rows, *columns)]


def _swapped(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def _gemm(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    second = state.shape(node.inputs[1])
    if first is None or second is None:
        return [None]
    rows = first[1] if _int(node, "transA", 0) else first[0]
    return [(rows, second[0] if _int(node, "transB", 0) else second[1])]


def _conv(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    weight = state.shape(node.inputs[3 if node.operator == "QLinearConv" else 1])
    if first is None or weight is None:
        return [None]
    return [(first[0], weight[0], *_window(node, first[2:], weight[2:]))]


def _deconv(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    weight = state.shape(node.inputs[1])
    if first is None or weight is None:
        return [None]
    told = _ints(node, "output_shape")
    if told:
        return [(first[0], weight[1] * _int(node, "group", 1), *told)]
    rank = len(first) - 2
    strides, dilations, extra = (
        _ints(node, name) or (default,) * rank
        for name, default in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    pads = _ints(node, "pads") or (0,) * 2 * rank
    sizes = (
        strides[i] * (first[i + 2] - 1) + extra[i] + (weight[i + 2] - 1) * dilations[i] + 1 - pads[i] - pads[i + rank]
        for i in range(rank)
    )
    return [(first[0], weight[1] * _int(node, "group", 1), *sizes)]


def _pool(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    kernel = _ints(node, "kernel_shape")
    if first is None or kernel is None:
        return [None]
    shape = (*first[:2], *_window(node, first[2:], kernel))
    return [shape, shape]


def _window(node: Node, sizes: Shape, kernel: Shape) -> Shape:
    """The sizes after a window has gone over them."""
    rank = len(sizes)
    strides, dilations = (_ints(node, name) or (1,) * rank for name in ("strides", "dilations"))
    pads = _ints(node, "pads") or (0,) * 2 * rank
    if str(node.attributes.get("auto_pad", "NOTSET")).startswith("SAME"):
        return tuple(-(-sizes[i] // strides[i]) for i in range(rank))
    up = strides if _int(node, "ceil_mode", 0) else (1,) * rank
    return tuple(
        (sizes[i] + pads[i] + pads[i + rank] - dilations[i] * (kernel[i] - 1) - 1 + up[i] - 1) // strides[i] + 1
        for i in range(rank)
    )


def _global(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [None if first is None else (*first[:2], *(1,) * (len(first) - 2))]


def _flatten(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    axis = _int(node, "axis", 1) % (len(first) + 1)
    return [(math.prod(first[:axis]), math.prod(first[axis:]))]


def _reshape(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    wanted = _ints(node, "shape") if len(node.inputs) < 2 else state.numbers(node.inputs[1])
    if wanted is None:
        return [None]
    if first is None:
        return [wanted if all(size > 0 for size in wanted) else None]
    if not _int(node, "allowzero", 0):
        wanted = tuple(first[axis] if size == 0 else size for axis, size in enumerate(wanted))
    known = math.prod(size for size in wanted if size >= 0)
    return [tuple(math.prod(first) // known if size < 0 else size for size in wanted)]


def _transpose(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    order = _ints(node, "perm") or tuple(reversed(range(len(first))))
    return [tuple(first[axis] for axis in order)]


def _concat(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    shapes = [state.shape(each) for each in node.inputs]
    known = [shape for shape in shapes if shape is not None]
    if first is None or len(known) != len(shapes):
        return [None]
    axis = _int(node, "axis", 1) % len(first)
    return [(*first[:axis], sum(shape[axis] for shape in known), *first[axis + 1 :])]


def _split(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return []
    count = len(node.outputs)
    axis = _int(node, "axis", 0) % len(first)
    parts = _ints(node, "split") or (state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None)
    even = -(-first[axis] // count)
    parts = parts or tuple(min(even, first[axis] - even * i) for i in range(count))
    return [(*first[:axis], part, *first[axis + 1 :]) for part in parts]


def _slice(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if "starts" in node.attributes:
        starts, ends, axes = (_ints(node, name) for name in ("starts", "ends", "axes"))
        steps: tuple[int, ...] | None = None
    else:
        given = [state.numbers(each) if each else None for each in node.inputs[1:]] + [None] * 4
        starts, ends, axes, steps = given[:4]
        if any(each and given[i] is None for i, each in enumerate(node.inputs[1:])):
            return [None]
    if first is None or starts is None or ends is None:
        return [None]
    sizes = list(first)
    for i, axis in enumerate(axes if axes is not None else range(len(starts))):
        sizes[axis] = len(range(first[axis])[slice(starts[i], ends[i], steps[i] if steps else 1)])
    return [tuple(sizes)]


def _gather(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    index = state.shape(node.inputs[1])
    if first is None or index is None:
        return [None]
    axis = _int(node, "axis", 0) % len(first)
    return [(*first[:axis], *index, *first[axis + 1 :])]


def _gather_nd(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    index = state.shape(node.inputs[1])
    if first is None or index is None:
        return [None]
    return [(*index[:-1], *first[_int(node, "batch_dims", 0) + index[-1] :])]


def _like_second(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [state.shape(node.inputs[1])]


def _unsqueeze(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    axes = _axes(state, node)
    if first is None or axes is None:
        return [None]
    rank = len(first) + len(axes)
    new = {axis % rank for axis in axes}
    old = iter(first)
    return [tuple(1 if axis in new else next(old) for axis in range(rank))]


def _squeeze(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    axes = _axes(state, node)
    if first is None or (axes is None and len(node.inputs) > 1):
        return [None]
    gone = (
        {axis % len(first) for axis in axes} if axes is not None else {i for i, size in enumerate(first) if size == 1}
    )
    return [tuple(size for axis, size in enumerate(first) if axis not in gone)]


def _expand(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [broadcast([first, state.numbers(node.inputs[1])])]


def _tile(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    times = state.numbers(node.inputs[1])
    if first is None or times is None:
        return [None]
    return [tuple(size * each for size, each in zip(first, times, strict=True))]


def _reduce(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    arg = node.operator.startswith("Arg")
    axes = (_int(node, "axis", 0),) if arg else _axes(state, node)
    if axes is None and len(node.inputs) > 1 and node.inputs[1]:
        return [None]
    if not axes:
        axes = () if _int(node, "noop_with_empty_axes", 0) else tuple(range(len(first)))
    gone = {axis % len(first) for axis in axes}
    if _int(node, "keepdims", 1):
        return [tuple(1 if axis in gone else size for axis, size in enumerate(first))]
    return [tuple(size for axis, size in enumerate(first) if axis not in gone)]


def _of_numbers(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [state.numbers(node.inputs[0])]


def _rank(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [None if first is None else (len(first),)]


def _range(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    given = [state.numbers(each) for each in node.inputs]
    start, limit, step = (each[0] if each else None for each in given)
    if start is None or limit is None or not step:
        return [None]
    return [(max(-(-(limit - start) // step), 0),)]


def _pad(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    pads = _ints(node, "pads") or (state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None)
    if first is None or pads is None or len(pads) != 2 * len(first):
        return [None]
    return [tuple(size + pads[i] + pads[i + len(first)] for i, size in enumerate(first))]


def _resize(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    sizes = state.numbers(node.inputs[3]) if len(node.inputs) > 3 and node.inputs[3] else None
    return [sizes if first is not None and sizes is not None and len(sizes) == len(first) else None]


def _depth_to_space(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    block = _int(node, "blocksize", 1)
    n, c, h, w = first
    if node.operator == "DepthToSpace":
        return [(n, c // block**2, h * block, w * block)]
    return [(n, c * block**2, h // block, w // block)]


def _attention(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    return [first]


def _top_k(state: Inference, node: Node, first: Shape | None) -> list[Shape | None]:
    count = state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if first is None or not count:
        return []
    axis = _int(node, "axis", -1) % len(first)
    shape = (*first[:axis], count[0], *first[axis + 1 :])
    return [shape, shape]


_Rule = Callable[[Inference, Node, "Shape | None"], "list[Shape | None]"]
_RULES: dict[str, _Rule] = {
    "MatMul": _matmul,
    "FusedMatMul": _matmul,
    "MatMulInteger": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "FusedConv": _conv,
    "ConvInteger": _conv,
    "QLinearConv": _conv,
    "ConvTranspose": _deconv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "GlobalAveragePool": _global,
    "GlobalMaxPool": _global,
    "GlobalLpPool": _global,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "GatherElements": _like_second,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _of_numbers,
    "Shape": _rank,
    "Range": _range,
    "Pad": _pad,
    "Resize": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _depth_to_space,
    "Attention": _attention,
    "MultiHeadAttention": _attention,
    "GroupQueryAttention": _attention,
    "TopK": _top_k,
}

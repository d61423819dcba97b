"""Sizes of a node's outputs from those of its inputs: one rule an operator that carries a model's arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from airworthy.core.graph import Node

Shape = tuple[int, ...]


class KnownValues(Protocol):
    """What is known of a graph's values so far."""

    def shape(self, name: str) -> Shape | None:
        """A value's sizes; None where they are not known."""

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """The whole numbers that a value holds; None where they are not known."""


def broadcast(shapes: list[Shape | None]) -> Shape | None:
    """The sizes of values that are stretched to each other."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) != len(shapes) or not known:
        return None
    rank = max(len(shape) for shape in known)
    padded = [(1,) * (rank - len(shape)) + shape for shape in known]
    return tuple(max(sizes) if 0 not in sizes else 0 for sizes in zip(*padded, strict=True))


def int_attribute(node: Node, name: str, default: int) -> int:
    """An attribute that is a whole number, or what it is without it."""
    value = node.attributes.get(name, default)
    return value if isinstance(value, int) else default


def _ints(node: Node, name: str) -> tuple[int, ...] | None:
    value = node.attributes.get(name)
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else None


def _axes(state: KnownValues, node: Node, index: int = 1) -> tuple[int, ...] | None:
    """Axes as an attribute (old operator sets) or as an input."""
    told = _ints(node, "axes")
    return told if told is not None or len(node.inputs) <= index else state.numbers(node.inputs[index])


def _matmul(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    second = state.shape(node.inputs[1])
    if first is None or second is None:
        return [None]
    if node.operator == "FusedMatMul":
        first = _swapped(first) if int_attribute(node, "transA", 0) else first
        second = _swapped(second) if int_attribute(node, "transB", 0) else second
    a, b = (1, *first) if len(first) == 1 else first, (*second, 1) if len(second) == 1 else second
    lead = broadcast([a[:-2], b[:-2]]) or ()
    rows = a[-2:-1] if len(first) > 1 else ()
    columns = b[-1:] if len(second) > 1 else ()
    return [(*lead, *rows, *columns)]


def _swapped(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def _gemm(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    second = state.shape(node.inputs[1])
    if first is None or second is None:
        return [None]
    rows = first[1] if int_attribute(node, "transA", 0) else first[0]
    return [(rows, second[0] if int_attribute(node, "transB", 0) else second[1])]


def _conv(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    weight = state.shape(node.inputs[3 if node.operator == "QLinearConv" else 1])
    if first is None or weight is None:
        return [None]
    return [(first[0], weight[0], *_window(node, first[2:], weight[2:]))]


def _deconv(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    weight = state.shape(node.inputs[1])
    if first is None or weight is None:
        return [None]
    told = _ints(node, "output_shape")
    if told:
        return [(first[0], weight[1] * int_attribute(node, "group", 1), *told)]
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
    return [(first[0], weight[1] * int_attribute(node, "group", 1), *sizes)]


def _pool(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
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
    up = strides if int_attribute(node, "ceil_mode", 0) else (1,) * rank
    return tuple(
        (sizes[i] + pads[i] + pads[i + rank] - dilations[i] * (kernel[i] - 1) - 1 + up[i] - 1) // strides[i] + 1
        for i in range(rank)
    )


def _global(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [None if first is None else (*first[:2], *(1,) * (len(first) - 2))]


def _flatten(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    axis = int_attribute(node, "axis", 1) % (len(first) + 1)
    return [(math.prod(first[:axis]), math.prod(first[axis:]))]


def _reshape(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    wanted = _ints(node, "shape") if len(node.inputs) < 2 else state.numbers(node.inputs[1])
    if wanted is None:
        return [None]
    if first is None:
        return [wanted if all(size > 0 for size in wanted) else None]
    if not int_attribute(node, "allowzero", 0):
        wanted = tuple(first[axis] if size == 0 else size for axis, size in enumerate(wanted))
    known = math.prod(size for size in wanted if size >= 0)
    return [tuple(math.prod(first) // known if size < 0 else size for size in wanted)]


def _transpose(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    order = _ints(node, "perm") or tuple(reversed(range(len(first))))
    return [tuple(first[axis] for axis in order)]


def _concat(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    shapes = [state.shape(each) for each in node.inputs]
    known = [shape for shape in shapes if shape is not None]
    if first is None or len(known) != len(shapes):
        return [None]
    axis = int_attribute(node, "axis", 1) % len(first)
    return [(*first[:axis], sum(shape[axis] for shape in known), *first[axis + 1 :])]


def _split(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return []
    count = len(node.outputs)
    axis = int_attribute(node, "axis", 0) % len(first)
    parts = _ints(node, "split") or (state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None)
    even = -(-first[axis] // count)
    parts = parts or tuple(min(even, first[axis] - even * i) for i in range(count))
    return [(*first[:axis], part, *first[axis + 1 :]) for part in parts]


def _slice(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
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


def _gather(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    index = state.shape(node.inputs[1])
    if first is None or index is None:
        return [None]
    axis = int_attribute(node, "axis", 0) % len(first)
    return [(*first[:axis], *index, *first[axis + 1 :])]


def _gather_nd(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    index = state.shape(node.inputs[1])
    if first is None or index is None:
        return [None]
    return [(*index[:-1], *first[int_attribute(node, "batch_dims", 0) + index[-1] :])]


def _like_second(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [state.shape(node.inputs[1])]


def _unsqueeze(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    axes = _axes(state, node)
    if first is None or axes is None:
        return [None]
    rank = len(first) + len(axes)
    new = {axis % rank for axis in axes}
    old = iter(first)
    return [tuple(1 if axis in new else next(old) for axis in range(rank))]


def _squeeze(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    axes = _axes(state, node)
    if first is None or (axes is None and len(node.inputs) > 1):
        return [None]
    gone = (
        {axis % len(first) for axis in axes} if axes is not None else {i for i, size in enumerate(first) if size == 1}
    )
    return [tuple(size for axis, size in enumerate(first) if axis not in gone)]


def _expand(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [broadcast([first, state.numbers(node.inputs[1])])]


def _tile(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    times = state.numbers(node.inputs[1])
    if first is None or times is None:
        return [None]
    return [tuple(size * each for size, each in zip(first, times, strict=True))]


def reduce(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    """`ReduceSum`, `ArgMax` and their kin."""
    if first is None:
        return [None]
    arg = node.operator.startswith("Arg")
    axes = (int_attribute(node, "axis", 0),) if arg else _axes(state, node)
    if axes is None and len(node.inputs) > 1 and node.inputs[1]:
        return [None]
    if not axes:
        axes = () if int_attribute(node, "noop_with_empty_axes", 0) else tuple(range(len(first)))
    gone = {axis % len(first) for axis in axes}
    if int_attribute(node, "keepdims", 1):
        return [tuple(1 if axis in gone else size for axis, size in enumerate(first))]
    return [tuple(size for axis, size in enumerate(first) if axis not in gone)]


def _of_numbers(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [state.numbers(node.inputs[0])]


def _rank(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [None if first is None else (len(first),)]


def _range(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    given = [state.numbers(each) for each in node.inputs]
    start, limit, step = (each[0] if each else None for each in given)
    if start is None or limit is None or not step:
        return [None]
    return [(max(-(-(limit - start) // step), 0),)]


def _pad(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    pads = _ints(node, "pads") or (state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None)
    if first is None or pads is None or len(pads) != 2 * len(first):
        return [None]
    return [tuple(size + pads[i] + pads[i + len(first)] for i, size in enumerate(first))]


def _resize(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    sizes = state.numbers(node.inputs[3]) if len(node.inputs) > 3 and node.inputs[3] else None
    return [sizes if first is not None and sizes is not None and len(sizes) == len(first) else None]


def _depth_to_space(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    if first is None:
        return [None]
    block = int_attribute(node, "blocksize", 1)
    n, c, h, w = first
    if node.operator == "DepthToSpace":
        return [(n, c // block**2, h * block, w * block)]
    return [(n, c * block**2, h // block, w // block)]


def _attention(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    return [first]


def _top_k(state: KnownValues, node: Node, first: Shape | None) -> list[Shape | None]:
    count = state.numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if first is None or not count:
        return []
    axis = int_attribute(node, "axis", -1) % len(first)
    shape = (*first[:axis], count[0], *first[axis + 1 :])
    return [shape, shape]


_Rule = Callable[[KnownValues, Node, "Shape | None"], "list[Shape | None]"]


RULES: dict[str, _Rule] = {
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

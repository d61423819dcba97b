"""Small random graphs: operators drawn one after the other, of those that keep rows apart and those that don't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import helper

from graphs import FLOAT, INT64, Builder
from row_graphs import UNDECIDED, RowGraph

_ROWS = 3
"""Rows of the arrays that sizes are worked out with; no other size is 3."""
Array = np.ndarray
Drawn = tuple[str, Array]


def draw(seed: int) -> RowGraph:
    """A random graph, the same for each seed."""
    random = np.random.default_rng(seed)
    shape = ((4,), (5, 4), (2, 4))[int(random.integers(3))]
    count = int(random.integers(2, 9))

    def make(build: Builder) -> None:
        build.random = np.random.default_rng(seed)
        drawing = _Drawing(build, np.random.default_rng(seed), np.ones((_ROWS, *shape), np.float32))
        for _ in range(count):
            drawing.add()
        drawing.end()

    return RowGraph(f"random-{seed}", UNDECIDED, make, shape=shape, gives=((FLOAT, None),), high=3.0)


def runs(path: Path, graph: RowGraph) -> bool:
    """Whether the runtime takes a graph, and gives one row for each row."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for count in (1, 2, 5):
            (given,) = session.run(None, {"x": graph.rows(np.random.default_rng(0), count)})
            if given.shape[:1] != (count,) or not np.isfinite(given).all():
                return False
    except Exception:  # noqa: BLE001 - the runtime's exceptions have no common base
        return False
    return True


class _Drawing:
    """A graph as it grows; each value with an array of its sizes for three rows."""

    def __init__(self, build: Builder, random: np.random.Generator, first: Array) -> None:
        self.build = build
        self.random = random
        self.values: list[Drawn] = [("x", first)]
        self._steps: tuple[Callable[[Drawn], Drawn | None], ...] = (
            self.unary,
            self.unary,
            self.binary,
            self.binary,
            self.weight,
            self.bias,
            self.softmax,
            self.reduce,
            self.reduce,
            self.transpose,
            self.reshape,
            self.concat,
            self.gather,
            self.slice,
            self.cumulative,
            self.top,
            self.gram,
            self.counted,
            self.stretched,
            self.normalised,
            self.quantised,
            self.branch,
            self.places,
            self.sizes_back,
        )

    def add(self) -> None:
        """One more operator, on one of the last values."""
        value = self.values[-1 - min(len(self.values) - 1, int(self.random.geometric(0.7)) - 1)]
        step = self._steps[int(self.random.integers(len(self._steps)))]
        made = step(value)
        if made is not None and made[1].size and made[1].ndim <= 4 and made[1].size < 2000:
            self.values.append(made)

    def end(self) -> None:
        """Tame the last value that has rows first, and give it."""
        fitting = [value for value in self.values if value[1].shape[:1] == (_ROWS,)]
        self.build.add("Tanh", fitting[-1][0])

    def _axis(self, array: Array) -> int:
        return int(self.random.integers(array.ndim)) if array.ndim else 0

    def unary(self, value: Drawn) -> Drawn:
        operator = ("Tanh", "Sigmoid", "Abs", "Neg", "Relu")[int(self.random.integers(5))]
        return self.build.add(operator, value[0]), value[1]

    def binary(self, value: Drawn) -> Drawn | None:
        other = self.values[int(self.random.integers(len(self.values)))]
        try:
            shape = np.broadcast_shapes(value[1].shape, other[1].shape)
        except ValueError:
            return None
        operator = ("Add", "Sub", "Mul", "Max")[int(self.random.integers(4))]
        return self.build.add(operator, value[0], other[0]), np.ones(shape, np.float32)

    def weight(self, value: Drawn) -> Drawn | None:
        if value[1].ndim < 2:
            return None
        width = int(self.random.integers(4, 7))
        made = self.build.add("MatMul", value[0], self.build.weight(value[1].shape[-1], width))
        return made, np.ones((*value[1].shape[:-1], width), np.float32)

    def bias(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim or value[1].shape[-1] == _ROWS:
            return None
        return self.build.add("Add", value[0], self.build.weight(value[1].shape[-1])), value[1]

    def softmax(self, value: Drawn) -> Drawn | None:
        return (self.build.add("Softmax", value[0], axis=self._axis(value[1])), value[1]) if value[1].ndim else None

    def reduce(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        axis, keep = self._axis(value[1]), int(self.random.integers(2))
        operator = ("ReduceSum", "ReduceMean", "ReduceMax")[int(self.random.integers(3))]
        made = self.build.add(operator, value[0], self.build.numbers(axis), keepdims=keep)
        return made, value[1].sum(axis=axis, keepdims=bool(keep))

    def transpose(self, value: Drawn) -> Drawn | None:
        order = [int(axis) for axis in self.random.permutation(value[1].ndim)]
        return (self.build.add("Transpose", value[0], perm=order), value[1].transpose(order)) if order else None

    def reshape(self, value: Drawn) -> Drawn | None:
        shape = value[1].shape
        choices = [(-1, shape[-1]), (-1, 2), (2, -1), (0, -1), (-1,), (0, 2, -1), (-1, 2, 2)] if shape else []
        if not choices:
            return None
        wanted = choices[int(self.random.integers(len(choices)))]
        if len(shape) < sum(size == 0 for size in wanted):
            return None
        filled = [shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
        if _ROWS in wanted:
            return None
        try:
            array = value[1].reshape(filled)
        except ValueError:
            return None
        return self.build.add("Reshape", value[0], self.build.numbers(*wanted)), array

    def concat(self, value: Drawn) -> Drawn | None:
        other = self.values[int(self.random.integers(len(self.values)))]
        axis = self._axis(value[1])
        try:
            array = np.concatenate([value[1], other[1]], axis)
        except ValueError:
            return None
        return self.build.add("Concat", value[0], other[0], axis=axis), array

    def gather(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        axis = self._axis(value[1])
        return self.build.add("Gather", value[0], self.build.numbers(0), axis=axis), value[1].take([0], axis)

    def slice(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        axis, step = self._axis(value[1]), (1, -1)[int(self.random.integers(2))]
        start, end = (0, 2**62) if step > 0 else (-1, -(2**62))
        bounds = (self.build.numbers(each) for each in (start, end, axis, step))
        return self.build.add("Slice", value[0], *bounds), value[1]

    def cumulative(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        return self.build.add("CumSum", value[0], self.build.array(np.int64(self._axis(value[1])))), value[1]

    def top(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        axis = self._axis(value[1])
        made = self.build.add("TopK", value[0], self.build.numbers(1), axis=axis, outputs=2)
        return made[0], value[1].take([0], axis)

    def gram(self, value: Drawn) -> Drawn | None:
        if value[1].ndim != 2:
            return None
        turned = self.build.add("Transpose", value[0], perm=[1, 0])
        square = self.build.add("MatMul", value[0], turned)
        return self.build.add("MatMul", square, value[0]), value[1]

    def counted(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim:
            return None
        axis = self._axis(value[1])
        size = self.build.add("Cast", self.build.add("Shape", value[0], start=axis, end=axis + 1), to=FLOAT)
        return self.build.add("Div", value[0], size), value[1]

    def stretched(self, value: Drawn) -> Drawn:
        size = self.build.add("Shape", value[0])
        return self.build.add("Expand", self.build.array(np.float32(0.5)), size), value[1]

    def normalised(self, value: Drawn) -> Drawn | None:
        if not value[1].ndim or value[1].shape[-1] in (1, _ROWS):
            return None
        width = value[1].shape[-1]
        return self.build.add("LayerNormalization", value[0], self.build.weight(width), axis=-1), value[1]

    def quantised(self, value: Drawn) -> Drawn:
        whole, scale, zero = self.build.add("DynamicQuantizeLinear", value[0], outputs=3)
        return self.build.add("DequantizeLinear", whole, scale, zero), value[1]

    def branch(self, value: Drawn) -> Drawn:
        name = value[0]
        flat = self.build.add("ReduceMax", name, keepdims=0)
        condition = self.build.add("Greater", flat, self.build.array(np.float32(1.5)))
        number = len(self.build.nodes)
        graphs = [
            helper.make_graph(
                [helper.make_node(operator, [name], [f"b{number}_{operator}"])],
                operator,
                [],
                [helper.make_tensor_value_info(f"b{number}_{operator}", FLOAT, None)],
            )
            for operator in ("Neg", "Identity")
        ]
        return self.build.add("If", condition, then_branch=graphs[0], else_branch=graphs[1]), value[1]

    def places(self, value: Drawn) -> Drawn | None:
        """Slices along an axis taken by their numbers, turned round or not."""
        if not value[1].ndim:
            return None
        axis = self._axis(value[1])
        size = self.build.add("Squeeze", self.build.add("Shape", value[0], start=axis, end=axis + 1))
        one = self.build.array(np.int64(1))
        numbers = self.build.add("Range", self.build.array(np.int64(0)), size, one)
        if int(self.random.integers(2)):
            numbers = self.build.add("Sub", self.build.add("Sub", size, one), numbers)
        return self.build.add("Gather", value[0], numbers, axis=axis), value[1]

    def sizes_back(self, value: Drawn) -> Drawn:
        """Laid out anew by the sizes of the input, as exporters write it."""
        whole = self.build.add("Cast", self.build.add("Cast", self.build.add("Shape", value[0]), to=FLOAT), to=INT64)
        return self.build.add("Reshape", self.build.add("Reshape", value[0], self.build.numbers(-1)), whole), value[1]

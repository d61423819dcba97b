"""A family of graphs whose rows are independent, or are not, each with the verdict that is right for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from graphs import BOOL, FLOAT, INT64, Builder

WIDTH = 6
UINT32 = TensorProto.UINT32
INDEPENDENT, DEPENDENT, UNDECIDED = "independent", "dependent", "undecided"


class RowGraph(NamedTuple):
    """A graph and what is true of it."""

    name: str
    verdict: str
    """What the proof must say."""
    make: Callable[[Builder], Any]
    """Adds nodes; the last one gives the output, or it returns the names of several."""
    shape: tuple[int, ...] = (WIDTH,)
    """Sizes of a row of `x`."""
    element: int = FLOAT
    """Element type of `x`."""
    gives: tuple[Any, ...] = ((FLOAT, None),)
    """Element types and ranks of the outputs."""
    high: float = 3.0
    """Numbers lie between its negative and it; whole numbers between 0 and it."""
    opset: int = 18
    independent: bool | None = None
    """Whether its rows are independent in truth, where the proof leaves it open."""

    @property
    def is_independent(self) -> bool:
        """Whether its rows may be joined."""
        return self.verdict == INDEPENDENT if self.independent is None else self.independent

    def save(self, path: Path) -> Path:
        """Write the model."""
        build = Builder()
        last = self.make(build)
        names = last if isinstance(last, list) else [last or build.nodes[-1].output[0]]
        outputs = []
        for index, (name, (element, _)) in enumerate(zip(names, self.gives, strict=True)):
            build.nodes.append(helper.make_node("Identity", [name], [f"y{index}"]))
            outputs.append(helper.make_tensor_value_info(f"y{index}", element, None))
        graph = helper.make_graph(
            build.nodes,
            "graph",
            [helper.make_tensor_value_info("x", self.element, ["batch", *self.shape])],
            outputs,
            build.weights,
        )
        opsets = [
            helper.make_opsetid("", self.opset),
            helper.make_opsetid("ai.onnx.ml", 3),
            helper.make_opsetid("com.microsoft", 1),
        ]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        _declare_outputs(made, self.gives)
        path.write_bytes(made.SerializeToString())
        return path

    def rows(self, random: np.random.Generator, count: int, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Rows of an input."""
        size = (count, *(self.shape if shape is None else shape))
        if self.element == FLOAT:
            # Now and then a row is far from the others: what joins rows shows it.
            scale = random.choice([0.01, 1.0, 1.0, self.high], size=(count, *[1] * (len(size) - 1)))
            return (random.standard_normal(size) * scale).astype(np.float32)
        if self.element == BOOL:
            return random.integers(0, 2, size).astype(bool)
        return random.integers(0, int(self.high), size).astype(np.int64)


def _declare_outputs(made: Any, gives: tuple[Any, ...]) -> None:
    """Give outputs the shape `[batch, …]`, as exporters do: it is the promise that the service must not take."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(made)
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in inferred.graph.output}
    shaped = {value.name for value in inferred.graph.output if value.type.tensor_type.HasField("shape")}
    for value, (element, rank) in zip(made.graph.output, gives, strict=True):
        count = rank if rank is not None else ranks[value.name] if value.name in shaped else 2
        value.CopyFrom(
            helper.make_tensor_value_info(
                value.name, element, ["batch", *[f"{value.name}.{n}" for n in range(1, count)]]
            )
        )


def _graph(name: str, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any] | None = None) -> Any:
    return helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        weights or [],
    )


def _scalar(build: Builder, value: float) -> str:
    return build.array(np.float32(value))


def _one(operator: str, **attributes: Any) -> Callable[[Builder], Any]:
    def make(build: Builder) -> None:
        build.add(operator, "x", **attributes)

    return make


def _centre(build: Builder) -> None:
    """Subtract the mean over the batch."""
    build.add("Sub", "x", build.add("ReduceMean", "x", build.numbers(0), keepdims=1))


def _standardise(build: Builder) -> None:
    mean = build.add("ReduceMean", "x", build.numbers(0), keepdims=1)
    centred = build.add("Sub", "x", mean)
    spread = build.add("ReduceL2", centred, build.numbers(0), keepdims=1)
    build.add("Div", centred, build.add("Add", spread, _scalar(build, 1.0)))


def _gram(build: Builder) -> None:
    transposed = build.add("Transpose", "x", perm=[1, 0])
    build.add("MatMul", build.add("MatMul", "x", transposed), "x")


def _cumsum(axis: int) -> Callable[[Builder], Any]:
    def make(build: Builder) -> None:
        build.add("CumSum", "x", build.array(np.int64(axis)))

    return make


def _ranks(build: Builder) -> None:
    """Each row's rank among all."""
    score = build.add("ReduceSum", "x", build.numbers(1), keepdims=1)
    less = build.add("Less", build.add("Transpose", score, perm=[1, 0]), score)
    build.add("ReduceSum", build.add("Cast", less, to=FLOAT), build.numbers(1), keepdims=1)


def _top_rows(build: Builder) -> None:
    build.add("TopK", "x", build.numbers(1), axis=0, outputs=2)
    build.add("Sub", "x", build.nodes[-1].output[0])


def _top_columns(build: Builder) -> list[str]:
    return build.add("TopK", "x", build.numbers(3), axis=1, outputs=2)


def _branch(build: Builder) -> None:
    largest = build.add("ReduceMax", "x", keepdims=0)
    condition = build.add("Greater", largest, _scalar(build, 4.0))
    then = _graph("then", [helper.make_node("Neg", ["x"], ["a"])], [], [("a", FLOAT, None)])
    other = _graph("else", [helper.make_node("Identity", ["x"], ["b"])], [], [("b", FLOAT, None)])
    build.add("If", condition, then_branch=then, else_branch=other)


def _branch_by_size(above: int) -> Callable[[Builder], Any]:
    def make(build: Builder) -> None:
        size = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
        condition = build.add("Greater", size, build.array(np.int64(above)))
        then = _graph("then", [helper.make_node("Neg", ["x"], ["a"])], [], [("a", FLOAT, None)])
        other = _graph("else", [helper.make_node("Identity", ["x"], ["b"])], [], [("b", FLOAT, None)])
        build.add("If", condition, then_branch=then, else_branch=other)

    return make


def _by_count(build: Builder) -> None:
    count = build.add("Cast", build.add("Shape", "x", start=0, end=1), to=FLOAT)
    build.add("Div", "x", count)


def _above_a_size(build: Builder) -> None:
    """Numbers that are off from the 17th row on, and nowhere else."""
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    numbers = build.add("Range", build.array(np.int64(0)), count, build.array(np.int64(1)))
    late = build.add("Cast", build.add("GreaterOrEqual", numbers, build.array(np.int64(16))), to=FLOAT)
    build.add("Add", "x", build.add("Unsqueeze", late, build.numbers(1)))


def _merge_by_reshape(build: Builder) -> None:
    """Columns of all rows interleaved."""
    turned = build.add("Reshape", "x", build.numbers(WIDTH, -1))
    summed = build.add("Sub", turned, build.add("ReduceMean", turned, build.numbers(1), keepdims=1))
    build.add("Reshape", summed, build.numbers(-1, WIDTH))


def _halve(build: Builder) -> None:
    """Two rows made of each, and joined again."""
    build.add("Reshape", build.add("Relu", build.add("Reshape", "x", build.numbers(-1, 3))), build.numbers(-1, WIDTH))


def _pairs(build: Builder) -> None:
    """Rows taken two by two: wrong where their number is odd, and not their own where it is even."""
    wide = build.add("Reshape", "x", build.numbers(1, -1, WIDTH))
    build.add("Squeeze", build.add("Softmax", wide, axis=1), build.numbers(0))


def _transposed(build: Builder) -> None:
    """The batch axis moved away and normalised there."""
    turned = build.add("Transpose", "x", perm=[1, 0])
    build.add("Transpose", build.add("Softmax", turned, axis=1), perm=[1, 0])


def _transposed_well(build: Builder) -> None:
    turned = build.add("Transpose", "x", perm=[1, 0])
    build.add("Transpose", build.add("Softmax", turned, axis=0), perm=[1, 0])


def _batch_norm(training: int) -> Callable[[Builder], Any]:
    def make(build: Builder) -> None:
        scale, bias, mean, variance = (build.array(np.full(WIDTH, v, np.float32)) for v in (1.5, 0.5, 0.1, 2.0))
        count = 3 if training else 1
        build.add("BatchNormalization", "x", scale, bias, mean, variance, training_mode=training, outputs=count)
        return build.nodes[-1].output[0]

    return make


def _loop_over_rows(build: Builder) -> None:
    """A running sum, row by row."""
    body = _graph(
        "body",
        [
            helper.make_node("Gather", ["x", "turn"], ["row"], axis=0),
            helper.make_node("Add", ["before", "row"], ["after"]),
            helper.make_node("Identity", ["after"], ["out"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        [("turn", INT64, []), ("go", BOOL, []), ("before", FLOAT, [WIDTH])],
        [("on", BOOL, []), ("after", FLOAT, [WIDTH]), ("out", FLOAT, [WIDTH])],
    )
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    start = build.array(np.zeros(WIDTH, np.float32))
    build.add("Loop", count, build.array(np.array(True)), start, body=body, outputs=2)
    return build.nodes[-1].output[1]


def _loop(build: Builder) -> None:
    body = _graph(
        "body",
        [
            helper.make_node("Tanh", ["before"], ["after"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        [("turn", INT64, []), ("go", BOOL, []), ("before", FLOAT, None)],
        [("on", BOOL, []), ("after", FLOAT, None)],
    )
    build.add("Loop", build.array(np.int64(3)), build.array(np.array(True)), "x", body=body)


def _scan_body() -> Any:
    return _graph(
        "body",
        [
            helper.make_node("Add", ["before", "row"], ["after"]),
            helper.make_node("Identity", ["after"], ["out"]),
        ],
        [("before", FLOAT, None), ("row", FLOAT, None)],
        [("after", FLOAT, None), ("out", FLOAT, None)],
    )


def _scan_rows(build: Builder) -> Any:
    start = build.array(np.zeros(WIDTH, np.float32))
    build.add("Scan", start, "x", body=_scan_body(), num_scan_inputs=1, outputs=2)
    return build.nodes[-1].output[1]


def _scan_time(build: Builder) -> Any:
    start = build.add("Mul", build.add("ReduceSum", "x", build.numbers(1), keepdims=0), _scalar(build, 0.0))
    build.add(
        "Scan", start, "x", body=_scan_body(), num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[1], outputs=2
    )
    return build.nodes[-1].output[1]


def _dynamic_int8(build: Builder) -> None:
    quantised, scale, zero = build.add("DynamicQuantizeLinear", "x", outputs=3)
    weight = build.array(build.random.integers(-100, 100, (WIDTH, 4)).astype(np.int8))
    product = build.add("MatMulInteger", quantised, weight, zero)
    build.add("Mul", build.add("Cast", product, to=FLOAT), scale)


def _static_int8(build: Builder) -> None:
    scale, zero = _scalar(build, 0.05), build.array(np.uint8(128))
    quantised = build.add("QuantizeLinear", "x", scale, zero)
    weight = build.add(
        "DequantizeLinear",
        build.array(build.random.integers(-100, 100, (WIDTH, 4)).astype(np.int8)),
        _scalar(build, 0.02),
        build.array(np.int8(0)),
    )
    build.add("MatMul", build.add("DequantizeLinear", quantised, scale, zero), weight)


def _scatter_row(build: Builder) -> None:
    build.add("ScatterND", "x", build.array(np.array([[0]], np.int64)), build.array(np.zeros((1, WIDTH), np.float32)))


def _scatter_columns(build: Builder) -> None:
    places = build.add("Cast", build.add("Greater", "x", _scalar(build, 0.0)), to=INT64)
    build.add("ScatterElements", "x", places, "x", axis=1, reduction="add")


def _first_row(build: Builder) -> None:
    build.add("Sub", "x", build.add("Gather", "x", build.numbers(0), axis=0))


def _neighbour(build: Builder) -> None:
    """Each row's next one, taken by number."""
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    numbers = build.add("Range", build.array(np.int64(0)), count, build.array(np.int64(1)))
    following = build.add("Mod", build.add("Add", numbers, build.array(np.int64(1))), count)
    build.add("Gather", "x", following, axis=0)


def _rows_by_number(build: Builder) -> None:
    """All rows taken by their numbers."""
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    numbers = build.add("Range", build.array(np.int64(0)), count, build.array(np.int64(1)))
    build.add("Gather", "x", numbers, axis=0)


def _other_by_number(build: Builder) -> None:
    """The row of half of each one's number."""
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    numbers = build.add("Range", build.array(np.int64(0)), count, build.array(np.int64(1)))
    half = build.add("Div", numbers, build.array(np.int64(2)))
    build.add("Gather", "x", half, axis=0)


def _own_number(build: Builder) -> None:
    """Each row's own column, by the row's number and its own choice: what exporters make of `x[arange, choice]`."""
    count = build.add("Squeeze", build.add("Shape", "x", start=0, end=1))
    numbers = build.add("Range", build.array(np.int64(0)), count, build.array(np.int64(1)))
    choice = build.add("ArgMax", "x", axis=1, keepdims=0)
    pair = build.add("Concat", *(build.add("Unsqueeze", e, build.numbers(-1)) for e in (numbers, choice)), axis=1)
    build.add("Unsqueeze", build.add("GatherND", "x", pair), build.numbers(1))


def _nonzero(build: Builder) -> None:
    places = build.add("NonZero", build.add("Relu", build.add("ReduceSum", "x", build.numbers(1), keepdims=0)))
    count = build.add("Shape", places, start=1, end=2)
    build.add("Mul", "x", build.add("Cast", count, to=FLOAT))


def _unique(build: Builder) -> None:
    build.add("Unique", build.add("Round", build.add("ReduceSum", "x", build.numbers(1), keepdims=0)), outputs=4)
    inverse = build.nodes[-1].output[2]
    build.add("Mul", "x", build.add("Unsqueeze", build.add("Cast", inverse, to=FLOAT), build.numbers(1)))


def _compress(build: Builder) -> None:
    """Rows that are kept moved to the front, the rest zeroes."""
    score = build.add("ReduceSum", "x", build.numbers(1), keepdims=0)
    keep = build.add("Greater", score, _scalar(build, 0.0))
    kept = build.add("Compress", "x", keep, axis=0)
    mean = build.add("ReduceMean", build.add("Concat", kept, "x", axis=0), build.numbers(0), keepdims=1)
    build.add("Add", "x", mean)


def _roll(build: Builder) -> None:
    first = build.add("Slice", "x", build.numbers(0), build.numbers(1), build.numbers(0))
    rest = build.add("Slice", "x", build.numbers(1), build.numbers(2**62), build.numbers(0))
    build.add("Concat", rest, first, axis=0)


def _reverse(build: Builder) -> None:
    build.add("Slice", "x", build.numbers(-1), build.numbers(-(2**62)), build.numbers(0), build.numbers(-1))


def _distances(build: Builder) -> None:
    """The distance to the nearest other row."""
    apart = build.add(
        "Sub", build.add("Unsqueeze", "x", build.numbers(0)), build.add("Unsqueeze", "x", build.numbers(1))
    )
    build.add("ReduceMean", build.add("Mul", apart, apart), build.numbers(1), keepdims=0)


def _conv_over_rows(build: Builder) -> None:
    """A window that slides over the batch."""
    wide = build.add("Unsqueeze", build.add("Transpose", "x", perm=[1, 0]), build.numbers(0))
    slid = build.add("Conv", wide, build.weight(WIDTH, WIDTH, 3), pads=[1, 1])
    build.add("Transpose", build.add("Squeeze", slid, build.numbers(0)), perm=[1, 0])


def _lstm(layout_batch_first: bool) -> Callable[[Builder], Any]:
    def make(build: Builder) -> Any:
        x = build.add("Transpose", "x", perm=[1, 0, 2]) if layout_batch_first else "x"
        w, r = build.weight(1, 16, 3), build.weight(1, 16, 4)
        build.add("LSTM", x, w, r, hidden_size=4, outputs=3)
        y = build.add("Squeeze", build.nodes[-1].output[0], build.numbers(1))
        return build.add("Transpose", y, perm=[1, 0, 2]) if layout_batch_first else y

    return make


def _mlp(build: Builder) -> None:
    hidden = build.add("Relu", build.add("Gemm", "x", build.weight(WIDTH, 16), build.weight(16)))
    build.add("Softmax", build.add("Gemm", hidden, build.weight(16, 4), build.weight(4)), axis=1)


def _attention(build: Builder) -> None:
    """Attention of a row's tokens over each other, the sizes worked out from the input, with a mask of its own."""
    shape = build.add("Shape", "x")
    batch = build.add("Gather", shape, build.numbers(0))
    length = build.add("Gather", shape, build.numbers(1))
    split = build.add("Concat", batch, length, build.numbers(2, 4), axis=0)
    joined = build.add("Concat", batch, length, build.numbers(8), axis=0)
    mask = build.add("Greater", build.add("ReduceSum", "x", build.numbers(2), keepdims=0), _scalar(build, -5.0))
    mask = build.add("Unsqueeze", mask, build.numbers(1, 2))
    bias = build.add("Where", mask, _scalar(build, 0.0), _scalar(build, -1e9))
    q, k, v = (
        build.add("Transpose", build.add("Reshape", build.add("MatMul", "x", build.weight(3, 8)), split), perm=order)
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    )
    weights = build.add("Softmax", build.add("Add", build.add("MatMul", q, k), bias), axis=-1)
    y = build.add("Transpose", build.add("MatMul", weights, v), perm=[0, 2, 1, 3])
    build.add("Reshape", y, joined)


def _merged_heads(build: Builder) -> None:
    """Batch and heads joined to one axis for the products, as older exporters do."""
    shape = build.add("Shape", "x")
    batch = build.add("Gather", shape, build.numbers(0))
    heads = build.add("Transpose", build.add("Reshape", "x", build.numbers(0, 5, 3, 1)), perm=[0, 2, 1, 3])
    joined = build.add(
        "Reshape", heads, build.add("Concat", build.add("Mul", batch, build.numbers(3)), build.numbers(5, 1), axis=0)
    )
    scores = build.add("MatMul", joined, build.add("Transpose", joined, perm=[0, 2, 1]))
    y = build.add("MatMul", build.add("Softmax", scores, axis=-1), joined)
    apart = build.add("Reshape", y, build.add("Concat", batch, build.numbers(3, 5, 1), axis=0))
    build.add("Reshape", build.add("Transpose", apart, perm=[0, 2, 1, 3]), build.numbers(0, 0, -1))


def _cnn(build: Builder) -> None:
    y = build.add("Relu", build.add("Conv", "x", build.weight(4, 2, 3, 3), build.weight(4), pads=[1, 1, 1, 1]))
    y = build.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = build.add("InstanceNormalization", y, build.weight(4), build.weight(4))
    build.add("Gemm", build.add("Flatten", y), build.weight(36, 3), build.weight(3))


def _embedding(build: Builder) -> None:
    build.add("ReduceMean", build.add("Gather", build.weight(50, 8), "x"), build.numbers(1), keepdims=0)


def _layer_norm(build: Builder) -> None:
    build.add("LayerNormalization", "x", build.weight(WIDTH), build.weight(WIDTH), axis=-1)


def _einsum_well(build: Builder) -> None:
    build.add("Einsum", "x", build.weight(3, 4), equation="btd,de->bte")


def _einsum(build: Builder) -> None:
    build.add("Einsum", "x", "x", "x", equation="bi,ci,cj->bj")


def _expand(build: Builder) -> None:
    """One stored vector for each row, stretched over the batch by the sizes of the input."""
    size = build.add("Concat", build.add("Shape", "x", start=0, end=1), build.numbers(4), axis=0)
    token = build.add("Expand", build.weight(1, 4), size)
    build.add("Concat", token, "x", axis=1)


def _zeros(build: Builder) -> None:
    size = build.add("Concat", build.add("Shape", "x", start=0, end=1), build.numbers(WIDTH), axis=0)
    build.add("Add", build.add("ConstantOfShape", size), build.add("Tanh", "x"))


def _trees(build: Builder) -> Any:
    build.add(
        "TreeEnsembleRegressor",
        "x",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0, 0, 1, 1, 1],
        nodes_nodeids=[0, 1, 2, 0, 1, 2],
        nodes_featureids=[0, 0, 0, 3, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.1, 0.0, 0.0, -0.4, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0, 1, 0, 0],
        nodes_falsenodeids=[2, 0, 0, 2, 0, 0],
        target_treeids=[0, 0, 1, 1],
        target_nodeids=[1, 2, 1, 2],
        target_ids=[0, 0, 0, 0],
        target_weights=[1.0, 2.0, 0.5, -0.25],
    )


def _classifier(build: Builder) -> list[str]:
    return build.add(
        "LinearClassifier",
        "x",
        domain="ai.onnx.ml",
        outputs=2,
        coefficients=[float(n % 5) - 2 for n in range(3 * WIDTH)],
        intercepts=[0.1, 0.2, 0.3],
        classlabels_ints=[0, 1, 2],
        post_transform="SOFTMAX",
    )


def _fixed_rows(build: Builder) -> None:
    """Numbers of their own for the first eight rows."""
    size = build.add("Shape", "x", start=0, end=1)
    bias = build.add("Slice", build.weight(512, WIDTH), build.numbers(0), size, build.numbers(0))
    build.add("Add", "x", bias)


def _random(build: Builder) -> None:
    build.add("Add", "x", build.add("RandomNormalLike", "x", dtype=FLOAT))


def _scan_unused(build: Builder) -> None:
    """A sum over the batch that reaches no output."""
    build.add("ReduceSum", "x", build.numbers(0))
    build.add("Sigmoid", "x")


def _unknown_sizes(build: Builder) -> None:
    """A reshape whose target is worked out from numbers that no rule follows."""
    size = build.add("Cast", build.add("Floor", build.add("Sqrt", build.array(np.array([37.0], np.float32)))), to=INT64)
    target = build.add("Concat", build.numbers(-1), size, axis=0)
    build.add("Tanh", build.add("Reshape", "x", target))


def _sequence_mean(build: Builder) -> None:
    """Rows to a sequence and back, their mean taken off, by operators that no rule follows."""
    parts = build.add("SplitToSequence", "x", axis=1)
    joined = build.add("ConcatFromSequence", parts, axis=1)
    build.add("Sub", "x", build.add("ReduceMean", joined, build.numbers(0), keepdims=1))


def _sequence(build: Builder) -> None:
    parts = build.add("SplitToSequence", "x", axis=1)
    build.add("Tanh", build.add("ConcatFromSequence", parts, axis=1))


def _max_unpool(build: Builder) -> None:
    pooled, places = build.add("MaxPool", "x", kernel_shape=[2], strides=[2], outputs=2)
    build.add("MaxUnpool", pooled, places, kernel_shape=[2], strides=[2])


def _pool_places(build: Builder) -> list[str]:
    return build.add("MaxPool", "x", kernel_shape=[2], strides=[2], outputs=2)


def _squeeze_all(build: Builder) -> None:
    """Axes of one slice dropped, the batch among them where it has one row."""
    mean = build.add("Squeeze", build.add("ReduceMean", "x", build.numbers(1), keepdims=1))
    build.add("Mul", "x", build.add("ReduceMax", mean, keepdims=1))


def _lp(axis: int) -> Callable[[Builder], Any]:
    return _one("LpNormalization", axis=axis, p=2)


def _mean_variance(build: Builder) -> None:
    build.add("MeanVarianceNormalization", "x", axes=[0, 1])


def _one_hot(build: Builder) -> None:
    build.add("OneHot", "x", build.array(np.int64(7)), build.array(np.array([0, 1], np.float32)))


def _eye(build: Builder) -> None:
    size = build.add("Shape", "x", start=0, end=1)
    square = build.add("ConstantOfShape", build.add("Concat", size, size, axis=0))
    build.add("MatMul", build.add("EyeLike", square, k=1), "x")


def _tril(build: Builder) -> None:
    build.add("Trilu", "x", upper=0)


def _reduce_keep(operator: str) -> Callable[[Builder], Any]:
    def make(build: Builder) -> None:
        build.add("Add", "x", build.add(operator, "x", build.numbers(0), keepdims=1))

    return make


def _arg_rows(build: Builder) -> None:
    build.add("Add", "x", build.add("Cast", build.add("ArgMax", "x", axis=0, keepdims=1), to=FLOAT))


def _tile(build: Builder) -> None:
    wide = build.add("Tile", "x", build.numbers(2, 1))
    build.add("Slice", wide, build.numbers(0), build.add("Shape", "x", start=0, end=1), build.numbers(0))


_INTS = ((INT64, None),)
FAMILY: tuple[RowGraph, ...] = (
    # Rows meet.
    RowGraph("centred-over-rows", DEPENDENT, _centre),
    RowGraph("standardised-over-rows", DEPENDENT, _standardise),
    RowGraph("softmax-over-rows", DEPENDENT, _one("Softmax", axis=0)),
    RowGraph("log-softmax-over-rows", DEPENDENT, _one("LogSoftmax", axis=0)),
    RowGraph("hardmax-over-rows", DEPENDENT, _one("Hardmax", axis=0)),
    RowGraph("old-softmax-over-all", DEPENDENT, _one("Softmax", axis=0), opset=11),
    RowGraph("lp-over-rows", DEPENDENT, _lp(0)),
    RowGraph("mean-variance-over-rows", DEPENDENT, _mean_variance),
    RowGraph("cumulative-over-rows", DEPENDENT, _cumsum(0)),
    RowGraph("gram", DEPENDENT, _gram),
    RowGraph("einsum-over-rows", DEPENDENT, _einsum),
    RowGraph("distances", DEPENDENT, _distances),
    RowGraph("ranks", DEPENDENT, _ranks),
    RowGraph("top-over-rows", DEPENDENT, _top_rows),
    RowGraph("argmax-over-rows", DEPENDENT, _arg_rows),
    RowGraph("max-over-rows", DEPENDENT, _reduce_keep("ReduceMax")),
    RowGraph("log-sum-over-rows", DEPENDENT, _reduce_keep("ReduceLogSumExp")),
    RowGraph("branch-on-maximum", DEPENDENT, _branch),
    RowGraph("branch-on-size-2", DEPENDENT, _branch_by_size(2)),
    RowGraph("branch-on-size-24", DEPENDENT, _branch_by_size(24)),
    RowGraph("divided-by-count", DEPENDENT, _by_count),
    RowGraph("parts-above-16", DEPENDENT, _above_a_size),
    RowGraph("reshape-across-rows", DEPENDENT, _merge_by_reshape),
    RowGraph("softmax-in-another-shape", DEPENDENT, _pairs),
    RowGraph("transposed-softmax", DEPENDENT, _transposed),
    RowGraph("batch-norm-training", DEPENDENT, _batch_norm(1)),
    RowGraph("loop-over-rows", DEPENDENT, _loop_over_rows),
    RowGraph("scan-over-rows", DEPENDENT, _scan_rows),
    RowGraph("dynamic-int8", DEPENDENT, _dynamic_int8, high=40.0),
    RowGraph("scatter-into-a-row", DEPENDENT, _scatter_row),
    RowGraph("first-row-taken-off", DEPENDENT, _first_row),
    RowGraph("rolled", DEPENDENT, _roll),
    RowGraph("neighbour-by-number", DEPENDENT, _neighbour),
    RowGraph("reversed", DEPENDENT, _reverse),
    RowGraph("nonzero-count", DEPENDENT, _nonzero),
    RowGraph("unique-over-rows", DEPENDENT, _unique),
    RowGraph("compressed-rows", DEPENDENT, _compress),
    RowGraph("window-over-rows", DEPENDENT, _conv_over_rows),
    RowGraph("lstm-over-rows", DEPENDENT, _lstm(False), shape=(5, 3)),
    RowGraph("numbers-by-place", DEPENDENT, _fixed_rows),
    RowGraph("pool-places", DEPENDENT, _pool_places, shape=(2, 6), gives=((FLOAT, None), (INT64, None))),
    RowGraph("squeezed-batch", DEPENDENT, _squeeze_all),
    RowGraph("shifted-eye", DEPENDENT, _eye),
    RowGraph("triangle-over-rows", DEPENDENT, _tril),
    RowGraph("tiled-rows", DEPENDENT, _tile, independent=True),
    # No rule can tell.
    RowGraph("rows-by-number", UNDECIDED, _rows_by_number, independent=True),
    RowGraph("other-row-by-number", UNDECIDED, _other_by_number, independent=False),
    RowGraph("sequence-mean", UNDECIDED, _sequence_mean, independent=False),
    RowGraph("sequence", UNDECIDED, _sequence, independent=True),
    RowGraph("reshape-to-unknown", UNDECIDED, _unknown_sizes, independent=True),
    RowGraph("max-unpool", UNDECIDED, _max_unpool, shape=(2, 6), independent=True),
    RowGraph(
        "unknown-operator",
        UNDECIDED,
        _one("MurmurHash3", domain="com.microsoft"),
        gives=((UINT32, 2),),
        independent=True,
    ),
    # Each row by itself.
    RowGraph("mlp", INDEPENDENT, _mlp),
    RowGraph("cnn", INDEPENDENT, _cnn, shape=(2, 6, 6)),
    RowGraph("attention-with-mask", INDEPENDENT, _attention, shape=(5, 3)),
    RowGraph("attention-with-joined-heads", INDEPENDENT, _merged_heads, shape=(5, 3)),
    RowGraph("embeddings", INDEPENDENT, _embedding, shape=(7,), element=INT64, high=50),
    RowGraph("layer-norm", INDEPENDENT, _layer_norm),
    RowGraph("lp-within-rows", INDEPENDENT, _lp(1)),
    RowGraph("softmax-within-rows", INDEPENDENT, _one("Softmax", axis=1)),
    RowGraph("cumulative-within-rows", INDEPENDENT, _cumsum(1)),
    RowGraph("top-within-rows", INDEPENDENT, _top_columns, gives=((FLOAT, None), (INT64, None))),
    RowGraph("argmax-within-rows", INDEPENDENT, _one("ArgMax", axis=1, keepdims=1), gives=_INTS),
    RowGraph("einsum-within-rows", INDEPENDENT, _einsum_well, shape=(5, 3)),
    RowGraph("two-of-each-and-back", INDEPENDENT, _halve),
    RowGraph("transposed-and-back", INDEPENDENT, _transposed_well),
    RowGraph("batch-norm", INDEPENDENT, _batch_norm(0)),
    RowGraph("loop-of-three", INDEPENDENT, _loop),
    RowGraph("scan-over-time", INDEPENDENT, _scan_time, shape=(5, 3)),
    RowGraph("lstm-over-time", INDEPENDENT, _lstm(True), shape=(5, 3)),
    RowGraph("static-int8", INDEPENDENT, _static_int8),
    RowGraph("scatter-within-rows", INDEPENDENT, _scatter_columns),
    RowGraph("own-number", INDEPENDENT, _own_number),
    RowGraph("stretched-vector", INDEPENDENT, _expand),
    RowGraph("zeros-of-the-batch", INDEPENDENT, _zeros),
    RowGraph("unused-sum-over-rows", INDEPENDENT, _scan_unused),
    RowGraph("one-hot", INDEPENDENT, _one_hot, shape=(4,), element=INT64, high=7),
    RowGraph("tree-ensemble", INDEPENDENT, _trees),
    RowGraph("normalizer", INDEPENDENT, _one("Normalizer", domain="ai.onnx.ml", norm="L2")),
    RowGraph("scaler", INDEPENDENT, _one("Scaler", domain="ai.onnx.ml", offset=[0.5] * WIDTH, scale=[2.0] * WIDTH)),
    RowGraph("linear-classifier", INDEPENDENT, _classifier, gives=((INT64, 1), (FLOAT, 2))),
)
"""All of them; `random-numbers` is apart, since no answer of it can be compared."""
RANDOM = RowGraph("random-numbers", DEPENDENT, _random)

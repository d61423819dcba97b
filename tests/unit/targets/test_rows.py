"""The proof that rows are independent, against the runtime: never claimed where it doesn't hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from airworthy.artifacts.formats.onnx_graph import read_program
from airworthy.core.graph import Graph, GraphValue, Node, Program
from airworthy.targets.rows import proof, sizes
from airworthy.targets.rows.verdict import DEPENDENT, INDEPENDENT, UNDECIDED, Reason
from graphs import BOOL, FLOAT, INT64, Builder, convolutional, transformer
from random_graphs import draw, runs
from row_graphs import FAMILY, RANDOM, RowGraph

DRAWN = 300
"""Random graphs that are looked at."""


@pytest.mark.parametrize("graph", FAMILY, ids=lambda graph: graph.name)
def test_the_verdict_on_each_graph_of_the_family(graph: RowGraph, tmp_path: Path) -> None:
    verdict = proof.rows(read_program(graph.save(tmp_path / "model.onnx")))
    assert verdict.state == graph.verdict, verdict
    assert bool(verdict.reason) == (graph.verdict != INDEPENDENT)


@pytest.mark.parametrize("graph", FAMILY, ids=lambda graph: graph.name)
def test_the_family_is_what_it_says(graph: RowGraph, tmp_path: Path) -> None:
    path = graph.save(tmp_path / "model.onnx")
    assert _are_apart(path, graph, (2, 3, 5, 17, 32), seed=1) == graph.is_independent


def test_what_is_proven_of_random_graphs_holds(tmp_path: Path) -> None:
    path, proven = tmp_path / "model.onnx", 0
    for seed in range(DRAWN):
        graph = draw(seed)
        if not runs(graph.save(path), graph):
            continue
        if proof.rows(read_program(path)).holds:
            proven += 1
            assert _are_apart(path, graph, (2, 3, 9), seed=seed), seed
    assert proven > DRAWN / 3, "a proof that never holds is worth nothing"


def _are_apart(path: Path, graph: RowGraph, counts: Sequence[int], seed: int) -> bool:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(seed)
    for count in counts:
        rows = graph.rows(random, count)
        try:
            together = session.run(None, {"x": rows})
            apart = [session.run(None, {"x": rows[index : index + 1]}) for index in range(count)]
        except Exception:  # noqa: BLE001 - the runtime's exceptions have no common base
            return False
        for place, array in enumerate(together):
            if array.shape[:1] != (count,):
                return False
            own = np.concatenate([each[place] for each in apart])
            if own.shape != array.shape or not np.allclose(own, array, rtol=1e-4, atol=1e-5):
                return False
    return True


@pytest.mark.parametrize("make", [convolutional, transformer])
def test_whole_models_are_independent(make: Any, tmp_path: Path) -> None:
    assert proof.rows(read_program(make(tmp_path / "model.onnx"))).holds


def test_a_random_number_is_named_and_forbids_answers_to_be_kept(tmp_path: Path) -> None:
    program = read_program(RANDOM.save(tmp_path / "model.onnx"))
    for verdict in (proof.rows(program), proof.repeats(program)):
        assert (verdict.state, verdict.reason, verdict.operator) == (DEPENDENT, Reason.RANDOM.value, "RandomNormalLike")


@pytest.mark.parametrize(("training", "state"), [(True, DEPENDENT), (False, INDEPENDENT)])
def test_a_dropout_counts_as_random_only_in_training(training: bool, state: str, tmp_path: Path) -> None:
    build = Builder()
    build.add("Dropout", "x", build.array(np.float32(0.5)), build.array(np.array(training)))
    program = read_program(build.save(tmp_path / "m.onnx", [("x", FLOAT, ["batch", 4])], ("y", FLOAT, ["batch", 4])))
    assert proof.repeats(program).state == state
    assert proof.rows(program).state == state


def test_an_operator_of_an_unknown_set_may_keep_something(tmp_path: Path) -> None:
    build = Builder()
    build.add("Memory", "x", domain="custom")
    path = build.save(
        tmp_path / "m.onnx",
        [("x", FLOAT, ["batch", 4])],
        ("y", FLOAT, ["batch", 4]),
        opsets=[helper.make_opsetid("custom", 1)],
    )
    program = read_program(path)
    assert proof.repeats(program).state == UNDECIDED
    assert (proof.rows(program).state, proof.rows(program).reason) == (UNDECIDED, Reason.OPERATOR.value)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([["batch", 4], ["other", 4]], Reason.FIXED),
        ([[1, 4]], Reason.FIXED),
        ([[]], Reason.FIXED),
        ([None], Reason.FIXED),
        ([["batch", "batch"]], Reason.MIXED),
    ],
)
def test_inputs_must_share_a_first_axis_of_any_size(shapes: list[Any], reason: Reason, tmp_path: Path) -> None:
    build = Builder()
    build.add("Sum", *(f"x{index}" for index in range(len(shapes))))
    inputs: list[Any] = [(f"x{index}", FLOAT, shape) for index, shape in enumerate(shapes)]
    verdict = proof.rows(read_program(build.save(tmp_path / "m.onnx", inputs, ("y", FLOAT, None))))
    assert (verdict.state, verdict.reason) == (DEPENDENT, reason.value)


def test_a_function_of_the_models_own_is_looked_into_with_the_attributes_of_its_call(tmp_path: Path) -> None:
    for axis, state in ((0, DEPENDENT), (1, INDEPENDENT)):
        inner = helper.make_node("Softmax", ["a"], ["b"])
        inner.attribute.add(name="axis", type=2, ref_attr_name="along")
        opset = helper.make_opsetid("", 18)
        function = helper.make_function("own", "Shares", ["a"], ["b"], [inner], [opset], attributes=["along"])
        build = Builder()
        build.add("Shares", "x", domain="own", along=axis)
        inputs: list[Any] = [("x", FLOAT, ["batch", 4])]
        own = [helper.make_opsetid("own", 1)]
        path = build.save(
            tmp_path / f"{axis}.onnx", inputs, ("y", FLOAT, ["batch", 4]), opsets=own, functions=[function]
        )
        assert proof.rows(read_program(path)).state == state


def test_what_a_branch_takes_from_around_it_counts(tmp_path: Path) -> None:
    build = Builder()
    mean = build.add("ReduceMean", "x", build.numbers(0), keepdims=1)
    then = helper.make_graph(
        [helper.make_node("Add", ["x", mean], ["a"])], "then", [], [helper.make_tensor_value_info("a", FLOAT, None)]
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["b"])], "else", [], [helper.make_tensor_value_info("b", FLOAT, None)]
    )
    build.add("If", build.array(np.array(True)), then_branch=then, else_branch=other)
    path = build.save(tmp_path / "m.onnx", [("x", FLOAT, ["batch", 4])], ("y", FLOAT, ["batch", 4]))
    verdict = proof.rows(read_program(path))
    assert (verdict.state, verdict.operator) == (DEPENDENT, "ReduceMean")


def test_names_within_a_functions_branch_are_the_functions_own(tmp_path: Path) -> None:
    """The branch takes `a` from the function around it, and not what the model calls `a`."""
    then = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["t"])], "then", [], [helper.make_tensor_value_info("t", FLOAT, None)]
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["e"])], "else", [], [helper.make_tensor_value_info("e", FLOAT, None)]
    )
    inner = [
        helper.make_node("Greater", ["c", "c"], ["is"]),
        helper.make_node("If", ["is"], ["b"], then_branch=then, else_branch=other),
    ]
    function = helper.make_function("own", "Either", ["a", "c"], ["b"], inner, [helper.make_opsetid("", 18)])
    build = Builder()
    build.nodes.append(helper.make_node("Relu", ["x"], ["a"]))
    mixed = build.add("ReduceMean", "x", build.numbers(0), keepdims=1)
    build.add("Either", build.add("Add", "a", mixed), build.array(np.float32(1)), domain="own")
    own = [helper.make_opsetid("own", 1)]
    inputs: list[Any] = [("x", FLOAT, ["batch", 4])]
    path = build.save(tmp_path / "m.onnx", inputs, ("y", FLOAT, ["batch", 4]), opsets=own, functions=[function])
    onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    verdict = proof.rows(read_program(path))
    assert (verdict.state, verdict.operator) == (DEPENDENT, "ReduceMean")


@pytest.mark.parametrize("operator", ["ArgMax", "CumSum", "Transpose", "Reshape"])
def test_a_number_of_rows_stays_one_whatever_is_made_of_it(operator: str, tmp_path: Path) -> None:
    build = Builder()
    size = build.add("Shape", "x")
    if operator == "ArgMax":
        made = build.add("ArgMax", size, axis=0)
    elif operator == "CumSum":
        made = build.add("CumSum", size, build.array(np.int64(0)))
    elif operator == "Transpose":
        made = build.add("Transpose", size, perm=[0])
    else:
        made = build.add("Reshape", size, build.numbers(2, 1))
    number = build.add("ReduceSum", build.add("Cast", made, to=FLOAT), keepdims=0)
    build.add("Add", "x", number)
    path = build.save(tmp_path / "m.onnx", [("x", FLOAT, ["batch", 4])], ("y", FLOAT, ["batch", 4]))
    verdict = proof.rows(read_program(path))
    assert (verdict.state, verdict.reason) == (DEPENDENT, Reason.COUNT.value)


# --- padding ----------------------------------------------------------------------------------------------------------


def _masked_mean(build: Builder) -> None:
    mask = build.add("Unsqueeze", build.add("Cast", "attention_mask", to=FLOAT), build.numbers(2))
    total = build.add("ReduceSum", build.add("Mul", _vectors(build), mask), build.numbers(1), keepdims=0)
    build.add("Div", total, build.add("ReduceSum", mask, build.numbers(1), keepdims=0))


def _vectors(build: Builder) -> str:
    name: str = build.add("Gather", build.weight(50, 4), "input_ids")
    return name


def _mean(build: Builder) -> None:
    build.add("ReduceMean", _vectors(build), build.numbers(1), keepdims=0)


def _first(build: Builder) -> None:
    build.add("Gather", _vectors(build), build.array(np.int64(0)), axis=1)


def _last(build: Builder) -> None:
    build.add("Gather", _vectors(build), build.array(np.int64(-1)), axis=1)


def _attended(build: Builder, low: float = -1e9) -> None:
    x = _vectors(build)
    mask = build.add("Cast", build.add("Unsqueeze", "attention_mask", build.numbers(1)), to=FLOAT)
    bias = build.add("Mul", build.add("Sub", build.array(np.float32(1)), mask), build.array(np.float32(low)))
    scores = build.add("MatMul", x, build.add("Transpose", x, perm=[0, 2, 1]))
    weights = build.add("Softmax", build.add("Add", scores, bias), axis=-1)
    build.add("Gather", build.add("MatMul", weights, x), build.array(np.int64(0)), axis=1)


def _barely_attended(build: Builder) -> None:
    _attended(build, low=-1.0)


def _unmasked(build: Builder) -> None:
    x = _vectors(build)
    scores = build.add("MatMul", x, build.add("Transpose", x, perm=[0, 2, 1]))
    build.add("Gather", build.add("MatMul", build.add("Softmax", scores, axis=-1), x), build.array(np.int64(0)), axis=1)


def _own_mask(build: Builder) -> None:
    """A mask made from the padding's own number."""
    real = build.add("Not", build.add("Equal", "input_ids", build.array(np.int64(1))))
    mask = build.add("Unsqueeze", build.add("Cast", real, to=FLOAT), build.numbers(2))
    build.add("ReduceSum", build.add("Mul", _vectors(build), mask), build.numbers(1), keepdims=0)


def _largest(build: Builder) -> None:
    mask = build.add("Unsqueeze", build.add("Cast", "attention_mask", to=BOOL), build.numbers(2))
    masked = build.add("Where", mask, _vectors(build), build.array(np.float32(-1e9)))
    build.add("ReduceMax", masked, build.numbers(1), keepdims=0)


def _by_length(build: Builder) -> None:
    length = build.add("Cast", build.add("Shape", "input_ids", start=1, end=2), to=FLOAT)
    mask = build.add("Cast", "attention_mask", to=FLOAT)
    build.add("Div", build.add("ReduceSum", mask, build.numbers(1), keepdims=1), length)


PADDING = {
    "masked-mean": (_masked_mean, INDEPENDENT),
    "mean": (_mean, DEPENDENT),
    "first-token": (_first, INDEPENDENT),
    "last-token": (_last, UNDECIDED),
    "attention-with-mask": (_attended, INDEPENDENT),
    "attention-with-a-weak-mask": (_barely_attended, DEPENDENT),
    "attention-without-mask": (_unmasked, DEPENDENT),
    "own-mask": (_own_mask, INDEPENDENT),
    "masked-maximum": (_largest, INDEPENDENT),
    "divided-by-length": (_by_length, DEPENDENT),
}


@pytest.mark.parametrize("name", PADDING)
def test_whether_a_model_sees_its_padding(name: str, tmp_path: Path) -> None:
    make, state = PADDING[name]
    build = Builder()
    make(build)
    names = ("input_ids", "attention_mask")
    inputs: list[Any] = [(each, INT64, ["batch", "length"]) for each in names]
    path = build.save(tmp_path / "m.onnx", inputs, ("vector", FLOAT, ["batch", 4]))
    verdict = proof.padding(read_program(path), {"input_ids": 1, "attention_mask": 0}, "vector")
    assert verdict.state == state, verdict
    if state != UNDECIDED:
        assert _sees_padding(path) == (state == DEPENDENT)


def _sees_padding(path: Path) -> bool:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    taken = {spec.name for spec in session.get_inputs()}
    ids = np.array([[7, 8, 9]], np.int64)
    texts = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    padded = {
        "input_ids": np.array([[7, 8, 9, 1, 1]], np.int64),
        "attention_mask": np.array([[1, 1, 1, 0, 0]], np.int64),
    }
    (plain,), (other,) = (
        session.run(None, {name: array for name, array in given.items() if name in taken}) for given in (texts, padded)
    )
    return not np.allclose(plain, other, rtol=1e-5, atol=1e-6)


def test_padding_is_undecided_for_inputs_that_hold_no_texts() -> None:
    graph = Graph(inputs=("x",), outputs=("x",), values={"x": GraphValue("FP32", (-1, 4, 4))})
    assert proof.padding(Program(graph, {"": 18}), {"x": 0}, "x").state == UNDECIDED


# --- sizes ------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_a_regrouped_axis_holds_what_a_reshape_puts_there(data: st.DataObject) -> None:
    atoms: list[sizes.Atom] = data.draw(st.permutations(["batch", 2, 3, 4, 5]))
    cuts = sorted(data.draw(st.sets(st.integers(1, 4))))
    groups = [tuple(atoms[a:b]) for a, b in zip([0, *cuts], [*cuts, 5], strict=True)]
    others = sorted(data.draw(st.sets(st.integers(1, 4))))
    wanted = [sizes.times([tuple(atoms[a:b])]) for a, b in zip([0, *others], [*others, 5], strict=True)]
    made = sizes.regroup(groups, wanted)
    assert made is not None
    assert [_value(size) for size in made] == [_value(size) for size in wanted]
    assert [a for size in made for a in size if a == "batch"] == ["batch"]


def _value(size: sizes.Size, batch: int = 7) -> int:
    product = 1
    for atom in size:
        product *= batch if isinstance(atom, str) else atom
    return product


@pytest.mark.parametrize(
    ("given_sizes", "wanted", "made"),
    [
        ([("b",), (6,)], [("b",), (2,), (3,)], [("b",), (2,), (3,)]),
        ([("b",), (6,)], [("b", 2), (3,)], [("b", 2), (3,)]),
        ([("b",), (6,)], [(6,), ("b",)], None),
        ([("b",), (6,)], [(2,), ("b", 3)], None),
        ([(6,), ("b",)], [(2,), (3, "b")], [(2,), (3, "b")]),
        ([("b",), ("t",)], [("t", "b")], [("b", "t")]),
    ],
)
def test_regrouping_keeps_order(given_sizes: list[Any], wanted: list[Any], made: list[Any] | None) -> None:
    assert sizes.regroup(given_sizes, wanted) == made


# --- bad input --------------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["x", "y", "z", "w", "k", ""])
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["axis", "axes", "perm", "keepdims", "shape", "equation", "batch_dims", "num_scan_inputs", "to"]),
    st.one_of(st.integers(-9, 9), st.text(max_size=4), st.lists(st.integers(-9, 9), max_size=4).map(tuple)),
    max_size=3,
)


def _nodes(graphs: st.SearchStrategy[tuple[Graph, ...]]) -> st.SearchStrategy[Node]:
    domains = {name.partition(":")[::2] if ":" in name else ("", name) for name in proof.RULES}
    return st.builds(
        lambda which, *rest: Node("n", *which, *rest),
        st.sampled_from(sorted(domains)),
        st.lists(_NAMES, max_size=5).map(tuple),
        st.lists(_NAMES, min_size=1, max_size=3).map(tuple),
        _ATTRIBUTES,
        graphs,
    )


def _graphs(inner: st.SearchStrategy[tuple[Graph, ...]]) -> st.SearchStrategy[Graph]:
    return st.builds(
        lambda nodes, shape, numbers: Graph(
            tuple(nodes),
            ("x",),
            ("y",),
            {
                "x": GraphValue("FP32", shape),
                "w": GraphValue("FP32", (4, 4)),
                "k": GraphValue("INT64", (len(numbers),)),
            },
            frozenset(("w", "k")),
            {"k": tuple(numbers)},
        ),
        st.lists(_nodes(inner), max_size=6),
        st.one_of(st.none(), st.lists(st.integers(-1, 5), max_size=4).map(tuple)),
        st.lists(st.integers(-3, 9), max_size=4),
    )


_INNER = st.lists(_graphs(st.just(())), max_size=2).map(tuple)


@given(_graphs(st.one_of(st.just(()), _INNER)), st.integers(1, 23))
def test_no_graph_however_broken_breaks_the_proof(graph: Graph, opset: int) -> None:
    program = Program(graph, {"": opset})
    for verdict in (proof.rows(program), proof.padding(program, {"x": 0}, "y"), proof.repeats(program)):
        assert verdict.state in (INDEPENDENT, DEPENDENT, UNDECIDED)
        assert verdict.holds or verdict.reason in set(Reason)


def test_names_that_nothing_gives_are_undecided() -> None:
    node = Node("n", "", "Add", ("x", "nowhere"), ("y",))
    graph = Graph((node,), ("x",), ("y",), {"x": GraphValue("FP32", (-1, 4))})
    assert proof.rows(Program(graph, {"": 18})).state == UNDECIDED


def test_a_circle_of_names_is_undecided() -> None:
    nodes = (Node("a", "", "Relu", ("q",), ("p",)), Node("b", "", "Relu", ("p",), ("q",)))
    graph = Graph(
        (*nodes, Node("c", "", "Add", ("x", "q"), ("y",))), ("x",), ("y",), {"x": GraphValue("FP32", (-1, 4))}
    )
    assert proof.rows(Program(graph, {"": 18})).state == UNDECIDED

"""The bounds: rounding alone keeps within them, and what is wrong does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.probes.battery.airworthy_bench import pacing, reference
from airworthy.probes.battery.airworthy_bench.onnx_graph import GraphNode, GraphTensor, model
from airworthy.probes.battery.airworthy_bench.testing import is_unsupported

TYPES = ("float16", "float32")
Array = Any


def drawn(seed: int, *shape: int, dtype: str) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def product(seed: int, dtype: str, spoil: Callable[[Array], Array]) -> float:
    a, b = drawn(seed, 24, 300, dtype=dtype), drawn(seed + 1, 300, 24, dtype=dtype)
    got = spoil((a.astype("float32") @ b.astype("float32")).astype(dtype))
    return reference.product(np, a.astype("float64"), b.astype("float64"), got.astype("float64"), dtype)[0]


def layer_norm(seed: int, dtype: str, spoil: Callable[[Array], Array]) -> float:
    x, weight, bias = (
        drawn(seed, 24, 300, dtype=dtype),
        drawn(seed, 300, dtype=dtype),
        drawn(seed + 1, 300, dtype=dtype),
    )
    wide = x.astype("float32")
    plain = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + np.float32(1e-5))
    got = spoil((plain * weight + bias).astype(dtype))
    parts = (each.astype("float64") for each in (x, weight, bias))
    return reference.layer_norm(np, *parts, 1e-5, got.astype("float64"), dtype)[0]


def softmax(seed: int, dtype: str, spoil: Callable[[Array], Array]) -> float:
    x = drawn(seed, 24, 300, dtype=dtype)
    power = np.exp(x.astype("float32") - x.astype("float32").max(-1, keepdims=True))
    got = spoil((power / power.sum(-1, keepdims=True)).astype(dtype))
    return reference.softmax(np, x.astype("float64"), got.astype("float64"), dtype)[0]


def attention(seed: int, dtype: str, spoil: Callable[[Array], Array]) -> float:
    query, key, value = (drawn(seed + n, 48, 64, dtype=dtype) for n in range(3))
    scores = ((query * np.asarray(0.125, dtype)) @ key.T).astype("float32")
    power = np.exp(scores - scores.max(-1, keepdims=True))
    weights = (power / power.sum(-1, keepdims=True)).astype(dtype)
    got = spoil((weights.astype("float32") @ value.astype("float32")).astype(dtype))
    parts = (each.astype("float64") for each in (query, key, value, got))
    return reference.attention(np, *parts, dtype)[0]


def convolution(seed: int, dtype: str, spoil: Callable[[Array], Array]) -> float:
    x, weight = drawn(seed, 2, 8, 9, 9, dtype=dtype), drawn(seed, 4, 8, 3, 3, dtype=dtype)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype("float32"), (3, 3), axis=(2, 3))
    got = spoil(np.einsum("bchwij,ocij->bohw", windows, weight.astype("float32")).astype(dtype))
    parts = (each.astype("float64") for each in (x, weight, got))
    return reference.convolution(np, *parts, dtype)[0]


OPERATIONS = (product, layer_norm, softmax, attention, convolution)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
@given(seed=st.integers(0, 10_000))
def test_rounding_is_no_error(operation: Any, dtype: str, seed: int) -> None:
    assert 0 < operation(seed, dtype, lambda got: got) <= 1


def one_element(got: Array) -> Array:
    """The largest element with its sign turned."""
    flat = got.reshape(-1)
    flat[np.abs(flat).argmax()] *= -1
    return got


def not_a_number(got: Array) -> Array:
    got.reshape(-1)[3] = np.nan
    return got


SPOILED: dict[str, Callable[[Array], Array]] = {
    "zeros": np.zeros_like,
    "one_element": one_element,
    "rows_shifted": lambda got: np.roll(got, 1, axis=-2),
    "scaled": lambda got: (got * 1.5).astype(got.dtype),
    "not_a_number": not_a_number,
}


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_wrong_is_found(operation: Any, dtype: str, spoil: str) -> None:
    assert operation(7, dtype, SPOILED[spoil]) > 1


@pytest.mark.parametrize("operation", [product, attention, convolution])
def test_fewer_bits_are_found(operation: Any) -> None:
    """float32 that was computed with the bits of float16 is not float32."""
    ratio = operation(7, "float32", lambda got: got.astype("float16").astype("float32"))
    assert 1 < ratio <= 2.0**13


@given(st.integers(1, 10_000), st.integers(2, 64))
def test_sample(size: int, count: int) -> None:
    places = reference.sample(size, count)
    assert places == sorted(set(places))
    assert len(places) == min(size, count)
    assert (places[0], places[-1]) == (0, size - 1)


def test_written_models_are_valid() -> None:
    nodes = [
        GraphNode("Transpose", ("k",), ("t",), {"perm": (0, 1, 3, 2)}),
        GraphNode(
            "MultiHeadAttention", ("q", "k", "k"), ("y",), {"num_heads": 8, "scale": 0.5, "mode": "x"}, "com.microsoft"
        ),
    ]
    tensors = [GraphTensor(name, "float16", (1, 300, 2, 70_000)) for name in ("q", "k", "y")]
    written = onnx.load_from_string(model(nodes, tensors[:2], tensors[2:], {"": 17, "com.microsoft": 1}))
    assert [node.op_type for node in written.graph.node] == ["Transpose", "MultiHeadAttention"]
    values = {a.name: onnx.helper.get_attribute_value(a) for node in written.graph.node for a in node.attribute}
    assert values == {"perm": [0, 1, 3, 2], "num_heads": 8, "scale": 0.5, "mode": b"x"}
    assert {each.domain: each.version for each in written.opset_import} == {"": 17, "com.microsoft": 1}
    assert [d.dim_value for d in written.graph.input[0].type.tensor_type.shape.dim] == [1, 300, 2, 70_000]
    assert written.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    plain = model(
        [GraphNode("Neg", ("x",), ("y",))],
        [GraphTensor("x", "float64", (3,))],
        [GraphTensor("y", "float64", (3,))],
        {"": 17},
    )
    onnx.checker.check_model(onnx.load_from_string(plain), full_check=True)


class Clock:
    """A clock that only the kernels move on."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pacing, "time", made)
    return made


def case(size: int, took: float, clock: Clock) -> pacing.Case:
    def run() -> int:
        clock.now += took
        return size

    return pacing.Case(run, lambda result: (0.0, 0.0), float(size), 1.0, str(size))


def test_size_grows_while_its_time_allows(clock: Clock) -> None:
    chosen = pacing.largest((1, 2, 4, 8), lambda size: case(size, 0.002 * size, clock), lambda: None, 0.1)
    assert chosen.shape == "4"
    assert pacing.largest((1, 2), lambda size: case(size, 0.0, clock), lambda: None, 1.0).shape == "2"


def test_size_stops_growing_where_memory_ends(clock: Clock) -> None:
    def make(size: int) -> pacing.Case:
        if size > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 8.00 GiB")
        return case(size, 0.0, clock)

    assert pacing.largest((1, 2, 4), make, lambda: None, 1.0).shape == "2"
    with pytest.raises(RuntimeError, match="out of memory"):
        pacing.largest((4,), make, lambda: None, 1.0)


def test_times(clock: Clock) -> None:
    took = iter([0.004, 0.001, 0.003, *[0.002] * pacing.MOST_REPEATS])

    def run() -> None:
        clock.now += next(took) * 10

    median, fastest = pacing.times(run, lambda: None, 0.25)
    assert (median, fastest) == (pytest.approx(0.02), pytest.approx(0.01))


@pytest.mark.parametrize(
    ("error", "unsupported"),
    [
        (RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'"), True),
        (NotImplementedError("Could not run 'aten::_int_mm' with arguments from the 'MPS' backend"), True),
        (RuntimeError("No available kernel. Aborting execution."), True),
        (RuntimeError("CUDA error: operation not supported"), False),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling cublasLtMatmul"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx"), False),
        (TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."), True),
        (ValueError("nothing of the kind"), False),
    ],
)
def test_what_a_framework_lacks_is_no_failure(error: Exception, unsupported: bool) -> None:
    assert is_unsupported(error) is unsupported

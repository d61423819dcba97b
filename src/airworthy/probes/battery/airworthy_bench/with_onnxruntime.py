"""The battery through ONNX Runtime: each of its execution providers is a device."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

from . import pacing, reference
from .onnx_device import CPU, MICROSOFT, OnnxDevice
from .onnx_graph import GraphNode, GraphTensor
from .pacing import Case
from .testing import OPERATIONS, Test, Unsupported

LEFT_OUT = frozenset({"AzureExecutionProvider", "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider"})
"""Providers that compute elsewhere; and those of TensorRT, which are listed where TensorRT is not installed, and
compile an engine for every kernel at every size."""
FLOATS = ("float32", "float16", "float64")
MIB = 1 << 20
_PICKED = 48
_ATTENTION = {"unfused": 17, "multi-head": 17, "onnx-23": 23}
"""Kernels of attention → the opset that they are written in."""


def devices(counts: dict[str, int]) -> list[dict[str, Any]]:
    """The execution providers besides the CPU's, once for each device of theirs."""
    runtime = importlib.import_module("onnxruntime")
    names = [name for name in runtime.get_available_providers() if name != CPU and name not in LEFT_OUT]
    return [{"id": f"{name}:{index}"} for name in names for index in range(counts.get(name, 1))]


def runner(device: str) -> OnnxRunner:
    """The tests of one execution provider."""
    return OnnxRunner(importlib.import_module("onnxruntime"), importlib.import_module("numpy"), device)


class OnnxRunner(OnnxDevice):
    """One execution provider of ONNX Runtime."""

    def plan(self) -> list[Test]:
        """All tests: copies first, then each operation in each type."""
        tests: list[Test] = [("copy", "float32", "")]
        if self._memory != "cpu":
            tests += [("host-to-device", "float32", ""), ("device-to-host", "float32", "")]
        for operation in OPERATIONS:
            tests += [(operation, dtype, "") for dtype in FLOATS]
            tests += [("matmul", "int8", "")] if operation == "matmul" else []
        return tests + [("attention", dtype, kernel) for dtype in FLOATS for kernel in _ATTENTION]

    def case(self, operation: str, dtype: str, variant: str, seconds: float) -> Case:
        """The test at the size that fits the time."""
        if operation == "attention":
            return self._attention(dtype, variant, seconds)
        makers: dict[str, tuple[Callable[[int, str], Case], tuple[int, ...]]] = {
            "copy": (self._copy, (8, 32, 128)),
            "host-to-device": (self._to_device, (32, 256)),
            "device-to-host": (self._to_host, (32, 256)),
            "matmul": (self._matmul, (256, 512, 1024, 2048, 4096)),
            "convolution": (self._convolution, (1, 4, 16, 64)),
            "layer-norm": (self._layer_norm, (512, 4096, 32768)),
            "softmax": (self._softmax, (512, 4096, 32768)),
        }
        make, sizes = makers[operation]
        return pacing.largest(sizes, lambda size: make(size, dtype), self.settle, seconds)

    # --- models ---------------------------------------------------------------------------------------------------

    # --- the tests ------------------------------------------------------------------------------------------------

    def _copy(self, size: int, dtype: str) -> Case:
        """A model that writes what it reads, with one addition so that it can't be left out."""
        count = size * MIB // 4
        x = self._random(count, dtype=dtype)
        session = self._session(
            [GraphNode("Neg", ("x",), ("y",))], [GraphTensor("x", dtype, (count,))], [GraphTensor("y", dtype, (count,))]
        )
        run = self._bound(session, {"x": x})
        return Case(run, lambda out: self._same(self._result(out), -x), 0.0, 2.0 * size * MIB, f"{size} MiB")

    def _to_device(self, size: int, dtype: str) -> Case:
        x = self._random(size * MIB // 4, dtype=dtype)
        run = lambda: self.ort.OrtValue.ortvalue_from_numpy(x, self._memory, self._index)  # noqa: E731
        return Case(run, lambda out: self._same(out.numpy(), x), 0.0, float(size * MIB), f"{size} MiB")

    def _to_host(self, size: int, dtype: str) -> Case:
        x = self._random(size * MIB // 4, dtype=dtype)
        value = self.ort.OrtValue.ortvalue_from_numpy(x, self._memory, self._index)
        return Case(value.numpy, lambda out: self._same(out, x), 0.0, float(size * MIB), f"{size} MiB")

    def _matmul(self, size: int, dtype: str) -> Case:
        shape = (size, size)
        if dtype == "int8":
            return self._integers(size)
        a, b = self._random(*shape, dtype=dtype), self._random(*shape, dtype=dtype)
        tensors = [GraphTensor(name, dtype, shape) for name in "aby"]
        session = self._session([GraphNode("MatMul", ("a", "b"), ("y",))], tensors[:2], tensors[2:])

        def check(out: Any) -> reference.Judged:
            y, rows = self._result(out), reference.sample(size, _PICKED)
            parts = self._exact(a[rows]), self._exact(b[:, rows]), self._exact(y[rows][:, rows])
            return self._judged(y, reference.product(self.np, *parts, dtype))

        run = self._bound(session, {"a": a, "b": b})
        return Case(run, check, 2.0 * size**3, 3.0 * a.nbytes, f"{size} x {size} x {size}")

    def _integers(self, size: int) -> Case:
        shape = (size, size)
        a = self._chance.integers(0, 256, shape, "uint8")
        # Seven bits: without VNNI the products of two neighbours are added up in 16 bits, and would be cut.
        b = self._chance.integers(-64, 64, shape, "int8")
        tensors = [GraphTensor("a", "uint8", shape), GraphTensor("b", "int8", shape), GraphTensor("y", "int32", shape)]
        session = self._session([GraphNode("MatMulInteger", ("a", "b"), ("y",))], tensors[:2], tensors[2:])

        def check(out: Any) -> reference.Judged:
            rows = reference.sample(size, _PICKED)
            wanted = self._exact(a[rows]) @ self._exact(b[:, rows])
            return self._same(self._exact(self._result(out)[rows][:, rows]), wanted)

        run = self._bound(session, {"a": a, "b": b})
        return Case(run, check, 2.0 * size**3, 6.0 * size * size, f"{size} x {size} x {size}")

    def _convolution(self, batch: int, dtype: str) -> Case:
        channels, side = 64, 58
        x = self._random(batch, channels, side, side, dtype=dtype)
        weight = self._random(channels, channels, 3, 3, dtype=dtype)
        result = (batch, channels, side - 2, side - 2)
        node = GraphNode("Conv", ("x", "w"), ("y",), {"kernel_shape": (3, 3)})
        inputs = [GraphTensor("x", dtype, x.shape), GraphTensor("w", dtype, weight.shape)]
        session = self._session([node], inputs, [GraphTensor("y", dtype, result)])

        def check(out: Any) -> reference.Judged:
            y, items, filters = self._result(out), sorted({0, batch - 1}), reference.sample(channels, 8)
            parts = self._exact(x[items]), self._exact(weight[filters]), self._exact(y[items][:, filters])
            return self._judged(y, reference.convolution(self.np, *parts, dtype))

        run = self._bound(session, {"x": x, "w": weight})
        flops = 2.0 * batch * channels * channels * 9 * (side - 2) ** 2
        moved = x.itemsize * (x.size + weight.size + math.prod(result))
        return Case(run, check, flops, float(moved), f"{batch} x {channels} x {side} x {side}, 3 x 3")

    def _layer_norm(self, rows: int, dtype: str) -> Case:
        width, epsilon = 1024, float(self.np.float32(1e-5))  # attributes are float32
        x, weight, bias = (self._random(*shape, dtype=dtype) for shape in ((rows, width), (width,), (width,)))
        node = GraphNode("LayerNormalization", ("x", "w", "b"), ("y",), {"axis": -1, "epsilon": epsilon})
        inputs = [
            GraphTensor("x", dtype, x.shape),
            GraphTensor("w", dtype, (width,)),
            GraphTensor("b", dtype, (width,)),
        ]
        session = self._session([node], inputs, [GraphTensor("y", dtype, x.shape)])

        def check(out: Any) -> reference.Judged:
            y, picked = self._result(out), reference.sample(rows, _PICKED)
            parts = self._exact(x[picked]), self._exact(weight), self._exact(bias), epsilon, self._exact(y[picked])
            return self._judged(y, reference.layer_norm(self.np, *parts, dtype))

        run = self._bound(session, {"x": x, "w": weight, "b": bias})
        return Case(run, check, 8.0 * x.size, 2.0 * x.nbytes, f"{rows} x {width}")

    def _softmax(self, rows: int, dtype: str) -> Case:
        width = 1024
        x = self._random(rows, width, dtype=dtype)
        tensors = [GraphTensor(name, dtype, x.shape) for name in "xy"]
        session = self._session([GraphNode("Softmax", ("x",), ("y",), {"axis": -1})], tensors[:1], tensors[1:])

        def check(out: Any) -> reference.Judged:
            y, picked = self._result(out), reference.sample(rows, _PICKED)
            return self._judged(y, reference.softmax(self.np, self._exact(x[picked]), self._exact(y[picked]), dtype))

        run = self._bound(session, {"x": x})
        return Case(run, check, 5.0 * x.size, 2.0 * x.nbytes, f"{rows} x {width}")

    def _attention(self, dtype: str, variant: str, seconds: float) -> Case:
        if variant == "unfused" or dtype not in self._lengths:
            sizes = (128, 256, 512, 1024, 2048)
            case = pacing.largest(sizes, lambda n: self._attended(n, dtype, variant), self.settle, seconds)
            self._lengths.setdefault(dtype, int(case.shape.split(" x ")[2]))
            return case
        return self._attended(self._lengths[dtype], dtype, variant)

    def _attended(self, length: int, dtype: str, variant: str) -> Case:
        batch, heads, head = 1, 8, 64
        arrays = {name: self._random(batch, heads, length, head, dtype=dtype) for name in ("q", "k", "v")}
        feeds = dict(arrays)
        if variant == "multi-head":  # heads side by side in each row
            flat = (batch, length, heads * head)
            feeds = {
                name: self.np.ascontiguousarray(array.transpose(0, 2, 1, 3)).reshape(flat)
                for name, array in arrays.items()
            }
            nodes = [GraphNode("MultiHeadAttention", ("q", "k", "v"), ("y",), {"num_heads": heads}, MICROSOFT)]
        elif variant == "onnx-23":
            nodes = [GraphNode("Attention", ("q", "k", "v"), ("y",))]
        elif variant == "unfused":
            scale = self.np.asarray([head**-0.5], dtype)
            feeds["s"] = scale
            nodes = [
                GraphNode("Mul", ("q", "s"), ("scaled",)),
                GraphNode("Transpose", ("k",), ("turned",), {"perm": (0, 1, 3, 2)}),
                GraphNode("MatMul", ("scaled", "turned"), ("scores",)),
                GraphNode("Softmax", ("scores",), ("weights",), {"axis": -1}),
                GraphNode("MatMul", ("weights", "v"), ("y",)),
            ]
        else:
            raise Unsupported(variant)
        shape = feeds["q"].shape
        inputs = [GraphTensor(name, dtype, array.shape) for name, array in feeds.items()]
        session = self._session(nodes, inputs, [GraphTensor("y", dtype, shape)], _ATTENTION[variant])

        def check(out: Any) -> reference.Judged:
            result, picked, worst = self._result(out), reference.sample(length, _PICKED), (0.0, 0.0)
            y = result.reshape(batch, length, heads, head).transpose(0, 2, 1, 3) if variant == "multi-head" else result
            for number in (0, heads - 1):
                query, key, value = (self._exact(arrays[name][0, number]) for name in ("q", "k", "v"))
                got = self._exact(y[0, number][picked])
                worst = max(worst, reference.attention(self.np, query[picked], key, value, got, dtype))
            return self._judged(result, worst)

        elements = batch * heads * length * head
        run = self._bound(session, feeds)
        shape_text = f"{batch} x {heads} x {length} x {head}"
        return Case(run, check, 4.0 * elements * length, 4.0 * elements * arrays["q"].itemsize, shape_text)

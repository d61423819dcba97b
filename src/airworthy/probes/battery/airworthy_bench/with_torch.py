"""The battery through PyTorch: any device type that it or a plug-in of its kind knows (CUDA, ROCm, XPU, MPS, NPU …)."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable
from typing import Any

from . import pacing, reference
from .pacing import Case
from .testing import OPERATIONS, Test, Unsupported
from .torch_device import TorchDevice

PLUG_INS = {
    "npu": "torch_npu",
    "mlu": "torch_mlu",
    "musa": "torch_musa",
    "gcu": "torch_gcu",
    "hpu": "habana_frameworks.torch",
    "sdaa": "torch_sdaa",
}
"""Device type → the package that adds it to PyTorch when it is imported."""
TYPES = ("cuda", "xpu", "mps", *PLUG_INS)
FLOATS = ("float32", "float16", "bfloat16", "float64")
MIB = 1 << 20
_PICKED = 48
"""Rows and columns of a product that are compared."""


def devices(counts: dict[str, int]) -> list[dict[str, Any]]:
    """All accelerators that this PyTorch sees."""
    del counts
    torch = _torch()
    found: list[dict[str, Any]] = []
    for kind in TYPES:
        room = _room(torch, kind)
        if room is None:
            continue
        count = int(room.device_count()) if hasattr(room, "device_count") else 1
        found.extend({"id": kind if kind == "mps" else f"{kind}:{index}"} for index in range(count))
    return found


def runner(device: str) -> TorchRunner:
    """The tests of one device."""
    return TorchRunner(_torch(), device)


def _torch() -> Any:
    torch = importlib.import_module("torch")
    for package in PLUG_INS.values():
        if importlib.util.find_spec(package.partition(".")[0]) is not None:
            importlib.import_module(package)
    return torch


def _room(torch: Any, kind: str) -> Any:
    """`torch.cuda` and its likes, where there is such a device."""
    room = getattr(torch, kind, None)
    available = torch.backends.mps.is_available if kind == "mps" else getattr(room, "is_available", None)
    return room if room is not None and available is not None and available() else None


class TorchRunner(TorchDevice):
    """One device of PyTorch."""

    # --- the device -----------------------------------------------------------------------------------------------

    # --- the plan -------------------------------------------------------------------------------------------------

    def plan(self) -> list[Test]:
        """All tests: the plain ones first, then each operation in each type."""
        tests: list[Test] = [("allocate", "float32", ""), ("copy", "float32", "")]
        if self.accelerator:
            tests += [("host-to-device", "float32", ""), ("device-to-host", "float32", "")]
        floats = list(FLOATS)
        if self.kind == "cuda" and not self.torch.version.hip:
            floats.insert(1, "tf32")
        for operation in OPERATIONS:
            for dtype in floats:
                if dtype != "tf32" or operation in ("matmul", "convolution"):
                    tests.append((operation, dtype, ""))
            if operation == "matmul":
                tests += [("matmul", "int8", "")]
                tests += [("matmul", "float8", "")] if hasattr(self.torch, "float8_e4m3fn") else []
        kernels = (
            ["flash", "efficient", "cudnn", "math"]
            if self.kind == "cuda"
            else ["flash", "math"]
            if not self.accelerator
            else ["default", "math"]
        )
        for dtype in FLOATS:
            tests += [("attention", dtype, kernel) for kernel in ("unfused", *kernels)]
        return tests

    def case(self, operation: str, dtype: str, variant: str, seconds: float) -> Case:
        """The test at the size that fits the time."""
        if operation == "attention":
            return self._attention(dtype, variant, seconds)
        # A result of more than 32 MiB would cost the host fresh pages from the kernel on every run.
        rows = (512, 4096, 32768, 131072) if self.accelerator else (512, 4096)
        makers: dict[str, tuple[Callable[[int, str], Case], tuple[int, ...]]] = {
            "allocate": (self._allocate, (16, 256)),
            "copy": (self._copy, (32, 128, 1024) if self.accelerator else (32, 128)),
            "host-to-device": (self._to_device, (32, 256)),
            "device-to-host": (self._to_host, (32, 256)),
            "matmul": (self._matmul, (256, 512, 1024, 2048, 4096, 8192)),
            "convolution": (self._convolution, (1, 4, 16, 64)),
            "layer-norm": (self._layer_norm, rows),
            "softmax": (self._softmax, rows),
        }
        make, sizes = makers[operation]
        with self._precision(dtype):
            case = pacing.largest(sizes, lambda size: make(size, dtype), self.settle, seconds)
        plain = case.run

        def run() -> Any:
            with self._precision(dtype):
                return plain()

        case.run = run if dtype == "tf32" else plain
        return case

    # --- data -----------------------------------------------------------------------------------------------------

    # --- the tests ------------------------------------------------------------------------------------------------

    def _allocate(self, size: int, dtype: str) -> Case:
        torch, count = self.torch, size * MIB // 4

        def run() -> Any:
            return torch.full((count,), 1.5, device=self._device, dtype=self._dtype(dtype))

        def check(result: Any) -> reference.Judged:
            wrong = int((result != 1.5).sum())
            return (math.inf if wrong else 0.0), float(wrong)

        return Case(run, check, 0.0, size * MIB, f"{size} MiB")

    def _moved(self, size: int, source: Any, target: Any, passes: int) -> Case:
        def run() -> Any:
            return target.copy_(source, non_blocking=False)

        def check(result: Any) -> reference.Judged:
            # On the device where both are there, else on the host.
            near = result.device == source.device
            same = bool(self.torch.equal(*((result, source) if near else (result.cpu(), source.cpu()))))
            return (0.0, 0.0) if same else (math.inf, math.inf)

        return Case(run, check, 0.0, float(size * MIB * passes), f"{size} MiB")

    def _copy(self, size: int, dtype: str) -> Case:
        source = self._random(size * MIB // 4, dtype=dtype)
        return self._moved(size, source, self.torch.empty_like(source), 2)

    def _to_device(self, size: int, dtype: str) -> Case:
        source = self._on_host(size * MIB // 4)
        return self._moved(size, source, self.torch.empty(source.shape, device=self._device), 1)

    def _to_host(self, size: int, dtype: str) -> Case:
        source = self._random(size * MIB // 4, dtype=dtype)
        return self._moved(size, source, self._on_host(size * MIB // 4), 1)

    def _matmul(self, size: int, dtype: str) -> Case:
        if dtype == "int8":
            return self._integers(size)
        torch = self.torch
        a, b = self._random(size, size, dtype=dtype), self._random(size, size, dtype=dtype)

        def product() -> Any:
            return a @ b

        if dtype == "float8":
            if not hasattr(torch, "_scaled_mm"):
                raise Unsupported("this PyTorch multiplies no float8")
            one = torch.ones((), device=self._device)
            turned = b.t().contiguous().t()  # float8 is multiplied with the second factor stored by columns

            def product() -> Any:
                found = torch._scaled_mm(a, turned, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)  # noqa: SLF001
                return found[0] if isinstance(found, tuple) else found  # before 2.5 with the largest value

        def check(result: Any) -> reference.Judged:
            rows, columns = reference.sample(size, _PICKED), reference.sample(size, _PICKED)
            parts = self._exact(a, _0=rows), self._exact(b, _1=columns), self._exact(result, _0=rows, _1=columns)
            return self._finite(result, reference.product(torch, *parts, dtype))

        item = a.element_size()
        return Case(product, check, 2.0 * size**3, 3.0 * size * size * item, f"{size} x {size} x {size}")

    def _integers(self, size: int) -> Case:
        torch = self.torch
        if not hasattr(torch, "_int_mm"):
            raise Unsupported("this PyTorch multiplies no int8")
        a, b = (
            torch.randint(-128, 128, (size, size), device=self._device, dtype=torch.int32).to(torch.int8) for _ in "ab"
        )

        def check(result: Any) -> reference.Judged:
            rows, columns = reference.sample(size, _PICKED), reference.sample(size, _PICKED)
            wanted = self._exact(a, _0=rows) @ self._exact(b, _1=columns)
            largest = float(
                (
                    self._exact(
                        result.to(torch.float64) if not self.accelerator else result.cpu().to(torch.float64),
                        _0=rows,
                        _1=columns,
                    )
                    - wanted
                )
                .abs()
                .max()
            )
            return (math.inf if largest else 0.0), largest

        return Case(lambda: torch._int_mm(a, b), check, 2.0 * size**3, 6.0 * size * size, f"{size} x {size} x {size}")  # noqa: SLF001

    def _convolution(self, batch: int, dtype: str) -> Case:
        torch, channels, side = self.torch, 128 if self.accelerator else 64, 58
        x = self._random(batch, channels, side, side, dtype=dtype)
        weight = self._random(channels, channels, 3, 3, dtype=dtype)
        if self.accelerator and dtype in ("float16", "bfloat16", "tf32"):
            # The layout that matrix units read; the other one is turned around on every call.
            x, weight = (each.contiguous(memory_format=torch.channels_last) for each in (x, weight))

        def check(result: Any) -> reference.Judged:
            items, filters = sorted({0, batch - 1}), reference.sample(channels, 8)
            parts = self._exact(x, _0=items), self._exact(weight, _0=filters), self._exact(result, _0=items, _1=filters)
            return self._finite(result, reference.convolution(torch, *parts, dtype))

        flops = 2.0 * batch * channels * channels * 9 * (side - 2) ** 2
        moved = x.element_size() * (x.numel() + weight.numel() + batch * channels * (side - 2) ** 2)
        shape = f"{batch} x {channels} x {side} x {side}, 3 x 3"
        return Case(lambda: torch.nn.functional.conv2d(x, weight), check, flops, float(moved), shape)

    def _layer_norm(self, rows: int, dtype: str) -> Case:
        torch, width = self.torch, 1024
        x = self._random(rows, width, dtype=dtype)
        weight, bias = self._random(width, dtype=dtype), self._random(width, dtype=dtype)

        def check(result: Any) -> reference.Judged:
            picked = reference.sample(rows, _PICKED)
            parts = (
                self._exact(x, _0=picked),
                self._exact(weight),
                self._exact(bias),
                1e-5,
                self._exact(result, _0=picked),
            )
            return self._finite(result, reference.layer_norm(torch, *parts, dtype))

        moved = 2.0 * x.numel() * x.element_size()
        run = lambda: torch.nn.functional.layer_norm(x, (width,), weight, bias, 1e-5)  # noqa: E731
        return Case(run, check, 8.0 * x.numel(), moved, f"{rows} x {width}")

    def _softmax(self, rows: int, dtype: str) -> Case:
        torch, width = self.torch, 1024
        x = self._random(rows, width, dtype=dtype)

        def check(result: Any) -> reference.Judged:
            picked = reference.sample(rows, _PICKED)
            parts = self._exact(x, _0=picked), self._exact(result, _0=picked)
            return self._finite(result, reference.softmax(torch, *parts, dtype))

        return Case(
            lambda: torch.softmax(x, -1),
            check,
            5.0 * x.numel(),
            2.0 * x.numel() * x.element_size(),
            f"{rows} x {width}",
        )

    def _attention(self, dtype: str, variant: str, seconds: float) -> Case:
        if variant == "unfused" or dtype not in self._lengths:
            sizes = (256, 512, 1024, 2048, 4096)
            case = pacing.largest(sizes, lambda n: self._attended(n, dtype, variant), self.settle, seconds)
            self._lengths.setdefault(dtype, int(case.shape.split(" x ")[2]))
            return case
        # The same size as without fusion, so that the gain is one of like for like.
        return self._attended(self._lengths[dtype], dtype, variant)

    def _attended(self, length: int, dtype: str, variant: str) -> Case:
        torch = self.torch
        batch, heads, head = (2, 16, 128) if self.accelerator else (1, 8, 64)
        query, key, value = (self._random(batch, heads, length, head, dtype=dtype) for _ in "qkv")

        def unfused() -> Any:
            return torch.softmax((query * head**-0.5) @ key.transpose(-2, -1), -1) @ value

        def fused() -> Any:
            with self._kernel(variant):
                return torch.nn.functional.scaled_dot_product_attention(query, key, value)

        def check(result: Any) -> reference.Judged:
            worst, picked = (0.0, 0.0), reference.sample(length, _PICKED)
            for item, number in {(0, 0), (batch - 1, heads - 1)}:
                parts = [self._exact(each[item, number]) for each in (key, value)]
                query_part, got = (self._exact(each[item, number], _0=picked) for each in (query, result))
                judged = reference.attention(torch, query_part, parts[0], parts[1], got, dtype)
                worst = max(worst, judged)
            return self._finite(result, worst)

        elements = batch * heads * length * head
        shape = f"{batch} x {heads} x {length} x {head}"
        run = unfused if variant == "unfused" else fused
        return Case(run, check, 4.0 * elements * length, 4.0 * elements * query.element_size(), shape)

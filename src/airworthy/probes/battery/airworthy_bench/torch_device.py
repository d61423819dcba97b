"""A device of PyTorch: its state, its precision, and data on it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
from collections.abc import Iterator
from typing import Any

from . import pacing, reference
from .testing import Unsupported

KERNELS = {"flash": "FLASH_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "cudnn": "CUDNN_ATTENTION", "math": "MATH"}
"""Attention kernels by the names that findings use → PyTorch's own."""


class TorchDevice:
    """One device."""

    def __init__(self, torch: Any, device: str) -> None:
        self.torch = torch
        self.kind = device.partition(":")[0]
        self.accelerator = self.kind != "cpu"
        self._id = device
        self._device = torch.device(device)
        self._room: Any = getattr(torch, self.kind, None)
        self._lengths: dict[str, int] = {}
        torch.manual_seed(20)
        torch.set_grad_enabled(False)
        if self.accelerator:
            choose = getattr(self._room, "set_device", None)
            if choose is not None:  # Apple's has one device and nothing to choose
                choose(self._device)

    def about(self) -> dict[str, Any]:
        """What the device is, and how long it takes to start a kernel that does nothing to speak of."""
        torch = self.torch
        name = ""
        if self.accelerator:
            with contextlib.suppress(AttributeError, RuntimeError, NotImplementedError):
                name = str(self._room.get_device_name(self._device))
        small = torch.ones(16, device=self._device)
        self.settle()
        overhead = pacing.times(lambda: small.add_(1.0), self.settle, 0.1)[1]
        return {
            "id": self._id,
            "name": name,
            "kind": self._maker(),
            "version": str(torch.__version__),
            "overhead": overhead,
        }

    def _maker(self) -> str:
        """The device type; ROCm has that of CUDA."""
        return "rocm" if self.kind == "cuda" and getattr(self.torch.version, "hip", None) else self.kind

    def settle(self) -> None:
        """Wait until the device is idle."""
        if self.accelerator:
            self._room.synchronize()

    def alive(self) -> None:
        """Add two small tensors."""
        self.torch.ones(16, device=self._device).add_(1.0)
        self.settle()

    def release(self) -> None:
        """Give memory back that the last test held."""
        if self.accelerator and hasattr(self._room, "empty_cache"):
            with contextlib.suppress(RuntimeError):
                self._room.empty_cache()

    @contextlib.contextmanager
    def _precision(self, dtype: str) -> Iterator[None]:
        """Whether float32 is multiplied as it is or as tf32; convolutions take tf32 unless set otherwise."""
        if self.kind != "cuda":
            yield
            return
        backends, wanted = self.torch.backends, "tf32" if dtype == "tf32" else "ieee"
        try:
            if hasattr(backends.cuda.matmul, "fp32_precision"):
                backends.cuda.matmul.fp32_precision = wanted
                backends.cudnn.conv.fp32_precision = wanted
            else:
                backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = wanted == "tf32"
        except (AttributeError, RuntimeError) as error:
            if dtype == "tf32":
                raise Unsupported(str(error)) from None
        yield

    def _dtype(self, name: str) -> Any:
        names = {"tf32": "float32", "float8": "float8_e4m3fn"}
        found = getattr(self.torch, names.get(name, name), None)
        if found is None:
            raise Unsupported(f"this PyTorch has no {name}")
        return found

    def _random(self, *shape: int, dtype: str) -> Any:
        # Drawn in float32, which every device draws in, and rounded to the type: the reference gets the rounded values.
        return self.torch.randn(*shape, device=self._device, dtype=self.torch.float32).to(self._dtype(dtype))

    def _exact(self, tensor: Any, **picked: list[int]) -> Any:
        """Parts of a tensor as float64 on the host."""
        if tensor.dtype not in (self.torch.float64, self.torch.float32, self.torch.float16, self.torch.bfloat16):
            tensor = tensor.to(self.torch.float32)
        for dimension, places in sorted(picked.items()):
            index = self.torch.tensor(places, device=tensor.device)
            tensor = tensor.index_select(int(dimension[1:]), index)
        return tensor.cpu().to(self.torch.float64)

    def _finite(self, tensor: Any, judged: reference.Judged) -> reference.Judged:
        """What was judged of a part, unless the rest holds NaN."""
        return judged if bool(self.torch.isfinite(tensor).all()) else (math.inf, math.inf)

    def _on_host(self, count: int) -> Any:
        tensor = self.torch.randn(count)
        with contextlib.suppress(RuntimeError):  # not every device reads pinned memory
            return tensor.pin_memory()
        return tensor

    @contextlib.contextmanager
    def _kernel(self, variant: str) -> Iterator[None]:
        """Have attention computed by one kernel and no other."""
        if variant == "default":
            yield
            return
        attention = importlib.import_module("torch.nn.attention")
        backend = getattr(attention.SDPBackend, KERNELS[variant], None)
        if backend is None:
            raise Unsupported(f"this PyTorch has no {variant} attention")
        with attention.sdpa_kernel([backend]):
            yield

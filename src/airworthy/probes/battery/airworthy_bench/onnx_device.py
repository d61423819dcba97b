"""A device of ONNX Runtime: sessions on it, and data for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import pacing, reference
from .onnx_graph import GraphNode, GraphTensor, model

CPU = "CPUExecutionProvider"
MEMORY = {
    "CUDAExecutionProvider": "cuda",
    "ROCMExecutionProvider": "cuda",
    "MIGraphXExecutionProvider": "cuda",
    "CANNExecutionProvider": "cann",
    "DmlExecutionProvider": "dml",
}
"""Providers with memory of their own → what ONNX Runtime calls that memory; others read the host's."""
MICROSOFT = "com.microsoft"


class OnnxDevice:
    """One device."""

    def __init__(self, runtime: Any, numpy: Any, device: str) -> None:
        self.ort, self.np = runtime, numpy
        self._id = device if ":" in device or device != "cpu" else CPU
        self.provider, _, index = self._id.partition(":")
        self.accelerator = self.provider != CPU
        self._index = int(index or 0)
        self._memory = MEMORY.get(self.provider, "cpu")
        self._lengths: dict[str, int] = {}
        self._chance = numpy.random.default_rng(20)

    def about(self) -> dict[str, Any]:
        """What the provider is, and how long it takes to run a model that does nothing to speak of."""
        run = self._small()
        overhead = pacing.times(run, self.settle, 0.1)[1]
        about = {"id": self._id, "name": "", "kind": self.provider, "version": str(self.ort.__version__)}
        return {**about, "overhead": overhead}

    def _small(self) -> Callable[[], Any]:
        inputs, outputs = [GraphTensor("x", "float32", (16,))], [GraphTensor("y", "float32", (16,))]
        session = self._session([GraphNode("Add", ("x", "x"), ("y",))], inputs, outputs)
        return self._bound(session, {"x": self.np.ones(16, "float32")})

    def alive(self) -> None:
        """Run a model that adds."""
        self._small()()

    def settle(self) -> None:
        """Every run ends with an idle device."""

    def release(self) -> None:
        """A session gives its memory back when it goes."""

    def _session(
        self, nodes: Sequence[GraphNode], inputs: Sequence[GraphTensor], outputs: Sequence[GraphTensor], opset: int = 17
    ) -> Any:
        options = self.ort.SessionOptions()
        options.log_severity_level = 3
        # No fusion beyond folding: what is to be measured unfused must stay so.
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        providers: list[Any] = [CPU]
        if self.accelerator:
            # A node that the provider lacks would run on the CPU without a word.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            known = self._memory != "cpu"
            providers = [(self.provider, {"device_id": str(self._index)}) if known else self.provider]
        opsets = {"": opset, MICROSOFT: 1}
        session = self.ort.InferenceSession(model(nodes, inputs, outputs, opsets), options, providers=providers)
        if session.get_providers()[0] != self.provider:
            raise RuntimeError(f"Failed to create {self.provider}: the session runs on {session.get_providers()[0]}")
        return session

    def _bound(self, session: Any, feeds: Mapping[str, Any]) -> Callable[[], Any]:
        """Runs the model on data that lies where the provider computes."""
        binding = session.io_binding()
        values = []
        for name, array in feeds.items():
            values.append(self.ort.OrtValue.ortvalue_from_numpy(array, self._memory, self._index))
            binding.bind_ortvalue_input(name, values[-1])
        for output in session.get_outputs():
            binding.bind_output(output.name, self._memory, self._index)

        def run() -> Any:
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            return binding

        run.kept = (session, values)  # type: ignore[attr-defined]
        return run

    def _result(self, binding: Any) -> Any:
        return binding.copy_outputs_to_cpu()[0]

    def _random(self, *shape: int, dtype: str) -> Any:
        return self._chance.standard_normal(shape, "float32").astype(dtype)

    def _judged(self, result: Any, judged: reference.Judged) -> reference.Judged:
        return judged if bool(self.np.isfinite(result).all()) else (math.inf, math.inf)

    def _exact(self, array: Any) -> Any:
        return array.astype("float64")

    def _same(self, got: Any, wanted: Any) -> reference.Judged:
        return (0.0, 0.0) if bool(self.np.array_equal(got, wanted)) else (math.inf, math.inf)

"""The memory of a model in each engine: which copies it makes, which buffers it keeps, and what it takes itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from airworthy.fit.parts import MemoryEstimate
from airworthy.fit.question import FitModel, Use

ENGINES = {
    "llamacpp": "airworthy.fit.engines.llamacpp:memory",
    "onnxruntime": "airworthy.fit.engines.onnxruntime:memory",
    "pytorch": "airworthy.fit.engines.pytorch:memory",
    "openvino": "airworthy.fit.engines.openvino:memory",
    "vllm": "airworthy.fit.engines.vllm:memory",
}
"""The function of each engine."""


def memory(engine: str, model: FitModel, use: Use) -> MemoryEstimate:
    """What a model takes in an engine."""
    module, _, attribute = ENGINES[engine].partition(":")
    estimate: Callable[[FitModel, Use], MemoryEstimate] = getattr(importlib.import_module(module), attribute)
    return estimate(model, use)

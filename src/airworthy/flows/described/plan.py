"""What is meant to be installed and run on a described machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.core import keys
from airworthy.core.facts import Fact, Known
from airworthy.core.keys import Key
from airworthy.core.values import (
    Distribution,
)
from airworthy.core.version import Version
from airworthy.flows.described.description import SOURCE, Description


def plan_facts(described: Description, packages: tuple[Distribution, ...]) -> Iterator[tuple[Key[Any], Fact]]:
    """What is meant to be installed and run."""
    texts = (
        ("dtype", keys.PLAN_DTYPE),
        ("quant", keys.PLAN_QUANTIZATION),
        ("attn", keys.PLAN_ATTENTION),
        ("model", keys.PLAN_MODEL),
        ("env_manager", keys.PLAN_ENVIRONMENT_MANAGER),
    )
    for name, key in texts:
        if described.get(name):
            yield key, Known(described.get(name).lower() if name != "model" else described.get(name), SOURCE)
    if packages:
        yield keys.PLAN_PACKAGES, Known(packages, SOURCE)
    if described.os:
        yield keys.PLAN_SYSTEM, Known(described.os, SOURCE)
    indexes = (*described.given.get("indexes", ()), *((described.get("index"),) if described.get("index") else ()))
    if indexes:
        yield keys.PLAN_INDEXES, Known(indexes, SOURCE)
    if described.given.get("groups"):
        yield keys.PLAN_GROUPS, Known(described.given["groups"], SOURCE)
    if "weights_only" in described.given:
        yield keys.PLAN_WEIGHTS_ONLY, Known(described.given["weights_only"], SOURCE)
    built = described.number("engine_built_with") if re.search(r"\d", described.get("engine_built_with")) else None
    if built is not None:
        yield keys.PLAN_ENGINE_BUILT_WITH, Known(built, SOURCE)
    accelerator = {"nvidia": "cuda", "amd": "rocm", "ascend": "npu"}.get(described.vendor)
    if accelerator:
        yield keys.PLAN_ACCELERATOR, Known(accelerator, SOURCE)
    path = described.given.get("env", {}).get("LD_LIBRARY_PATH")
    if path:
        yield keys.PLAN_LOADER_PATH, Known(path, SOURCE)
    for name, toolkit in (
        ("cuda_toolkit_system", keys.PLAN_SYSTEM_TOOLKIT),
        ("cuda_toolkit_build", keys.PLAN_EXTENSION_TOOLKIT),
    ):
        number = described.number(name)
        if number is None and name == "cuda_toolkit_system":
            number = _toolkit_in(path or "")
        if number is not None and described.framework:
            yield toolkit, Known(number, SOURCE)


def _toolkit_in(path: str) -> Version | None:
    """The CUDA toolkit that `LD_LIBRARY_PATH` names first, `/usr/local/cuda-12.1/lib64`."""
    found = re.search(r"\bcuda-(\d{1,2}\.\d{1,2})/", path)
    return Version(found[1]) if found else None

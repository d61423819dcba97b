"""The list of rules about plans, and asking them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.interface import Cause
from airworthy.causes.plan import devices, packages
from airworthy.causes.prediction import outcome_of
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Finding
from airworthy.core.keys import (
    CONTAINER_ENGINE,
    CONTAINER_GPU_SUPPORT,
    CUDA_VISIBLE,
    DISTRIBUTIONS,
    FRAMEWORKS,
    NVIDIA_DEVICES,
    PLAN_ACCELERATOR,
    PLAN_ATTENTION,
    PLAN_DTYPE,
    PLAN_ENGINE_BUILT_WITH,
    PLAN_EXTENSION_TOOLKIT,
    PLAN_INDEXES,
    PLAN_LOADER_PATH,
    PLAN_PACKAGES,
    PLAN_QUANTIZATION,
    PLAN_ROCM_DRIVER,
    PLAN_SYSTEM_TOOLKIT,
    ROCM_VERSION,
    Key,
)
from airworthy.core.report import CheckResult
from airworthy.knowledge import Knowledge

Foretell = Callable[[Cause, Facts, Knowledge], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule about a plan."""

    slug: str
    """The cause that it foretells."""
    needs: tuple[Key[Any], ...]
    """Facts without which it says nothing."""
    foretell: Foretell
    """Reports from the facts what will go wrong; findings are made by the cause that it is given."""


RULES = (
    Rule("no-matching-distribution", (PLAN_PACKAGES,), packages.no_wheel),
    Rule("wrong-architecture", (PLAN_PACKAGES,), packages.other_machine),
    Rule("resolution-impossible", (PLAN_INDEXES,), packages.two_builds),
    Rule("cuda-toolkit-torch-mismatch", (PLAN_EXTENSION_TOOLKIT, FRAMEWORKS), packages.other_toolkit),
    Rule("cuda-symbol-mismatch", (PLAN_LOADER_PATH, PLAN_SYSTEM_TOOLKIT, FRAMEWORKS), packages.mixed_libraries),
    Rule("engine-not-portable", (PLAN_ENGINE_BUILT_WITH, FRAMEWORKS), packages.other_engine),
    Rule("quant-backend-missing", (PLAN_QUANTIZATION, NVIDIA_DEVICES, DISTRIBUTIONS), devices.no_quantised_kernel),
    Rule("dtype-unsupported", (PLAN_DTYPE, NVIDIA_DEVICES), devices.no_arithmetic),
    Rule("attention-backend-unsupported", (PLAN_ATTENTION, NVIDIA_DEVICES), devices.no_attention_kernel),
    Rule("container-no-gpu-runtime", (CONTAINER_ENGINE, CONTAINER_GPU_SUPPORT, PLAN_ACCELERATOR), devices.no_runtime),
    Rule("driver-too-old", (PLAN_ROCM_DRIVER, ROCM_VERSION), devices.other_kernel_driver),
    Rule("gpu-not-visible", (CUDA_VISIBLE, NVIDIA_DEVICES), devices.hidden),
)
"""All rules."""


def foretell(
    facts: Facts, catalogue: Catalogue, known: Knowledge, *, ignore: Collection[str] = ()
) -> tuple[CheckResult, ...]:
    """Ask each rule whose facts are there; the others say nothing, as nothing was planned that they are about."""
    results: list[CheckResult] = []
    for rule in RULES:
        if rule.slug not in catalogue or not all(isinstance(facts.fact(key), Known) for key in rule.needs):
            continue
        if rule.slug in ignore:
            continue  # the entry's own check says that it was turned off
        cause = catalogue.get(rule.slug)
        results.append(outcome_of(rule.slug, partial(rule.foretell, cause, facts, known)))
    return tuple(results)

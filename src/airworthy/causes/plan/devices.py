"""Rules about what is to run on a device: its data type, how it is quantised, its attention kernels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airworthy.causes.interface import Cause, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Severity
from airworthy.core.keys import (
    CONTAINER_ENGINE,
    CONTAINER_GPU_SUPPORT,
    CUDA_VISIBLE,
    DISTRIBUTIONS,
    NVIDIA_DEVICES,
    PLAN_ACCELERATOR,
    PLAN_ATTENTION,
    PLAN_DTYPE,
    PLAN_MODEL,
    PLAN_QUANTIZATION,
    PLAN_ROCM_DRIVER,
    PLAN_WEIGHTS_ONLY,
    ROCM_VERSION,
)
from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

ENGINES = ("vllm", "sglang", "tensorrt-llm", "lmdeploy", "text-generation-inference")
"""Programs that refuse a data type which the device has no arithmetic for; frameworks emulate some."""
_MIXTURE = re.compile(r"(?i)\bmoe\b|mixtral|deepseek-?(?:coder-?)?(?:v2|v3|r1)|-a\d{1,3}b\b|\d+x\d+b\b|gpt-oss|dbrx")


def _newest(facts: Facts, known: Knowledge) -> tuple[Device, Version]:
    """The device that can do most, with its compute capability.

    Raises:
        Undecidable: no device states its capability.
    """
    capable = [(at, d) for d in facts.value(NVIDIA_DEVICES) if (at := known.capability_of(d.architecture)) is not None]
    if not capable:
        raise Undecidable("the compute capability of the device is not known")
    at, device = max(capable, key=lambda each: each[0])
    return device, at


def no_arithmetic(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The device has no arithmetic for the data type that is requested."""
    device, capability = _newest(facts, known)
    dtype = facts.value(PLAN_DTYPE)
    answer = known.datatype_answer(dtype)
    if answer.reason:
        raise Undecidable("{reason}", reason=answer.reason)
    row = answer.value
    if row is None or capability >= row.capability:
        return
    engine = next((d.name for d in facts.get_value(DISTRIBUTIONS, ()) if d.name in ENGINES), "")
    yield cause.finding(
        facts,
        device.name,
        evidence=(PLAN_DTYPE, NVIDIA_DEVICES, row.evidence("datatypes")),
        # A framework computes in a wider type, slowly; a serving engine stops.
        severity=Severity.ERROR if engine else Severity.WARNING,
        message="{dtype} needs compute capability {needed}, and {device} has {capability}",
        dtype=row.name,
        needed=row.capability.text,
        device=device.name,
        capability=capability.text,
        architecture=device.architecture,
        engine=engine,
    )


def no_quantised_kernel(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The engine has no kernel for this way of quantising on a device of this generation."""
    device, capability = _newest(facts, known)
    method = facts.value(PLAN_QUANTIZATION)
    mixture = _MIXTURE.search(facts.get_value(PLAN_MODEL, "")) is not None
    weights_only = facts.get_value(PLAN_WEIGHTS_ONLY, False)
    undecided = ""
    for package in facts.value(DISTRIBUTIONS):
        answer = known.quantised_kernel(
            package.name, package.version, method, mixture=mixture, weights_only=weights_only
        )
        row = answer.value
        if row is None and answer.row is not None:
            undecided = answer.reason
        if row is not None and capability < row.minimum:
            yield cause.finding(
                facts,
                package.name,
                evidence=(PLAN_QUANTIZATION, NVIDIA_DEVICES, row.evidence("quantised_kernels")),
                confidence=Confidence.MEDIUM,
                message="{engine} {version} has {method} kernels for compute capability {minimum} and newer, and "
                "{device} has {capability}",
                engine=package.name,
                version=package.version.text,
                method=say("{method} mixture-of-experts", method=method) if row.mixture else method,
                minimum=row.minimum.text,
                device=device.name,
                capability=capability.text,
            )
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def no_attention_kernel(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The attention kernels that are requested are not made for the device."""
    device, capability = _newest(facts, known)
    asked = re.sub(r"[\s_]+", "-", facts.value(PLAN_ATTENTION))
    row = known.attention_floor(asked)
    if row is None:
        raise Undecidable("which devices {asked} runs on is not known", asked=asked)
    if capability < row.minimum or (row.only_major and capability.major != row.minimum.major):
        yield cause.finding(
            facts,
            device.name,
            evidence=(PLAN_ATTENTION, NVIDIA_DEVICES, row.evidence("attention_kernels")),
            message="{kernel} runs on compute capability {minimum} and newer, and {device} has {capability}",
            kernel=asked,
            package=asked,
            minimum=row.minimum.text,
            needed=row.minimum.text,
            device=device.name,
            capability=capability.text,
            architecture=device.architecture,
        )


def no_runtime(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A container is to use a GPU, and nothing hands it one."""
    if not facts.value(CONTAINER_GPU_SUPPORT) and facts.value(PLAN_ACCELERATOR) == "cuda":
        yield cause.finding(
            facts,
            facts.value(CONTAINER_ENGINE),
            evidence=(CONTAINER_GPU_SUPPORT, CONTAINER_ENGINE, PLAN_ACCELERATOR),
            message="the container is to use a GPU, and its engine has nothing to hand it one with",
            engine=facts.value(CONTAINER_ENGINE),
        )


def other_kernel_driver(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The amdgpu driver of one ROCm release below the user space of another: right where AMD tested the two."""
    driver, user = facts.value(PLAN_ROCM_DRIVER), facts.value(ROCM_VERSION)
    if known.rocm_tested(driver, user) is not True:
        raise Undecidable(
            "whether ROCm {user} runs on the kernel driver of {driver} is not documented", user=user, driver=driver
        )
    yield from ()


def hidden(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Every device is hidden from the program that is to use one."""
    value = facts.value(CUDA_VISIBLE).strip()
    if value.lower() in {"", "-1", "none", "nodevfiles", "void"}:
        yield cause.finding(
            facts,
            "CUDA_VISIBLE_DEVICES",
            evidence=(CUDA_VISIBLE, NVIDIA_DEVICES),
            device=facts.value(NVIDIA_DEVICES)[0].name if facts.value(NVIDIA_DEVICES) else say("the GPU"),
            reason=say("CUDA_VISIBLE_DEVICES is {value!r}, which lets programs have none", value=value),
            variable=value,
        )

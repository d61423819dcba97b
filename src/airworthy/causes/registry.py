"""The list of causes: slug → the file that holds it. Append only."""

from __future__ import annotations

from airworthy.causes.interface import Cause
from airworthy.core.registry import Registry

# One slug a line, so that entries are added without touching their neighbours.
_HOST = (
    "cpu-only-build",
    "disk-full",
    "driver-too-old",
    "no-kernel-image",
    "port-in-use",
)

_LINKER = (
    "cuda-library-missing",
    "glibc-too-old",
)

_DEPENDENCIES = ("numpy-abi",)

_ARTIFACT = (
    "file-corrupt",
    "format-version-unsupported",
    "lfs-pointer",
    "unsafe-pickle",
)

_OPERATORS = (
    "attention-backend-unsupported",
    "dtype-unsupported",
    "op-not-exportable",
    "op-not-implemented",
)

_RUNTIME = (
    "cause-not-in-log",
    "chat-template-missing",
    "collective-failed",
    "context-too-long",
    "cublas-failure",
    "cuda-fork",
    "device-assert",
    "device-mismatch",
    "dtype-mismatch",
    "gpu-oom",
    "gpu-oom-fragmentation",
    "illegal-memory-access",
    "kernel-compile-failed",
    "kv-cache-too-small",
    "memory-budget-misconfigured",
    "nan-in-output",
    "network-interface-misconfigured",
    "overload",
    "parallelism-indivisible",
    "serving-config-mismatch",
    "shape-mismatch",
    "worker-died",
)

_ACCELERATORS: tuple[str, ...] = ()

_PLATFORM: tuple[str, ...] = ()

_FAMILIES = {
    "host": _HOST,
    "linker": _LINKER,
    "dependencies": _DEPENDENCIES,
    "artifact": _ARTIFACT,
    "operators": _OPERATORS,
    "runtime": _RUNTIME,
    "accelerators": _ACCELERATORS,
    "platform": _PLATFORM,
}

CAUSES: Registry[Cause] = Registry(
    "cause",
    {
        slug: f"airworthy.causes.{family}.{slug.replace('-', '_')}:CAUSE"
        for family, slugs in _FAMILIES.items()
        for slug in slugs
    },
    group="airworthy.causes",
)
"""All causes by slug."""

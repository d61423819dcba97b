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

_DEPENDENCIES = (
    "api-removed",
    "build-toolchain-missing",
    "conflicting-package-variants",
    "cuda-toolkit-torch-mismatch",
    "externally-managed",
    "framework-too-old-refused",
    "hash-mismatch",
    "no-matching-distribution",
    "numpy-abi",
    "package-index-unreachable",
    "package-missing",
    "protobuf-mismatch",
    "python-version-unsupported",
    "resolution-impossible",
)

_ARTIFACT = (
    "architecture-unknown",
    "download-is-error-page",
    "engine-not-portable",
    "file-corrupt",
    "format-version-unsupported",
    "hub-unauthorized",
    "hub-unreachable",
    "keys-mismatch",
    "lfs-pointer",
    "model-not-found",
    "quant-backend-missing",
    "remote-code-refused",
    "serialized-code-incompatible",
    "shape-mismatch-weights",
    "shard-missing",
    "tokenizer-broken",
    "unsafe-embedded-code",
    "unsafe-pickle",
    "wrong-format",
)

_OPERATORS: tuple[str, ...] = ()

_RUNTIME: tuple[str, ...] = ()

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

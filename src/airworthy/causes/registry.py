"""The list of causes: slug → the file that holds it. Append only."""

from __future__ import annotations

from airworthy.causes.interface import Cause
from airworthy.core.registry import Registry

# One slug a line, so that entries are added without touching their neighbours.
_HOST = (
    "address-not-available",
    "container-cuda-require",
    "container-no-gpu-runtime",
    "cpu-instruction-missing",
    "cpu-only-build",
    "disk-full",
    "driver-library-mismatch",
    "driver-too-old",
    "fabric-manager-not-running",
    "file-limit",
    "forward-compat-misused",
    "gpu-hardware-fault",
    "gpu-in-use",
    "gpu-not-visible",
    "host-oom",
    "no-kernel-image",
    "permission-denied",
    "policy-violation",
    "port-in-use",
    "ptx-too-new",
    "requirement-unmet",
    "shm-too-small",
)

_LINKER = (
    "cuda-library-missing",
    "cuda-symbol-mismatch",
    "cudnn-mismatch",
    "dll-load-failed",
    "execution-provider-fallback",
    "extension-abi-mismatch",
    "glibc-too-old",
    "libstdcxx-too-old",
    "loader-path-shadowing",
    "system-library-missing",
    "wrong-architecture",
)

_DEPENDENCIES = (
    "api-removed",
    "build-toolchain-missing",
    "conflicting-package-variants",
    "cuda-toolkit-torch-mismatch",
    "environment-drift",
    "externally-managed",
    "framework-too-old-refused",
    "hash-mismatch",
    "installation-damaged",
    "known-vulnerability",
    "no-matching-distribution",
    "numpy-abi",
    "package-index-unreachable",
    "package-missing",
    "protobuf-mismatch",
    "python-version-unsupported",
    "release-yanked",
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
    "model-graph-invalid",
    "model-not-found",
    "protobuf-size-limit",
    "quant-backend-missing",
    "remote-code-refused",
    "serialized-code-incompatible",
    "shape-mismatch-weights",
    "shard-missing",
    "signature-invalid",
    "tokenizer-broken",
    "unsafe-embedded-code",
    "unsafe-pickle",
    "weights-left-on-meta",
    "wrong-format",
)

_OPERATORS = (
    "attention-backend-unsupported",
    "device-test-failed",
    "dtype-unsupported",
    "op-not-exportable",
    "op-not-implemented",
    "slow-kernels",
    "wrong-numbers",
)

_RUNTIME = (
    "cause-not-in-log",
    "chat-template-invalid",
    "chat-template-missing",
    "collective-failed",
    "context-too-long",
    "cublas-failure",
    "cuda-fork",
    "device-assert",
    "device-mismatch",
    "dtype-mismatch",
    "feature-not-enabled",
    "feature-unsupported-by-model",
    "gpu-oom",
    "gpu-oom-fragmentation",
    "illegal-memory-access",
    "kernel-compile-failed",
    "kv-cache-too-small",
    "memory-budget-misconfigured",
    "nan-in-output",
    "network-interface-misconfigured",
    "options-incompatible",
    "overload",
    "parallelism-indivisible",
    "program-assertion-failed",
    "serving-config-mismatch",
    "shape-mismatch",
    "worker-died",
)

_ACCELERATORS = (
    "ascend-runtime-error",
    "ascend-version-mismatch",
    "mps-unsupported",
    "rocm-gfx-unsupported",
    "rocm-permission",
)

_PLATFORM = (
    "auth-failure",
    "container-oomkilled",
    "image-pull-failed",
    "kubernetes-object-rejected",
    "probe-failed",
    "probe-misconfigured",
    "request-too-large",
    "tls-failure",
    "unschedulable",
    "upstream-unreachable",
    "volume-not-mounted",
)

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

"""Which cause brings about which: what a log shows of the second is then a symptom of the first.

A row says that the first is known to print the second's texts on its way to failing. It does not say that the second
never stands alone. A diagnosis puts the first before the second where it has seen both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BRINGS_ABOUT: Mapping[str, tuple[str, ...]] = {
    # host
    "gpu-not-visible": ("execution-provider-fallback", "quant-backend-missing", "attention-backend-unsupported"),
    "cpu-only-build": ("execution-provider-fallback", "quant-backend-missing", "gpu-not-visible"),
    "driver-too-old": ("gpu-not-visible", "execution-provider-fallback", "quant-backend-missing", "cublas-failure"),
    "driver-library-mismatch": ("gpu-not-visible", "execution-provider-fallback", "container-no-gpu-runtime"),
    "no-kernel-image": ("cublas-failure", "illegal-memory-access", "attention-backend-unsupported", "nan-in-output"),
    "container-no-gpu-runtime": ("gpu-not-visible", "execution-provider-fallback"),
    "container-cuda-require": ("driver-too-old", "gpu-not-visible", "container-no-gpu-runtime"),
    "forward-compat-misused": ("gpu-not-visible", "driver-too-old", "execution-provider-fallback"),
    "ptx-too-new": ("cublas-failure", "kernel-compile-failed"),
    "cpu-instruction-missing": ("illegal-memory-access",),
    "gpu-hardware-fault": (
        "illegal-memory-access",
        "cublas-failure",
        "gpu-not-visible",
        "gpu-in-use",
        "gpu-oom",
    ),
    "gpu-in-use": ("gpu-oom", "gpu-oom-fragmentation", "cublas-failure", "memory-budget-misconfigured"),
    "shm-too-small": ("disk-full", "host-oom", "illegal-memory-access"),
    "disk-full": (
        "file-corrupt",
        "shard-missing",
        "hub-unreachable",
        "permission-denied",
        "build-toolchain-missing",
        "kernel-compile-failed",
        "image-pull-failed",
        "unschedulable",
    ),
    "file-limit": ("hub-unreachable", "host-oom"),
    "host-oom": ("build-toolchain-missing",),
    "permission-denied": ("hub-unreachable", "shard-missing", "gpu-not-visible"),
    # linker
    "cuda-library-missing": (
        "execution-provider-fallback",
        "quant-backend-missing",
        "gpu-not-visible",
        "dll-load-failed",
    ),
    "cudnn-mismatch": ("cublas-failure", "execution-provider-fallback", "op-not-implemented"),
    "cuda-symbol-mismatch": ("execution-provider-fallback", "extension-abi-mismatch", "cuda-library-missing"),
    "extension-abi-mismatch": (
        "package-missing",
        "attention-backend-unsupported",
        "quant-backend-missing",
        "api-removed",
    ),
    "glibc-too-old": ("extension-abi-mismatch", "package-missing", "api-removed"),
    "libstdcxx-too-old": ("extension-abi-mismatch", "package-missing", "api-removed"),
    "system-library-missing": ("package-missing", "dll-load-failed", "api-removed"),
    "wrong-architecture": ("no-matching-distribution", "package-missing"),
    "dll-load-failed": ("package-missing", "api-removed", "execution-provider-fallback"),
    "loader-path-shadowing": (
        "cuda-symbol-mismatch",
        "cudnn-mismatch",
        "libstdcxx-too-old",
        "extension-abi-mismatch",
        "cublas-failure",
    ),
    # dependencies
    "python-version-unsupported": ("no-matching-distribution", "resolution-impossible", "build-toolchain-missing"),
    "package-index-unreachable": ("no-matching-distribution", "resolution-impossible", "build-toolchain-missing"),
    "no-matching-distribution": ("package-missing", "build-toolchain-missing"),
    "numpy-abi": ("api-removed", "package-missing", "extension-abi-mismatch"),
    "protobuf-mismatch": ("api-removed", "package-missing"),
    "api-removed": ("package-missing", "tokenizer-broken"),
    "framework-too-old-refused": ("api-removed", "package-missing", "unsafe-pickle"),
    "conflicting-package-variants": ("cpu-only-build", "execution-provider-fallback", "api-removed"),
    "cuda-toolkit-torch-mismatch": ("build-toolchain-missing", "kernel-compile-failed"),
    "build-toolchain-missing": ("package-missing", "kernel-compile-failed"),
    "package-missing": ("architecture-unknown",),
    # artifact
    "lfs-pointer": ("file-corrupt", "wrong-format", "tokenizer-broken"),
    "download-is-error-page": ("file-corrupt", "wrong-format"),
    "hub-unreachable": ("model-not-found", "shard-missing", "tokenizer-broken"),
    "hub-unauthorized": ("model-not-found", "shard-missing", "hub-unreachable", "auth-failure", "tokenizer-broken"),
    "tls-failure": ("hub-unreachable", "package-index-unreachable", "image-pull-failed", "model-not-found"),
    "model-not-found": ("tokenizer-broken",),
    "file-corrupt": ("wrong-format", "keys-mismatch"),
    "shard-missing": ("keys-mismatch", "model-not-found"),
    "format-version-unsupported": ("op-not-implemented", "wrong-format"),
    "architecture-unknown": ("keys-mismatch",),
    "quant-backend-missing": ("package-missing",),
    "engine-not-portable": ("file-corrupt", "wrong-format"),
    # operators and runtime
    "attention-backend-unsupported": ("op-not-implemented",),
    "dtype-unsupported": ("kernel-compile-failed", "attention-backend-unsupported", "op-not-implemented"),
    "gpu-oom": ("cublas-failure", "illegal-memory-access"),
    "gpu-oom-fragmentation": (
        "gpu-oom",
        "cublas-failure",
    ),
    "kv-cache-too-small": ("gpu-oom",),
    "device-assert": (
        "cublas-failure",
        "illegal-memory-access",
    ),
    "context-too-long": ("device-assert", "shape-mismatch", "illegal-memory-access"),
    "nan-in-output": ("device-assert",),
    "illegal-memory-access": ("cublas-failure",),
    "cublas-failure": ("execution-provider-fallback",),
    "parallelism-indivisible": ("shape-mismatch",),
    "kernel-compile-failed": ("attention-backend-unsupported",),
    "serving-config-mismatch": ("shape-mismatch", "dtype-mismatch"),
    # accelerators
    "rocm-gfx-unsupported": ("no-kernel-image", "cublas-failure", "gpu-not-visible"),
    "rocm-permission": ("gpu-not-visible", "permission-denied", "rocm-gfx-unsupported"),
    "ascend-version-mismatch": ("ascend-runtime-error", "extension-abi-mismatch", "system-library-missing"),
    # platform
    "volume-not-mounted": ("unschedulable", "model-not-found", "shard-missing"),
    "container-oomkilled": ("host-oom",),
    "auth-failure": ("image-pull-failed",),
}
"""Cause → the causes whose texts it is known to print as well, beside those in `SURFACES`."""

SURFACES = ("cause-not-in-log", "worker-died", "probe-failed", "overload", "collective-failed")
"""What nearly any other cause ends in, the emptiest first: a wrapper's word, a dead worker, a failing probe, a full
queue, and the other ranks that wait for the one that failed."""


def brings_about(first: str, second: str, *, more: Mapping[str, Iterable[str]] | None = None) -> bool:
    """Whether the first cause is known to bring about the second.

    Args:
        first: a slug.
        second: another slug.
        more: rows beside the table, such as those of a project's own entries.
    """
    if first == second:
        return False
    if second in BRINGS_ABOUT.get(first, ()) or (more and second in more.get(first, ())):
        return True
    if second in SURFACES:
        # Of two surfaces the one that says more comes first; anything else comes before both.
        return first not in SURFACES or SURFACES.index(first) > SURFACES.index(second)
    return False

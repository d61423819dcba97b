"""A package is built from source without a compiler, headers or nvcc.

## What happens

Installing takes long and ends in `Failed building wheel`; above it stands what was missing: `CUDA_HOME environment
variable is not set`, `nvcc was not found`, `unable to execute 'gcc'`, `Python.h: No such file or directory`.
Libraries that compile at run time (Triton, DeepSpeed, inductor) say the same on first use.

## Why

There is no wheel for this Python, platform, framework and CUDA, so the installer compiles. A run-time image has no
compiler, no Python headers and no CUDA toolkit: the driver and the CUDA packages of a framework are enough to run
and not to build.

## How to end it

Prefer a wheel: another version of the package, of Python or of the framework may have one. Else build in an image
that has the toolchain (`nvidia/cuda:…-devel`, `build-essential`, `python3-dev`) and copy the wheel from there.

## How to prevent it

Install with `--only-binary=:all:`, so that a missing wheel is an error at once; build once, keep the wheel.

## Example

```
      File "/opt/venv/lib/python3.12/site-packages/torch/utils/cpp_extension.py", line 2407, in _join_cuda_home
          raise OSError('CUDA_HOME environment variable is not set. '
      OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.
```

## References

- https://docs.pytorch.org/docs/stable/cpp_extension.html
- https://github.com/pytorch/extension-cpp/issues/26
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_TOOL = r"\S{0,200}(?:gcc|g\+\+|cc|c\+\+|clang|cl\.exe|nvcc|cmake|ninja|make)(?:-\d+)?(?:\.exe)?"

CAUSE = Cause(
    slug="build-toolchain-missing",
    severity=Severity.ERROR,
    message="building from source needs {tool}, which is not here",
    unpredictable="whether a package is built from source is decided by the installer, when it finds no wheel",
    signatures=(
        Signature("CUDA_HOME environment variable is not set"),
        Signature("nvcc was not found"),
        Signature("to find nvcc", r"(?:Failed|Unable|Could not) to find nvcc|Could not find nvcc"),
        Signature("CUDA_HOME does not exist"),
        Signature("ld: cannot find -l", r"cannot find -l(?P<tool>\S{1,60})(?::|$)", weight=0.9),
        Signature("Cannot find CMake executable"),
        Signature("set CUDA_HOME", r"(?i)(?:please|must|need to|not) set (?:the )?CUDA_HOME", weight=0.9),
        Signature("No such file or directory: '", rf"No such file or directory: '(?P<tool>{_TOOL})'"),
        Signature("unable to execute", rf"unable to execute '?(?P<tool>{_TOOL})'?: No such file"),
        Signature("failed: No such file or directory", rf"command '?(?P<tool>{_TOOL})'? failed: No such file"),
        Signature("not found", r"(?:^|[\s:])(?P<tool>nvcc|gcc|g\+\+|cmake|ninja|make): (?:command )?not found"),
        Signature("Microsoft Visual C++", r"Microsoft Visual C\+\+ \d+\.\d (?:or greater )?is required"),
        Signature("Unable to find vcvarsall.bat"),
        Signature("Python.h: No such file or directory"),
        Signature("Ninja is required to load C++ extensions", r"Ninja is required"),
        Signature("Failed to find C compiler"),
        Signature("No working C++ compiler found"),
        Signature("Rust compiler", r"(?i)can't find Rust compiler|Rust compiler is not installed"),
        Signature("Cargo, the Rust package manager, is not installed"),
        Signature("CMake must be installed to build"),
        Signature("CMAKE_", r"No (?P<tool>CMAKE_\w+_COMPILER) could be found|CMAKE_\w+_COMPILER not set"),
        Signature("Problem with the CMake installation, aborting build"),
        Signature("Could NOT find CUDA", weight=0.95),
        Signature("CUDA toolkit not found", weight=0.95),
        Signature("Cannot find CUDA_HOME", weight=0.95),
        Signature("_join_cuda_home(", weight=0.9),
        Signature("Error checking compiler version for", weight=0.9),
        Signature(
            "fatal error: ",
            r"fatal error: '?(?P<tool>[\w./+-]{1,100}\.(?:h|hpp|cuh))'?(?:: No such| file not found)",
            weight=0.85,
        ),
        Signature("unsupported GNU version! gcc versions later than", weight=0.85),
        Signature("Failed building wheel for", weight=0.5),
        Signature("Failed to build installable wheels", weight=0.5),
        Signature(
            "did not run successfully",
            r"(?:build|wheel|setup\.py|egg_info|metadata).{0,60} did not run successfully",
            weight=0.35,
        ),
        Signature("Failed to build `", weight=0.45),
    ),
    related=("cuda-toolkit-torch-mismatch", "no-matching-distribution", "kernel-compile-failed", "package-missing"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A wheel if there is one, the toolchain if not."""
    yield Remedy(
        why=say(
            "Let pip choose a version that has a wheel for this environment; name the package in place of PACKAGE."
        ),
        commands=(pip_install(facts, "--only-binary=:all:", "PACKAGE"),),
    )
    tool = str(params.get("tool", ""))
    if any(word in tool for word in ("nvcc", "cuda", "cu")) or not tool:
        yield Remedy(
            why=say("Where it is installed, name the CUDA toolkit; its version should be the framework's."),
            commands=("export CUDA_HOME=/usr/local/cuda",),
            safe=True,
        )
    yield Remedy(
        why=say(
            "Install compiler, headers and build tools (Debian and Ubuntu), or build in a `-devel` image and copy "
            "the wheel."
        ),
        commands=("apt-get install -y build-essential python3-dev cmake ninja-build",),
    )

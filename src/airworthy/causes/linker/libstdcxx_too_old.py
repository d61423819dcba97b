"""The C++ library is older than a binary needs.

## What happens

An extension does not load: ``version `GLIBCXX_3.4.29' not found``, or the same with `CXXABI_`. Often the very same
package works outside of the conda environment, or inside of it.

## Why

Each symbol of libstdc++ carries the version in which it appeared. A binary built with a newer GCC asks for newer ones.
There may be two copies of the library: the system's, and a newer or older one in a conda environment. A process has
one of them, whichever the first extension loaded, and what comes later must do with it.

`GLIBC_` in the message is the C library, not this one: see `glibc-too-old`.

## How to end it

In a conda environment install a newer `libstdcxx-ng`. Where the system's is newer, let that one be loaded first. On an
old distribution use a container image of a newer one.

## How to prevent it

Install from wheels with manylinux tags, which ask for old versions only, and do not mix conda's and the system's
libraries in one process.

## Example

```
ImportError: /lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by
/opt/conda/envs/app/lib/python3.8/site-packages/matplotlib/_path.cpython-38-x86_64-linux-gnu.so)
```

## References

- https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
- https://github.com/microsoft/onnxruntime/issues/13629
- https://github.com/ROCm/legacy-rocm-build/issues/3132
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, LIBSTDCXX, LIBSTDCXX_ABI, PYTHON_PREFIX
from airworthy.core.messages import say
from airworthy.core.values import Binary
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

_MISSING = r"version [`'](?P<required>(?:GLIBCXX|CXXABI|GCC)_[\w.]{1,20})' not found"

CAUSE = Cause(
    slug="libstdcxx-too-old",
    severity=Severity.ERROR,
    needs=(BINARIES, LIBSTDCXX),
    uses=(LIBSTDCXX_ABI, PYTHON_PREFIX),
    message="{distribution} needs {required} of the C++ library ({binary}), and the one here has {found}",
    signatures=(
        Signature(
            "GLIBCXX_",
            _MISSING + r" \(required by (?P<binary>[^)\n]{1,400})\)",
            message="{binary} needs {required}, and the C++ library that was loaded is older",
        ),
        Signature(
            "GLIBCXX_", _MISSING, message="a binary needs {required}, and the C++ library that was loaded is older"
        ),
        Signature(
            "CXXABI_", _MISSING, message="a binary needs {required}, and the C++ library that was loaded is older"
        ),
        Signature("version `GCC_", _MISSING, message="a binary needs {required} of libgcc, and the one here is older"),
    ),
    related=("glibc-too-old", "extension-abi-mismatch", "loader-path-shadowing"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The most demanding binary of each distribution against the C++ library."""
    library, abi = facts.value(LIBSTDCXX), facts.get_value(LIBSTDCXX_ABI, None)
    worst: dict[str, tuple[Version, Binary]] = {}
    for binary in facts.value(BINARIES):
        owner = binary.distribution or binary.path
        if binary.glibcxx is not None and (owner not in worst or worst[owner][0] < binary.glibcxx):
            worst[owner] = (binary.glibcxx, binary)
    for owner, (required, binary) in sorted(worst.items()):
        if required > library:
            yield _finding(facts, owner, binary, f"GLIBCXX_{required}", f"GLIBCXX_{library}", required)
    for binary in facts.value(BINARIES):
        owner = binary.distribution or binary.path
        told = owner in worst and worst[owner][0] > library
        if abi is not None and binary.cxxabi is not None and binary.cxxabi > abi and not told:
            yield _finding(facts, owner, binary, f"CXXABI_{binary.cxxabi}", f"CXXABI_{abi}", None)


def _finding(facts: Facts, owner: str, binary: Binary, required: str, found: str, version: Version | None) -> Finding:
    compiler = Knowledge().compiler_with(version, binary.cxxabi if version is None else None)
    return CAUSE.finding(
        facts,
        owner,
        evidence=(BINARIES, LIBSTDCXX),
        distribution=owner,
        binary=binary.path,
        required=required,
        found=found,
        gcc=compiler.gcc.text if compiler else "",
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer library in the environment; or the system's in front."""
    required, gcc = str(params.get("required", "")), str(params.get("gcc", ""))
    if not gcc and required.startswith("GLIBCXX_"):
        compiler = Knowledge().compiler_with(Version(required))
        gcc = compiler.gcc.text if compiler else ""
    if gcc:
        yield Remedy(
            why=say("In a conda environment install the C++ library of GCC {gcc} or newer.", gcc=gcc),
            commands=(f"conda install -c conda-forge 'libstdcxx-ng>={Version(gcc).major}'",),
        )
    yield Remedy(
        why=say("Show what each copy provides; the environment's and the system's may differ."),
        commands=(
            "ldconfig -p | grep libstdc++",
            "strings \"$(ldconfig -p | grep -o '/.*libstdc++.so.6' | head -1)\" | grep GLIBCXX_3 | tail -1",
        ),
        safe=True,
    )
    yield Remedy(
        why=say("Where the system's copy is the newer one, load it first for this program."),
        commands=("export LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libstdc++.so.6",),
        safe=True,
    )

r"""Windows does not load a DLL.

## What happens

An import fails with `DLL load failed`, `[WinError 126]`, `[WinError 127]` or `[WinError 1114]`, in the language of the
system. The file that the message names is there.

## Why

126: the DLL, or more often one that it needs, was not found. The usual one is Microsoft's Visual C++ runtime
(`vcruntime140_1.dll`, `msvcp140.dll`); others are CUDA's and cuDNN's, or `libomp`. 127: a DLL was found, of another
version than the one linked against. 1114: it was found and refused to start, mostly because an older copy of the
Visual C++ runtime was in the process before (conda's, Java's, another program's on `PATH`), or because the processor
lacks instructions.

## How to end it

Install the current Visual C++ Redistributable first; it ends most of these. Then look which DLL is missing, and which
copies lie on `PATH`.

## How to prevent it

Install the redistributable with the machine's image, keep other programs' directories off `PATH`, and give each
application an environment of its own.

## Example

```
OSError: [WinError 126] The specified module could not be found. Error loading
"C:\app\lib\site-packages\torch\lib\fbgemm.dll" or one of its dependencies.
```

## References

- https://learn.microsoft.com/en-us/cpp/windows/latest-supported-vc-redist
- https://github.com/ultralytics/ultralytics/issues/12993
- https://github.com/microsoft/onnxruntime/issues/28812
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

# A provider of ONNX Runtime that does not load is passed over; a DLL for another architecture is another cause.
_NOT_ELSEWHERE = r"^(?!.*(?:onnxruntime_providers_|not a valid Win32|不是有效的 Win32|numpy\.core\.multiarray))"

CAUSE = Cause(
    slug="dll-load-failed",
    severity=Severity.ERROR,
    message="{library} or a DLL that it needs is not loaded",
    unpredictable="which DLLs Windows would find depends on the process that asks, and is not read beforehand",
    signatures=(
        Signature(
            "Error loading ",
            r'Error loading "(?P<library>[^"\n]{1,300}\.dll)" or one of its dependencies',
        ),
        Signature("or one of its dependencies", r"Could not find module '(?P<library>[^'\n]{1,300})'"),
        Signature(
            "DLL load failed while importing ",
            _NOT_ELSEWHERE + r".*?DLL load failed while importing (?P<library>\w{1,100})",
        ),
        Signature("DLL load failed", _NOT_ELSEWHERE),
        Signature("[WinError 126]", _NOT_ELSEWHERE),
        Signature("[WinError 127]", _NOT_ELSEWHERE),
        Signature("[WinError 1114]", _NOT_ELSEWHERE),
        Signature("[WinError 182]", _NOT_ELSEWHERE),
        Signature("Microsoft Visual C++ Redistributable is not installed"),
        Signature("VCRUNTIME140", r"VCRUNTIME140(?:_1)?\.dll.{0,40}(?:was )?not found", weight=0.95),
        Signature("vcruntime140", r"vcruntime140(?:_1)?\.dll.{0,40}(?:was )?not found", weight=0.95),
        Signature("0xc000007b", weight=0.9),
        Signature("0xC0000135", weight=0.9),
        Signature("Failed to load the native TensorFlow runtime", weight=0.6),
    ),
    related=("cuda-library-missing", "execution-provider-fallback", "cpu-instruction-missing", "wrong-architecture"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The runtime; the missing name; a fresh copy."""
    yield Remedy(
        why=say("Install the current Visual C++ Redistributable, which brings the runtime that most DLLs need."),
        commands=("winget install --id Microsoft.VCRedist.2015+.x64",),
    )
    library = str(params.get("library", ""))
    name = library if library.lower().endswith(".dll") else "LIBRARY.dll"
    yield Remedy(
        why=say("Show which DLLs it asks for, and where copies lie on PATH."),
        commands=(f'dumpbin /dependents "{name}"', "where vcruntime140.dll msvcp140.dll"),
        safe=True,
    )
    package = next((each for each in ("torch", "onnxruntime", "tensorflow") if each in library.lower()), "")
    if package:
        yield Remedy(
            why=say("Install {package} anew, into an environment of its own.", package=package),
            commands=(pip_install(facts, "--force-reinstall", "--no-cache-dir", package),),
        )

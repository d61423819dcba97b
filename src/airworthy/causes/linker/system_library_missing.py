"""A shared library of the system is missing.

## What happens

Importing a package fails with `libGL.so.1: cannot open shared object file`, or with the package's own words such as
`sndfile library not found`. It works on the developer's machine and not in the slim image.

## Why

Wheels bring most of what they need, but not what every desktop has: graphics libraries (OpenCV), audio libraries
(soundfile), MPI, the OpenMP runtime, FFmpeg. Minimal images and servers lack them, and nothing that pip installs
says so.

CUDA's libraries are another matter, see `cuda-library-missing`; `libcuda.so.1` comes with the driver, see
`gpu-not-visible`.

## How to end it

Install the distribution's package that holds the library, or a variant of the Python package that does without:
`opencv-python-headless` needs no graphics.

## How to prevent it

List the system's packages in the image's build file beside the Python ones, and import every package once while the
image is built.

## Example

```
ImportError: libGL.so.1: cannot open shared object file: No such file or directory
```

## References

- https://github.com/NVIDIA/TensorRT-LLM/issues/167
- https://github.com/fboulnois/llama-cpp-docker/issues/8
- https://man7.org/linux/man-pages/man8/ld.so.8.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature, element
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import BINARIES, DISTRIBUTIONS_DAMAGED, LINK_FAULTS, OS_NAME
from airworthy.core.messages import say
from airworthy.core.values import LinkFault
from airworthy.knowledge import Knowledge

# CUDA's, the driver's, a framework's own and an optional provider's are other causes.
_OTHERS = (
    r"(?:cuda|cudart|cublas\w*|cudnn\w*|cufft\w*|curand|cusolver\w*|cusparse\w*|nvrtc[\w-]*|nvJitLink|nccl|cupti"
    r"|nvToolsExt|nvinfer\w*|cufile\w*|nvshmem\w*|npp\w*|nvjpeg|cutensor\w*|nvidia-\w+|torch\w*|c10\w*"
    r"|tensorflow_framework|onnxruntime_providers\w*)"
)
_NAME = rf"(?P<library>lib(?!{_OTHERS}\.so)[\w.+-]{{1,80}}?\.so(?:\.[\d.]{{1,20}}\d|\.\d)?)"
_VENDORS = (
    r"lib(?:ascend\w*|hccl\w*|acl\w*|atb\w*|nnopbase|opapi|runtime|amdhip64|roc\w+|hip\w+|MIOpen|musa\w*|mudnn)\.so"
)
_PASSED_OVER = "onnxruntime_providers|Ignore above"
_STACKS = r"(?:\S*(?:[Aa]scend|torch_npu|libcann_))"
_FOUND = "the loader does not find {library}"

CAUSE = Cause(
    slug="system-library-missing",
    severity=Severity.ERROR,
    needs=(BINARIES,),
    uses=(OS_NAME, LINK_FAULTS, DISTRIBUTIONS_DAMAGED),
    message="{distribution} needs {library}, which the loader does not find",
    signatures=(
        Signature(
            "cannot open shared object file",
            rf"^(?!.*(?:{_PASSED_OVER}|nvidia-container-cli|{_VENDORS}|{_STACKS})).*?\b{_NAME}: cannot open",
            message=_FOUND,
        ),
        # A vendor's stack that is not set up looks the same.
        Signature(
            "cannot open shared object file",
            rf"^(?!.*(?:{_PASSED_OVER})).*?(?P<library>(?:{_VENDORS}|{_STACKS}\S*?)[\d.]*): cannot open",
            weight=0.7,
            message=_FOUND,
        ),
        Signature(
            "' not found (required by ",
            r"(?P<used>[^\s:]{1,300}): version `(?P<version>(?!GLIBC|CXXABI|GCC_|lib)[\w.]{1,80})' not found",
            weight=0.9,
            message="{used} does not have {version}: it is another version than the one that is needed",
        ),
        Signature("sndfile library not found"),
        Signature("cannot load library 'lib", r"cannot load library '(?P<library>lib[\w.+-]{1,60})'", message=_FOUND),
        Signature("cannot load MPI library"),
        Signature("PortAudio library not found"),
        Signature("failed to find libmagic"),
        Signature("no library called ", r'no library called "(?P<library>[\w.+-]{1,60})" was found', message=_FOUND),
        Signature(
            "Library not loaded: ",
            r"Library not loaded: (?P<library>\S{1,200}\.dylib)",
            weight=0.95,
            message=_FOUND,
        ),
        Signature("library not found", r"OSError: (?P<library>\w{2,30}) library not found", weight=0.9, message=_FOUND),
        Signature("Could not load libtorchcodec", weight=0.9),
        Signature("No such file or directory: 'ff", r"directory: 'ff(?:mpeg|probe)'", weight=0.9),
        Signature("Couldn't find ffmpeg or avconv", weight=0.8),
    ),
    blind_spot="facts cover what installed packages need, and not other programs",
    related=("cuda-library-missing", "gpu-not-visible", "loader-path-shadowing", "package-missing"),
)

_EXTENSION = re.compile(r"\.(?:cpython-\d+\w*(?:-[\w-]+)?|abi3)\.so$")
_HEADLESS = frozenset({"opencv-python", "opencv-contrib-python"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Extensions that ask for a library which systems are known to leave out."""
    told: set[tuple[str, str]] = set()
    for binary in facts.value(BINARIES):
        if not _EXTENSION.search(PurePosixPath(binary.path).name):
            continue  # a library that is loaded on use, if ever
        for soname in binary.missing:
            row = known.system_library(soname)
            if row is None or (binary.distribution, soname) in told:
                continue
            told.add((binary.distribution, soname))
            yield CAUSE.finding(
                facts,
                binary.distribution or binary.path,
                evidence=(BINARIES,),
                severity=_severity(binary.path),
                distribution=binary.distribution or say("no package"),
                binary=PurePosixPath(binary.path).name,
                library=soname,
            )
    lost = {each.distribution for each in facts.get_value(DISTRIBUTIONS_DAMAGED, ()) if each.needed_by}
    for fault in facts.get_value(LINK_FAULTS, ()):
        if (
            fault.distribution not in lost
            and _is_unknown(fault, known)
            and (fault.distribution, fault.soname) not in told
        ):
            told.add((fault.distribution, fault.soname))
            yield CAUSE.finding(
                facts,
                fault.distribution,
                evidence=(element(facts, LINK_FAULTS, fault),),
                # A stack that is set up by a script of its own, as accelerators' are, looks the same before that.
                severity=Severity.INFO,
                confidence=Confidence.MEDIUM,
                distribution=fault.distribution,
                binary=PurePosixPath(fault.binary).name,
                library=fault.soname,
            )
        if fault.kind == "version" and not fault.held and fault.found_by in SYSTEM:
            yield CAUSE.finding(
                facts,
                fault.distribution,
                evidence=(element(facts, LINK_FAULTS, fault),),
                severity=_severity(fault.binary),
                message=_TOO_OLD,
                distribution=fault.distribution,
                binary=PurePosixPath(fault.binary).name,
                library=fault.soname,
                version=fault.version,
                used=fault.used,
            )


SYSTEM = frozenset({"ld.so.cache", "default path"})
"""What leads to the system's own libraries."""
_TOO_OLD = "{binary} of {distribution} needs {version} of {library}, and this system's ({used}) does not have it"


def _is_unknown(fault: LinkFault, known: Knowledge) -> bool:
    """A missing library that no table has: named, and not judged."""
    return (
        fault.kind == "missing"
        and not fault.held  # another package has it, and has loaded it by then
        and _EXTENSION.search(PurePosixPath(fault.binary).name) is not None
        and known.library(fault.soname) is None
    )


def _severity(path: str) -> Severity:
    """The main module's import fails; a module deep in the package may never be imported."""
    return Severity.ERROR if _depth(path) <= 1 else Severity.WARNING


def _depth(path: str) -> int:
    """How many directories a file lies beneath the one that packages are imported from."""
    tail = path.partition("-packages/")[2] or path.rpartition("/")[2]
    return tail.count("/")


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The system's package; or a variant that does without."""
    soname, distribution = str(params.get("library", "")), str(params.get("distribution", ""))
    row = Knowledge().system_library(soname) if soname else None
    if distribution in _HEADLESS or (not distribution and soname == "libGL.so.1"):
        package = distribution or "opencv-python"
        yield Remedy(
            why=say("Replace it by the variant without a window system, which a server needs none of."),
            commands=(
                python(facts, "-m", "pip", "uninstall", "-y", package),
                pip_install(facts, f"{package}-headless"),
            ),
        )
    if row is not None:
        yield Remedy(
            why=say("{package} brings {library} on Debian and Ubuntu.", package=row.debian, library=soname),
            commands=("sudo apt-get update", f"sudo apt-get install -y --no-install-recommends {row.debian}"),
        )
    elif facts.get_value(OS_NAME, "").startswith(("Debian", "Ubuntu")) or not soname:
        yield Remedy(
            why=say("Find the package that holds the library, and install it."),
            commands=(
                "sudo apt-get install -y apt-file",
                "sudo apt-file update",
                f"apt-file search {soname or 'lib.so'}",
            ),
        )
    if row is None and soname:
        yield Remedy(
            why=say("See whether a copy lies somewhere that the loader does not look."),
            commands=(f"find / -name '{soname}*' -not -path '/proc/*' 2>/dev/null",),
            safe=True,
        )

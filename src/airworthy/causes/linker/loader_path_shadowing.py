"""The loader takes another copy of a library than the one that is needed.

## What happens

Nothing is missing, yet a program fails in a library that is not its own: `symbol lookup error`, two OpenMP runtimes in
one process, a segmentation fault after the import of a second framework. The order of imports, a shell's profile or
the machine decides whether it works.

## Why

The loader takes the first library of the right name. `LD_LIBRARY_PATH` comes before the place where a package keeps its
own copy (its run path), so a toolkit that a profile put there is used by every program. A library that an earlier
import loaded stays for later ones. Python does the same with modules: a file `torch.py` in the working directory
hides the package.

## How to end it

Take the directory off `LD_LIBRARY_PATH` for this program, remove the second copy, or import first what must come
first.

## How to prevent it

Set `LD_LIBRARY_PATH` for single programs only, install OpenMP, MKL and CUDA from one source in an environment, and
name no file after a package.

## Example

```
OMP: Error #15: Initializing libiomp5.so, but found libomp.so already initialized.
OMP: Hint This means that multiple copies of the OpenMP runtime have been linked into the program.
```

## References

- https://man7.org/linux/man-pages/man8/ld.so.8.html
- https://github.com/pytorch/pytorch/issues/111469
- https://scikit-learn.org/stable/faq.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from airworthy.causes.interface import Cause, Signature, element
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import HIDDEN_MODULES, LINK_FAULTS, LOADER_SHADOWED
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_CUDA = r"lib(?:cu[a-zA-Z]+|nv\w+|nccl)\.so"

CAUSE = Cause(
    slug="loader-path-shadowing",
    severity=Severity.WARNING,
    needs=(LOADER_SHADOWED,),
    uses=(LINK_FAULTS, HIDDEN_MODULES),
    message="{soname} is taken from {used} ({found_by}), not from {meant_by}, which {distribution} was installed with",
    signatures=(
        Signature(
            "OMP: Error #15",
            r"Initializing (?P<second>\S{1,60}?), but found (?P<first>\S{1,60}) already initialized",
            message="two OpenMP runtimes are in one process: {first} and {second}",
        ),
        Signature("multiple copies of the OpenMP runtime have been linked"),
        Signature("MKL_THREADING_LAYER=INTEL is incompatible with"),
        Signature("cannot allocate memory in static TLS block"),
        Signature(
            "undefined symbol: ",
            rf"undefined symbol: (?P<symbol>\w+), version (?P<version>(?!{_CUDA}|libcudnn)[\w.+-]+)",
            weight=0.95,
            message="the copy of a library that was loaded lacks {symbol} of {version}",
        ),
        Signature(
            "relocation error: ",
            r"relocation error: .{1,300}symbol \S+,? version (?!GLIBC_2)\S+ not defined",
            weight=0.95,
        ),
        Signature(
            "consider renaming '",
            r"consider renaming '(?P<module>[^'\n]{1,300}\.py)' since it has the same name",
            weight=0.95,
            message="{module} hides the package of the same name",
        ),
        Signature(
            "symbol lookup error: ",
            r"symbol lookup error: (?P<binary>\S{1,300}?):",
            weight=0.9,
            message="{binary} got another copy of a library than the one it was built with",
        ),
        Signature("Found Intel OpenMP ('libiomp') and LLVM OpenMP ('libomp') loaded at the same time", weight=0.9),
        Signature("Looks like your LD_LIBRARY_PATH contains incompatible version", weight=0.85),
        Signature("there is a conflicting cuDNN in LD_LIBRARY_PATH", weight=0.85),
        Signature("Found duplicate", r"Found duplicate .{0,300}libcudart", weight=0.85),
        Signature("from LD_PRELOAD cannot be preloaded", weight=0.75),
        Signature(": no version information available (required by", weight=0.7),
    ),
    related=("cuda-symbol-mismatch", "cudnn-mismatch", "libstdcxx-too-old", "conflicting-package-variants"),
)


SYSTEM = frozenset({"ld.so.cache", "default path"})
"""What leads to the system's own libraries."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Packaged libraries in whose place the loader takes others, copies that it then refuses, and hidden modules."""
    for shadow in facts.value(LOADER_SHADOWED):
        yield CAUSE.finding(
            facts,
            shadow.soname,
            evidence=(LOADER_SHADOWED,),
            confidence=Confidence.MEDIUM,  # two copies of one version do no harm
            soname=shadow.soname,
            used=shadow.used,
            found_by=shadow.found_by,
            meant_by=shadow.meant_by or say("its package"),
            distribution=shadow.distribution or PurePosixPath(shadow.binary).name,
        )
    for fault in facts.get_value(LINK_FAULTS, ()):
        if fault.kind == "version" and (fault.held or fault.found_by not in SYSTEM):
            yield CAUSE.finding(
                facts,
                fault.soname,
                evidence=(element(facts, LINK_FAULTS, fault),),
                severity=Severity.ERROR,  # the loader refuses the asker
                message=_LACKS,
                soname=fault.soname,
                version=fault.version,
                used=fault.used,
                found_by=fault.found_by,
                meant_by=fault.held_by,
                distribution=fault.distribution,
                binary=PurePosixPath(fault.binary).name,
            )
    for hidden in facts.get_value(HIDDEN_MODULES, ()):
        yield CAUSE.finding(
            facts,
            hidden.module,
            evidence=(element(facts, HIDDEN_MODULES, hidden),),
            confidence=Confidence.MEDIUM,  # it counts for what is run from this folder
            message=_HIDDEN,
            module=hidden.path,
            name=hidden.module,
            hides=hidden.hides,
        )


_LACKS = "{binary} of {distribution} needs {version} of {soname}, and {used} ({found_by}) does not have it"
_HIDDEN = "{module} hides the module `{name}` of {hides}: what is run from this folder imports it in that one's place"


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The variable without the directory; what was loaded; one runtime."""
    if "module" in params:
        yield Remedy(why=say("Give the file another name, and remove what was compiled from it (`__pycache__`)."))
        return
    used = str(params.get("used", ""))
    if used:
        folder = str(PurePosixPath(used).parent)
        without = f"tr ':' '\\n' | grep -vxF '{folder}' | paste -sd:"
        yield Remedy(
            why=say("Take {folder} off LD_LIBRARY_PATH for this program.", folder=folder),
            commands=(f'export LD_LIBRARY_PATH="$(echo "$LD_LIBRARY_PATH" | {without})"',),
            safe=True,
        )
        return
    yield Remedy(
        why=say("Show which copies the loader takes, and why."),
        commands=(
            "echo $LD_LIBRARY_PATH $LD_PRELOAD",
            "LD_DEBUG=libs python -c 'import torch' 2>&1 | grep 'calling init'",
        ),
        safe=True,
    )
    yield Remedy(
        why=say("For two OpenMP runtimes: keep one, by installing NumPy, MKL and the framework from one source."),
        commands=("export MKL_THREADING_LAYER=GNU",),
        safe=True,
    )

"""The Ascend stack does not fit together: torch-npu, torch, CANN, driver, or the environment.

## What happens

`import torch_npu` fails with `libascendcl.so: cannot open shared object file`, `libatb.so …` or an `undefined symbol`
in one of its libraries; or the first operator fails with an internal error that says nothing.

## Why

Four things have to match: the driver with its firmware, CANN (toolkit, kernels and the NNAL with its ATB library),
PyTorch, and torch-npu, whose *post-release* decides: torch-npu 2.7.1 is for CANN 8.3.RC1, 2.7.1.post4 for CANN 9.0.
CANN is found through environment variables that `set_env.sh` sets, in each shell and each service anew; the ATB
library has a script of its own, and one copy of it a C++ ABI.

## How to end it

Run both `set_env.sh` before the program. Then take one row of the table of versions and install exactly that: its
CANN with the kernels for this chip, its PyTorch, its torch-npu with the post-release.

## How to prevent it

Start from an image that holds one row of the table (`quay.io/ascend/vllm-ascend`), and pin torch-npu with its
post-release.

## Example

```
    from torch_npu import _C
ImportError: libascendcl.so: cannot open shared object file: No such file or directory. Please check that the runtime
package is installed. Please run 'source set_env.sh' in the CANN installation path.
```

## References

- https://gitcode.com/Ascend/pytorch/blob/master/COMPATIBILITY.en.md
- https://github.com/vllm-project/vllm-ascend/issues/130
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Absent, Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import ASCEND_CANN, ASCEND_DEVICES, ASCEND_NNAL, DISTRIBUTIONS
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge
from airworthy.knowledge.ascend import Pair

_LIBRARY = (
    r"(?P<library>lib(?:ascendcl\w*|ascendalog|ascend_hal|ascend_protobuf|hccl|atb\w*|asdops|mki|ge_runner|ge_common\w*"
    r"|graph(?:_base)?|acl_\w{1,40}|opapi\w*|nnopbase|cust_opapi|runtime|msprofiler|profapi|register|tiling_api|cann_kb"
    r"|tbe_adapter|c_sec|error_manager|platform|opp_registry|lowering|exe_graph|hcom\w*|mindie\w*|torch_npu)\.so[.\d]*)"
)
_MISSING = "the loader does not find {library} of CANN: its environment is not set, or the package is not installed"
_SYMBOL = "{library} is of another version than the libraries that it is loaded with"

CAUSE = Cause(
    slug="ascend-version-mismatch",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS,),
    uses=(ASCEND_CANN, ASCEND_NNAL, ASCEND_DEVICES),
    message="torch-npu {torch_npu} was made for {part} {wanted}, and {found} is installed",
    signatures=(
        Signature("cannot open shared object", _LIBRARY + r": cannot open shared object", message=_MISSING),
        Signature("undefined symbol", _LIBRARY + r": undefined symbol", message=_SYMBOL),
        Signature("undefined symbol", r"/torch_npu/[^\n:]{1,200}: undefined symbol"),
        Signature(
            "undefined symbol: ",
            r"undefined symbol: (?:_ZN3atb|_ZN3Mki|_ZN8c10_npu|aclrt|aclnn|aclmdl|Msprof|Hccl|rtGet)",
        ),
        Signature("set_env.sh", r"[Pp]lease (?:check|run)[^\n]{0,200}set_env\.sh", weight=0.95),
        Signature("ASCEND_HOME_PATH", r"ASCEND_HOME_PATH\b[^\n]{0,60}(?:not set|does not exist|not found|in env)"),
        Signature("ASCEND_OPP_PATH", r"ASCEND_OPP_PATH\b[^\n]{0,80}(?:not set|does not exist|is incorrect)"),
        Signature("KeyError: 'ASCEND_", weight=0.95),
        Signature(
            "CANN package version",
            r"CANN package version (?P<found>\S{1,40}) and PyTorch version (?P<torch_npu>\S{1,40}) do not match",
            weight=0.9,
            message="CANN {found} and torch-npu {torch_npu} do not match",
        ),
        Signature("CANN version mismatch"),
        Signature("cann version is too low"),
        Signature("hdk version is too low"),
        Signature("CANN version is lower than"),
        Signature("the current driver version does not support this feature", weight=0.8),
        Signature("PTA version mismatch", weight=0.8),
        Signature(
            "and Ascend AI software package",
            r"MindSpore version (?P<mindspore>\S{1,30}) and Ascend AI software package .{0,80}?does not match",
            weight=0.9,
            message="MindSpore {mindspore} and the installed CANN do not match",
        ),
        Signature(
            "wheel package version",
            r"MindSpore version (?P<mindspore>\S{1,30}) and \"?(?:te|hccl|topi)\"? wheel package version .{0,60}? not",
            weight=0.9,
            message="MindSpore {mindspore} and the installed CANN do not match",
        ),
        Signature(
            "No module named ",
            r"No module named '(?P<module>acl|tbe|te|tbe\.common)(?:\.\w+)*'",
            message="Python does not find {module} of CANN: its environment is not set",
        ),
        Signature("unmatched version of driver and", weight=0.9),
    ),
    related=("ascend-runtime-error", "extension-abi-mismatch", "system-library-missing", "gpu-not-visible"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare torch-npu with the PyTorch and the CANN that its release was made for."""
    installed = {each.name: each.version for each in facts.value(DISTRIBUTIONS)}
    npu = installed.get("torch-npu")
    if npu is None:
        return
    torch = installed.get("torch")
    if torch is not None and torch.numbers[:3] != npu.numbers[:3]:
        yield _finding(facts, npu, "PyTorch", _plain(npu), torch.text, other=torch.numbers[:2] != npu.numbers[:2])
    if "vllm-ascend" in installed and isinstance(facts.fact(ASCEND_NNAL), Absent):
        yield CAUSE.finding(
            facts,
            "vllm-ascend",
            evidence=(ASCEND_NNAL, DISTRIBUTIONS),
            confidence=Confidence.MEDIUM,
            message="vllm-ascend needs the ATB library of NNAL beside torch-npu {torch_npu}, and none is found",
            torch_npu=npu.text,
        )
    cann = facts.fact(ASCEND_CANN)
    if isinstance(cann, Absent):
        if facts.get_value(ASCEND_DEVICES, ()):
            yield CAUSE.finding(
                facts,
                "torch-npu",
                evidence=(ASCEND_CANN, ASCEND_DEVICES),
                confidence=Confidence.MEDIUM,
                message="torch-npu {torch_npu} needs CANN, and none is found",
                torch_npu=npu.text,
            )
        return
    if isinstance(cann, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=ASCEND_CANN.name, reason=cann.reason)
    pairs = known.ascend_pairs(npu)
    if not pairs:
        raise Undecidable("the table has no torch-npu {version}", version=npu.text)
    yield from _against_cann(facts, npu, facts.value(ASCEND_CANN), pairs)


def _against_cann(facts: Facts, npu: Version, cann: Version, pairs: tuple[Pair, ...]) -> Iterator[Finding]:
    if any(_release(pair.cann) == _release(cann) for pair in pairs):
        return
    wanted = pairs[0].cann
    # A newer CANN of the same series mostly runs what was made for an older one; the reverse lacks symbols.
    worse = _release(cann) < _release(wanted) or cann.major != wanted.major
    yield _finding(facts, npu, "CANN", wanted.text, cann.text, other=worse)


def _finding(facts: Facts, npu: Version, part: str, wanted: str, found: str, *, other: bool) -> Finding:
    return CAUSE.finding(
        facts,
        "torch-npu",
        evidence=(DISTRIBUTIONS, ASCEND_CANN) if part == "CANN" else (DISTRIBUTIONS,),
        severity=Severity.ERROR if other else Severity.WARNING,
        confidence=Confidence.MEDIUM,
        torch_npu=npu.text,
        part=part,
        wanted=wanted,
        found=found,
    )


def _plain(version: Version) -> str:
    return ".".join(str(number) for number in version.numbers[:3])


def _release(cann: Version) -> tuple[tuple[int, ...], int]:
    """Numbers without trailing zeros, and the release candidate: `8.3.RC1.alpha003` counts as `8.3.RC1`."""
    candidate = re.search(r"\.rc(\d+)", cann.text, re.IGNORECASE)
    numbers = list(cann.numbers)
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), int(candidate[1]) if candidate else 99


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The environment first, for it costs nothing; then one row of the table."""
    yield Remedy(
        why=say("Set CANN's environment in this shell, and in the service's unit or entry point as well."),
        commands=(
            "source /usr/local/Ascend/ascend-toolkit/set_env.sh",
            "source /usr/local/Ascend/nnal/atb/set_env.sh",
        ),
        safe=True,
    )
    cann = facts.get_value(ASCEND_CANN, None)
    torch = next((d.version for d in facts.get_value(DISTRIBUTIONS, ()) if d.name == "torch"), None)
    row = _row(cann, torch) if cann is not None else None
    if row is not None:
        yield Remedy(
            why=say("Install the torch-npu that was made for CANN {cann}, with its PyTorch.", cann=row.cann),
            commands=(pip_install(facts, f"torch=={row.torch}", f"torch-npu=={row.torch_npu}"),),
        )
    else:
        yield Remedy(
            why=say("Show the versions of driver, CANN and packages, and compare them with torch-npu's table."),
            commands=(
                "cat /usr/local/Ascend/driver/version.info /usr/local/Ascend/ascend-toolkit/latest/*/*install.info",
                "pip list | grep -i torch",
            ),
            safe=True,
        )


def _row(cann: Version, torch: Version | None) -> Pair | None:
    fitting = [row for row in Knowledge().ascend_table() if _release(row.cann) == _release(cann)]
    same = [row for row in fitting if torch is not None and row.torch.numbers[:3] == torch.numbers[:3]]
    return next(iter(same or fitting), None)

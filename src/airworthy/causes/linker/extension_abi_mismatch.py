"""A compiled extension was built against another framework, Python or C++ ABI.

## What happens

Importing a package with compiled code fails with an undefined symbol, often a long mangled name that begins with
`_ZN3c10` or `_ZN2at`; or it imports and its operators are not there: `operator torchvision::nms does not exist`.

## Why

Compiled code calls functions of PyTorch, of Python or of the C++ library by names that hold their exact types. The
framework was upgraded and the extension was not (or the other way round), a wheel for another release of PyTorch
was taken, or one with the other of the two C++ string ABIs (`cxx11abiTRUE`, `cxx11abiFALSE`). torchvision and
torchaudio fit one release of torch each; flash-attn's wheels bear the release in their names; what was built from
source fits what was installed then.

## How to end it

Install the extension's release that was made for this framework, or build it again here. pip keeps built wheels in its
cache: `--no-cache-dir` matters.

## How to prevent it

Upgrade a framework and its extensions in one step, from one lock.

## Example

```
ImportError: /opt/venv/lib/python3.11/site-packages/flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: undefined symbol:
_ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE
```

## References

- https://github.com/pytorch/vision#installation
- https://github.com/huggingface/open-r1/issues/684
- https://gcc.gnu.org/onlinedocs/libstdc++/manual/using_dual_abi.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.causes.requirements import named, pins
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS
from airworthy.core.messages import say
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge
from airworthy.knowledge.answers import TableAnswer, exact

# Ascend's stack says the same when its parts do not match; that has an entry of its own.
_NOT_ASCEND = r"^(?!.*(?:[Aa]scend|torch_npu)).*?"
_BINARY = r"(?:(?P<binary>[\w.+-]{1,120}\.(?:so|pyd|dylib)[\w.]{0,20}): )?"

CAUSE = Cause(
    slug="extension-abi-mismatch",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS,),
    message="{extension} {version} was built for torch {wanted}, and {found} is installed",
    signatures=(
        Signature(
            "undefined symbol: _Z",
            _NOT_ASCEND + _BINARY + r"undefined symbol: (?P<symbol>_Z\w{1,400})",
            message="{binary} was built against another version of what it calls",
        ),
        Signature("undefined symbol: _Z", _NOT_ASCEND + "undefined symbol: _Z"),
        Signature("undefined symbol: ", r"undefined symbol: _?Py[A-Z_]\w*"),
        Signature("undefined symbol: ", r"undefined symbol: (?:aoti_torch|THP|THC|torch_)\w*"),
        Signature("Symbol not found: ", r"Symbol not found: \(?_{1,3}Z\w+"),
        Signature("symbol not found in flat namespace", r"flat namespace \(?'?_{1,3}(?:Z|Py)\w+"),
        Signature("operator torchvision::nms does not exist"),
        Signature("Couldn't load custom C++ ops"),
        Signature("xFormers can't load C++/CUDA extensions"),
        Signature("Python version mismatch: module was compiled for Python"),
        Signature(
            "cannot open shared object file",
            r"(?P<library>lib(?:torch\w*|c10\w*|tensorflow_framework)\.so(?:\.\d+)?): cannot open",
            message="the extension looks for {library}, which this build of the framework does not have",
        ),
        Signature("does not define module export function (PyInit_", weight=0.95),
        Signature("PyTorch and torchvision were compiled with different CUDA", weight=0.95),
        Signature("PyTorch and TorchAudio were compiled with different CUDA", weight=0.95),
        Signature("'_OpNamespace'", r"'_OpNamespace' '\w{1,60}' object has no attribute", weight=0.9),
        Signature("No module named 'vllm._C'", weight=0.9),
        Signature("undefined symbol: ", _NOT_ASCEND + r"undefined symbol: (?!cudnn)\w+", weight=0.8),
        Signature("undefined symbol: ", r"undefined symbol: (?!cudnn)\w+", weight=0.7),
        Signature("cannot import name '_C'", weight=0.7),
    ),
    blind_spot="facts cover the pairs that are in the tables, and not every symbol",
    related=("cuda-symbol-mismatch", "numpy-abi", "libstdcxx-too-old", "cuda-toolkit-torch-mismatch"),
)

_COMPILED = frozenset(
    (
        "auto-gptq",
        "causal-conv1d",
        "flash-attn",
        "flashinfer-python",
        "lmdeploy",
        "mamba-ssm",
        "sgl-kernel",
        "torch-cluster",
        "torch-scatter",
        "torch-sparse",
        "torchaudio",
        "torchvision",
        "vllm",
        "xformers",
    )
)
"""Packages whose compiled code calls PyTorch by its C++ names."""
_TAG = re.compile(r"(?:torch|pt)(\d\.?\d{1,2})")
"""The release of torch in a local version: `cu12torch2.6cxx11abiFALSE`, `pt21cu121`."""
_ABI = re.compile(r"cxx11abi(TRUE|FALSE)")
_DEFAULT_ABI_CHANGED = Version("2.7")
"""PyTorch's wheels have the new C++ ABI from this release on."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the torch that each extension was built for, by what it says itself, with the one installed."""
    distributions = facts.value(DISTRIBUTIONS)
    torch = named(distributions, "torch")
    if torch is None:
        return
    undecided = ""
    for each in distributions:
        if each.name not in _COMPILED:
            continue
        answer = _built_for(each, known)
        wanted = answer.value
        if wanted is None and answer.row is not None:
            undecided = answer.reason
        if wanted is not None and (wanted.major, wanted.minor) != (torch.version.major, torch.version.minor):
            yield _finding(facts, each, wanted.text, torch)
        elif _other_abi(each, torch.version):
            yield _finding(facts, each, say("with the other C++ ABI"), torch)
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _built_for(extension: Distribution, known: Knowledge) -> TableAnswer[Version]:
    pinned = pins(extension).get("torch")
    if pinned is not None:
        return exact(pinned)
    tag = _TAG.search(extension.version.local)
    if tag:
        return exact(Version(tag[1] if "." in tag[1] else f"{tag[1][0]}.{tag[1][1:]}"))
    return known.torch_for(extension.name, extension.version)


def _other_abi(extension: Distribution, torch: Version) -> bool:
    match = _ABI.search(extension.version.local)
    # Only PyTorch's own wheels have the ABI that their release stands for; a maker's build says so by its local part.
    if match is None or not re.fullmatch(r"(?:cu\d{3}|cpu)?", torch.local):
        return False
    new = (torch.major, torch.minor) >= (_DEFAULT_ABI_CHANGED.major, _DEFAULT_ABI_CHANGED.minor)
    return (match[1] == "TRUE") != new


def _finding(facts: Facts, extension: Distribution, wanted: str, torch: Distribution) -> Finding:
    return CAUSE.finding(
        facts,
        extension.name,
        evidence=(DISTRIBUTIONS,),
        extension=extension.name,
        version=extension.version.text,
        wanted=wanted,
        found=torch.version.text,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The release that fits; failing that, a new build."""
    extension = str(params.get("extension", ""))
    companion = Knowledge().companion_of(extension, Version(str(params["found"]))) if extension else None
    if companion is not None:
        yield Remedy(
            why=say("Install the release of {extension} that was built for this torch.", extension=extension),
            commands=(pip_install(facts, f"{extension}=={companion}.*"),),
        )
    elif extension:
        yield Remedy(
            why=say("Build it again against the torch that is installed; no wheel from the cache is taken."),
            commands=(
                pip_install(
                    facts, "--force-reinstall", "--no-deps", "--no-cache-dir", "--no-build-isolation", extension
                ),
            ),
        )
    else:
        yield Remedy(
            why=say("See which packages do not fit each other, then install extension and framework in one step."),
            commands=("pip check", "pip list | grep -i -E 'torch|flash|vllm|xformers'"),
            safe=True,
        )

"""An import or attribute is gone: two packages' versions do not fit.

## What happens

Importing a package, or the first call into another one, fails: `cannot import name 'cached_download' from
'huggingface_hub'`, `module 'numpy' has no attribute 'float'`, `got an unexpected keyword argument`.

## Why

Libraries remove and rename things between releases. A package that was written for the older release and does not
say so in its requirements (or was installed over them) meets the newer one. The name that is missing is in the
package that moved on; the file that asks for it is in the one that did not.

## How to end it

Upgrade the package that asks. Where it has no newer release, go back to a release of the other one that still has
the name: the traceback's last line names both.

## How to prevent it

Install from a lock that was tested as a whole. Give your own package an upper bound on the major version of what it
uses.

## Example

```
  File "/opt/venv/lib/python3.11/site-packages/diffusers/utils/dynamic_modules_utils.py", line 28, in <module>
    from huggingface_hub import cached_download, hf_hub_download, model_info
ImportError: cannot import name 'cached_download' from 'huggingface_hub'
```

## References

- https://github.com/databricks/databricks-ml-examples/issues/108
- https://numpy.org/doc/stable/numpy_2_0_migration_guide.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import contradict, needs, takes
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

# A module that lies in a package that is there: the package moved it.
_MOVED = (
    r"No module named '(?P<name>torchvision\.transforms\.functional_tensor|torch\._six|torch\.utils\.\w+"
    r"|tensorflow\.(?:contrib|compat|keras|python)[\w.]*|keras\.[\w.]+"
    r"|(?:transformers|diffusers|accelerate|peft|huggingface_hub|vllm|sglang|pytorch_lightning|langchain|llama_index"
    r"|openai|gradio|scipy|pandas|numpy\.(?!_core)|triton)\.?[\w.]*\.[\w.]+)'"
)

CAUSE = Cause(
    slug="api-removed",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    uses=(OS_KERNEL, CPU_ARCHITECTURE),
    message="{by} {by_version} asks for {requirement}, and {name} {installed} is installed",
    signatures=(
        Signature("but this is no longer supported in openai"),
        Signature("was removed in the NumPy 2.0 release", weight=0.95),
        Signature("No module named '", _MOVED, weight=0.9, message="the installed packages no longer have {name}"),
        Signature(
            "cannot import name '",
            r"cannot import name '(?P<name>[^'\n]{1,100})' from '(?P<module>[\w.]{1,100})'",
            weight=0.87,
            message="{module} has no {name} in the installed release",
        ),
        Signature(
            "is required for a normal functioning of this module",
            r"(?P<requirement>[\w.<>=!~,\[\]-]{1,100}) is required for a normal functioning of this module,? but found "
            r"(?P<installed>[\w.=+-]{1,60})",
            weight=0.87,
            message="{requirement} is requested, and {installed} is installed",
        ),
        Signature(
            "has no attribute '",
            r"(?:AttributeError: |^|[\s('])(?:partially initialized )?"
            r"module '(?P<module>[\w.]{1,100})' has no attribute "
            r"'(?P<name>\w{1,80})'",
            weight=0.82,
            message="{module} has no {name} in the installed release",
        ),
        Signature(
            "cannot import name",
            r"ImportError: cannot import name '?(?P<name>\w{1,100})",
            weight=0.8,
            message="{name} can no longer be imported",
        ),
        Signature(
            "got an unexpected keyword argument",
            r"TypeError: .{0,200}unexpected keyword argument '(?P<name>\w{1,80})'",
            weight=0.7,
            message="the installed release does not take the argument {name}",
        ),
        Signature("Keras is Keras 3, but this is not yet supported", weight=0.95),
        Signature("deprecated and has been removed", weight=0.7),
        Signature(
            "has no attribute",
            r"AttributeError: (?!.*(?:NoneType|'str' object|'dict' object|'list' object|'tuple' object|'int' object))"
            r"(?:'(?P<type>[\w.]{1,100})' object|(?P<kind>[A-Z]\w{1,80})) has no attribute '?(?P<name>\w{1,80})",
            weight=0.5,
        ),
    ),
    blind_spot="facts cover the moves that are in the tables, and not every name",
    related=("numpy-abi", "package-missing", "resolution-impossible", "extension-abi-mismatch"),
)

_OTHERS = frozenset({"protobuf"})
"""Packages whose mismatch has a name of its own."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Installed packages whose version lies outside of what another one asks for."""
    installed = {each.name: each.version for each in facts.value(DISTRIBUTIONS)}
    asked: dict[str, set[str]] = {}
    for need in needs(facts):
        asked.setdefault(need.name, set()).add(need.specifier)
    told: set[tuple[str, str]] = set()
    for need in needs(facts):
        version = installed.get(need.name)
        if (
            version is None
            or need.name in _OTHERS
            or takes(need.specifier, version)
            or (need.by.name, need.name) in told
        ):
            continue
        if any(contradict((need.specifier, other)) for other in asked[need.name]):
            continue  # resolution-impossible
        told.add((need.by.name, need.name))
        yield CAUSE.finding(
            facts,
            need.by.name,
            evidence=(DISTRIBUTIONS,),
            # Bounds are often tighter than what would work; this pair is untested, that is all that is sure.
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
            by=need.by.name,
            by_version=need.by.version.text,
            requirement=need.text,
            name=need.name,
            installed=version.text,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The version that is requested, or a newer release of the one that asks."""
    requirement, by = str(params.get("requirement", "")), str(params.get("by", ""))
    if requirement:
        yield Remedy(
            why=say("Install the version that is requested; check first what else uses it.")
            if not by
            else say("Install the version that {by} asks for; check first what else uses it.", by=by),
            commands=(pip_install(facts, requirement),),
        )
    if by:
        yield Remedy(
            why=say("A newer release of {by} may take the version that is installed.", by=by),
            commands=(pip_install(facts, "--upgrade", by),),
        )
        return
    module = str(params.get("module", "")).partition(".")[0]
    yield Remedy(
        why=say("Upgrade the package whose file asks for the name, the one above the traceback's last line; or keep ")
        + (
            say("{module} at a release that still has it.", module=module)
            if module
            else say("the other at an older one.")
        ),
    )
    yield Remedy(
        why=say("List the packages whose requirements are not met."),
        commands=(python(facts, "-m", "pip", "check"),),
        safe=True,
    )

"""The requirements contradict each other: no set of versions satisfies all.

## What happens

The installer stops without installing anything: `ResolutionImpossible`, `No solution found`, `version solving
failed`, `UnsatisfiableError`. Where two steps installed one after the other, the second one wins, and the first
one's packages run with versions that they refuse.

## Why

Two packages ask for ranges of a third that have no version in common, or a pin of your own lies outside of what
something else asks for. Frameworks are pinned tightly by what is compiled against them, so two serving packages in
one environment often can't agree.

## How to end it

Read which two packages disagree. Loosen the pin that is yours, move one of the two to a release that agrees, or
give each an environment of its own.

## How to prevent it

Resolve everything in one step and keep the result as a lock; install from the lock. Never install a second set on
top of a first one.

## Example

```
ERROR: Cannot install mlx-audio==0.2.10 and vllm-mlx==0.2.3 because these package versions have conflicting
dependencies.
The conflict is caused by:
    vllm-mlx 0.2.3 depends on mlx-lm>=0.30.2
    mlx-audio 0.2.10 depends on mlx-lm<0.30.0 and >=0.18.0
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
```

## References

- https://pip.pypa.io/en/stable/topics/dependency-resolution/
- https://docs.astral.sh/uv/concepts/resolution/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from airworthy.causes.commands import python
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.requirements import PackageRequirement, contradict, needs
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="resolution-impossible",
    severity=Severity.ERROR,
    needs=(DISTRIBUTIONS, PYTHON_VERSION),
    uses=(OS_KERNEL, CPU_ARCHITECTURE),
    message="{first} asks for {first_wants} and {second} for {second_wants}: no version of {name} satisfies both",
    signatures=(
        Signature("ResolutionImpossible"),
        Signature("because these package versions have conflicting dependencies"),
        Signature("ResolutionTooDeep"),
        Signature("UnsatisfiableError: The following specifications"),
        Signature("The conflict is caused by:", weight=0.95),
        Signature("but none of the providers can be installed", weight=0.9),
        Signature("it conflicts with any installable versions", weight=0.9),
        Signature("cannot install both", weight=0.9),
        Signature("version solving failed", weight=0.85),
        Signature("SolverProblemError", weight=0.8),
        Signature("depends on", r"depends on .{1,200} and .{1,200} depends on", weight=0.8),
        Signature("we can conclude that", r"conclude that .{0,400}(?:are|is) incompatible", weight=0.75),
        # Headings that stand above any reason, a version that does not exist among them.
        Signature("The following packages are incompatible", weight=0.5),
        Signature("UnsatisfiableError", r"LibMambaUnsatisfiableError|libmamba UnsatisfiableError", weight=0.45),
        Signature("Could not solve for environment specs", weight=0.45),
        Signature("No solution found when resolving", weight=0.45),
        Signature("requirements are unsatisfiable", weight=0.45),
        Signature("VersionConflict", r"(?:Contextual)?VersionConflict: \(", weight=0.8),
        Signature("is the source of the following dependency conflicts", weight=0.6),
        Signature(
            " has requirement ",
            r"^(?P<first>[\w.-]{1,80}) (?P<first_version>\d\S{0,40}) has requirement (?P<wanted>\S[^\n]{0,200}), "
            r"but you have (?P<name>[\w.-]{1,80}) (?P<installed>\d\S{0,60}?)\.?\s*$",
            weight=0.6,
            message="{first} {first_version} asks for {wanted}, and {name} {installed} is installed",
        ),
        Signature(
            "which is incompatible",
            r"(?P<first>[\w.-]{1,80}) (?P<first_version>\d\S{0,40}) (?:requires|has requirement) "
            r"(?P<wanted>[^,\n]{1,200}(?:,[<>=!~][^,\n]{1,60}){0,5}), but you(?:'ll)? have (?P<name>[\w.-]{1,80}) "
            r"(?P<installed>\S{1,60}) which is incompatible",
            weight=0.6,
            message="{first} {first_version} asks for {wanted}, and {name} {installed} is installed",
        ),
    ),
    related=("no-matching-distribution", "python-version-unsupported", "api-removed"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Ranges that installed packages ask for and that have no version in common; one of them goes without."""
    asked: dict[str, dict[str, PackageRequirement]] = {}
    for need in needs(facts):
        if need.specifier:
            asked.setdefault(need.name, {}).setdefault(need.specifier, need)
    for name, wants in sorted(asked.items()):
        pair = next(
            (two for two in combinations(wants.values(), 2) if contradict(each.specifier for each in two)), None
        )
        if pair is None:
            continue
        first, second = pair
        yield CAUSE.finding(
            facts,
            name,
            evidence=(DISTRIBUTIONS,),
            # It is installed, so a user installed it in spite of it; often only a part of one package is affected.
            severity=Severity.WARNING,
            name=name,
            first=first.by.name,
            first_wants=first.text,
            second=second.by.name,
            second_wants=second.text,
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Show who asks for what, then part them."""
    yield Remedy(
        why=say("List what each installed package asks for and does not get."),
        commands=(python(facts, "-m", "pip", "check"),),
        safe=True,
    )
    first, second = params.get("first"), params.get("second")
    if first and second:
        yield Remedy(
            why=say(
                "Move {first} or {second} to a release that agrees with the other, or give each an environment of "
                "its own.",
                first=first,
                second=second,
            )
        )
    else:
        yield Remedy(
            why=say("Loosen the pin that is yours, or give the packages that disagree an environment each."),
        )

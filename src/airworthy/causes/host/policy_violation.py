"""The settings do not allow this accelerator or driver.

## What happens

`airworthy check` ends with an error that names the device or driver and what is allowed instead. Nothing else need be
wrong: the model may well run.

## Why

The table `[policy]` of `airworthy.toml` lists the accelerators and drivers that a team has tried and supports, and
this machine has another: a node of another pool, a card that was replaced, a driver that updated itself.

## How to end it

Deploy to a machine with a device on the list, or leave the other one out with `CUDA_VISIBLE_DEVICES`. After trying the
new device or driver, add it to the list.

## How to prevent it

Select nodes by label, and hold the driver's package at its version.

## Example

```
policy-violation  NVIDIA GeForce RTX 3090
    NVIDIA GeForce RTX 3090 is not among what the settings allow: H100, A100
```

## References

- https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
- https://docs.nvidia.com/datacenter/tesla/drivers/index.html
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CUDA_VISIBLE, DEVICES, DRIVERS, NVIDIA_DEVICES, POLICY
from airworthy.core.messages import say
from airworthy.core.settings import DRIVER
from airworthy.core.values import Device
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="policy-violation",
    severity=Severity.ERROR,
    needs=(POLICY,),
    uses=(*DEVICES, *DRIVERS, CUDA_VISIBLE),
    message="{what} is not among what the settings allow: {allowed}",
    signatures=(
        Signature(
            "is not among what the settings allow",
            r"(?P<what>\S[^\n]{1,80}?) is not among what the settings allow: (?P<allowed>[^\n]{1,200})",
        ),
    ),
    related=("requirement-unmet", "driver-too-old", "no-kernel-image"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Every device that may be used, and every driver, against the lists."""
    policy = facts.value(POLICY)
    undecided = ""
    for key in DEVICES if policy.accelerators else ():
        fact = facts.fact(key)
        if isinstance(fact, Unknown) and key.name in facts:  # older facts files know fewer makers
            undecided = undecided or say("{fact} is unknown: {reason}", fact=key.name, reason=fact.reason)
        for device in facts.get_value(key, ()):
            if _used(device, key is NVIDIA_DEVICES, facts) and not _allowed(device, policy.accelerators):
                yield CAUSE.finding(
                    facts, device.name, evidence=(POLICY, key), what=device.name, allowed=policy.accelerators
                )
    for driver in DRIVERS if policy.drivers else ():
        maker = driver.name.partition(".")[0]
        version = facts.get_value(driver, None)
        parsed = [match for text in policy.drivers if (match := DRIVER.fullmatch(text.strip())) is not None]
        about = [match for match in parsed if (match["maker"] or maker).lower() == maker]
        if version is not None and about and not any(_takes(match, version) for match in about):
            what = say("the {maker} driver {version}", maker=maker, version=version)
            yield CAUSE.finding(facts, what, evidence=(POLICY, driver), what=what, allowed=policy.drivers)
    if undecided:
        raise Undecidable("{reason}", reason=undecided)


def _used(device: Device, nvidia: bool, facts: Facts) -> bool:
    visible = facts.get_value(CUDA_VISIBLE, None) if nvidia else None
    if visible is None or not re.fullmatch(r"\d{1,4}(,\d{1,4}){0,63}", visible):
        return True
    return str(device.index) in visible.split(",")


def _allowed(device: Device, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern names the device: by maker, architecture, name, or words of its name."""
    name = device.name.lower()
    for pattern in (each.strip().lower() for each in patterns):
        if pattern in {device.vendor.lower(), device.architecture.lower()} or fnmatch.fnmatchcase(name, pattern):
            return True
        if re.search(rf"(?<![a-z0-9]){re.escape(pattern)}(?![a-z0-9])", name):
            return True
    return False


def _takes(match: re.Match[str], version: Version) -> bool:
    wanted = Version(match["version"])
    same = version.numbers[: len(wanted.numbers)] == wanted.numbers
    if match["compare"] in {None, "=", "=="}:
        return same
    less = version < wanted and not same
    return {">=": not less, ">": not less and not same, "<=": less or same, "<": less}[match["compare"]]


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another machine, or another list."""
    yield Remedy(why=say("Deploy to a machine with an allowed device and driver."))
    yield Remedy(
        why=say("Once it is tried and approved, add it to `[policy]` in airworthy.toml."),
    )

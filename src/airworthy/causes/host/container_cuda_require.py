"""The image's NVIDIA_REQUIRE_CUDA refuses this driver.

## What happens

The container does not start: `nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4`. Nothing of
the image has run yet.

## Why

Images that build on NVIDIA's carry a variable, `NVIDIA_REQUIRE_CUDA`, with conditions on the driver: `cuda>=12.4`, or,
for some brands of GPU, ranges of driver versions that may run it with the compatibility libraries. The container
toolkit compares them with the host's driver and refuses. The comparison knows nothing of minor-version
compatibility, so it also refuses drivers that would do: CUDA 12.4 code runs on 525.60.13, whose own CUDA is 12.0.

## How to end it

Update the driver on the machine, or take an image for an older CUDA. Where the driver is of the same CUDA series and
the program needs no PTX compiled, turn the check off with `NVIDIA_DISABLE_REQUIRE=1`.

## How to prevent it

Compare the image's variable with the oldest driver of the fleet before an image is rolled out.

## Example

```
nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your driver to a newer
version, or use an earlier cuda container: unknown.
```

## References

- https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#constraints
- https://github.com/NVIDIA/nvidia-container-toolkit/issues/152
- https://github.com/NVIDIA/nvidia-docker/issues/1442
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import windows_driver
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import CONTAINER_REQUIRE, NVIDIA_CUDA, NVIDIA_DEVICES, NVIDIA_DRIVER
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="container-cuda-require",
    severity=Severity.ERROR,
    needs=(CONTAINER_REQUIRE, NVIDIA_DRIVER),
    uses=(NVIDIA_CUDA, NVIDIA_DEVICES),
    message="the image demands {required!r}, and the driver is {driver} with CUDA {cuda}",
    signatures=(
        Signature(
            "unsatisfied condition: ",
            r"unsatisfied condition: (?P<condition>(?:cuda|driver|brand|arch)\s?[<>=!]{1,2}\s?[\w.]{1,20})",
            message="the image demands {condition}, and the host does not have it",
        ),
        Signature("nvidia-container-cli: requirement error"),
        Signature("unsatisfied condition: ", weight=0.9),
        Signature("requirements not met: ", r"(?:cuda|driver|NVIDIA_REQUIRE)", weight=0.9),
    ),
    related=("driver-too-old", "ptx-too-new", "forward-compat-misused", "container-no-gpu-runtime"),
)

_CONDITION = re.compile(r"(cuda|driver|brand|arch)(>=|<=|!=|=|>|<)([\w.]{1,20})")
_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One of the alternatives, which blanks part, must hold; in each, all conditions, which commas part."""
    driver = facts.value(NVIDIA_DRIVER)
    spoken = known.cuda_of_driver(driver, windows=windows_driver(facts))
    told = facts.get_value(NVIDIA_CUDA, None)
    cuda = told or spoken.value
    if cuda is None:
        raise Undecidable("which CUDA driver {driver} speaks is not known", driver=driver)
    required = facts.value(CONTAINER_REQUIRE)
    answers = [_holds(alternative, driver, cuda, facts) for alternative in required.split()]
    if not answers or True in answers:
        return
    if None in answers:
        raise Undecidable("whether a condition of {required} holds cannot be determined", required=required)
    if told is None and spoken.is_newest_row:
        raise Undecidable("{reason}", reason=spoken.reason)
    yield CAUSE.finding(
        facts,
        "NVIDIA_REQUIRE_CUDA",
        evidence=(CONTAINER_REQUIRE, NVIDIA_DRIVER),
        required=required,
        driver=driver.text,
        cuda=cuda.text,
        series=_same_series(required, driver, known),
    )


def _holds(alternative: str, driver: Version, cuda: Version, facts: Facts) -> bool | None:
    """Whether all conditions hold; None where a brand or an architecture decides and is not known."""
    unknown = False
    for text in alternative.split(","):
        match = _CONDITION.fullmatch(text)
        if match is None:
            unknown = True
            continue
        subject, comparison, value = match.groups()
        if subject in {"cuda", "driver"} and value[0].isdigit():
            if not _COMPARE[comparison](cuda if subject == "cuda" else driver, Version(value)):
                return False
        elif subject == "brand" and comparison == "=" and (brand := _brand(facts)):
            if brand != value:
                return False
        else:
            unknown = True
    return None if unknown else True


def _brand(facts: Facts) -> str:
    """The brand by the device's name, where the name leaves no doubt."""
    names = [device.name.removeprefix("NVIDIA ") for device in facts.get_value(NVIDIA_DEVICES, ())]
    if names and all(name.startswith("GeForce RTX") for name in names):
        return "geforcertx"
    if names and all(name.startswith("GeForce") for name in names):
        return "geforce"
    return ""


def _same_series(required: str, driver: Version, known: Knowledge) -> bool:
    """Whether the driver would run the image's CUDA all the same, PTX apart."""
    match = re.search(r"cuda>=(\d+\.\d+)", required)
    floor = known.minimum_driver(Version(match[1])) if match else None
    return floor is not None and driver >= floor


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """A newer driver; an older image; the switch, where the driver would do."""
    if params.get("series"):
        yield Remedy(
            why=say(
                "The driver is of the same CUDA series and would do, unless PTX must be compiled: turn the check off."
            ),
            commands=("docker run --gpus all -e NVIDIA_DISABLE_REQUIRE=1 IMAGE",),
            safe=True,
        )
    yield Remedy(why=say("Update the NVIDIA driver on the machine, not in the image, and restart it."))
    yield Remedy(
        why=say("Or take an image for an older CUDA; show what this one demands."),
        commands=("docker image inspect --format '{{json .Config.Env}}' IMAGE | tr ',' '\\n' | grep NVIDIA_",),
        safe=True,
    )

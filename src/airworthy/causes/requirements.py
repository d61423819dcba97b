"""Reading requirements as distributions write them: `torch==2.6.0 ; platform_system == "Linux"`."""

from __future__ import annotations

import re

from airworthy.core.values import Distribution
from airworthy.core.version import Version

_PIN = re.compile(r"([A-Za-z0-9][\w.-]{0,100})(?:\[[^\]]{0,100}\])?\s{0,4}\(?==\s{0,4}(\d[\w.!+-]{0,60})")


def pins(distribution: Distribution) -> dict[str, Version]:
    """The exact versions that a distribution asks for, by normalised name."""
    found: dict[str, Version] = {}
    for text in distribution.requires:
        match = _PIN.match(text)
        if match:
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = Version(match[2])
    return found


def named(distributions: tuple[Distribution, ...], name: str) -> Distribution | None:
    """The distribution of a name, where it is installed."""
    return next((each for each in distributions if each.name == name), None)

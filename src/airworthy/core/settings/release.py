"""`[release]`: what a version must have before it may be served, and how it is brought into service."""

from __future__ import annotations

from typing import Literal, get_args

from airworthy.core.settings.section import Number, Positive, Seconds, SecondsOrZero, Section, Share

Demand = Literal["scanned", "signed", "gated", "licence"]
DEMANDS: tuple[str, ...] = get_args(Demand)
"""What the policy can demand of a release."""


class ReleaseSettings(Section, frozen=True):
    """`[release]`: releases."""

    require: tuple[Demand, ...] = ("scanned",)
    """What a release must be before it is promoted: `scanned`, `signed`, `gated`, `licence`."""
    licences: tuple[str, ...] = ()
    """Licences that are allowed where `licence` is required; empty for any that is named."""
    warm_up: Positive = 8
    """Requests that a version answers, unseen by clients, before it gets traffic."""
    max_difference: Number = -1.0
    """The largest difference between its answers and those of the version before; below 0 it is reported alone."""
    keep_warm: SecondsOrZero = 3600.0
    """Seconds that the version before stays loaded for a roll-back; 0 unloads it at once."""
    samples: Positive = 100
    """Answers of each version before a canary or a shadow is judged."""
    observe: Seconds = 3600.0
    """Seconds after which a canary or a shadow without a verdict ends; the version before stays."""
    max_slowdown: Share = 0.25
    """The share by which a canary's median latency may exceed that of the version before."""

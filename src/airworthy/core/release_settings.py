"""`[release]`: what a version must have before it may be served, and how it is brought into service."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.section import Section

DEMANDS = ("scanned", "signed", "gated", "licence")
"""What the policy can demand of a release."""


class ReleaseSettings(Section, frozen=True):
    """`[release]`: releases."""

    require: tuple[str, ...] = ("scanned",)
    """What a release must be before it is promoted: `scanned`, `signed`, `gated`, `licence`."""
    licences: tuple[str, ...] = ()
    """Licences that are allowed where `licence` is required; empty for any that is named."""
    warm_up: int = 8
    """Requests that a version answers, unseen by clients, before it gets traffic."""
    max_difference: float = -1.0
    """The largest difference between its answers and those of the version before; below 0 it is reported alone."""
    keep_warm: float = 3600.0
    """Seconds that the version before stays loaded for a roll-back; 0 unloads it at once."""
    samples: int = 100
    """Answers of each version before a canary or a shadow is judged."""
    observe: float = 3600.0
    """Seconds after which a canary or a shadow without a verdict ends; the version before stays."""
    max_slowdown: float = 0.25
    """The share by which a canary's median latency may exceed that of the version before."""


def problems_of(settings: ReleaseSettings) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings of releases, and what to write instead."""
    for demand in settings.require:
        if demand not in DEMANDS:
            yield (
                say("`release.require` holds {demand!r}", demand=demand),
                say("give some of {known}", known=DEMANDS),
            )
    for name in ("keep_warm", "max_slowdown"):
        if not 0 <= getattr(settings, name) < float("inf"):
            yield say("`release.{name}` must be a number from 0 up", name=name), say("give 0 or more")
    for name in ("warm_up", "samples", "observe"):
        if not 0 < getattr(settings, name) < float("inf"):
            yield say("`release.{name}` must be a number above 0", name=name), say("give a larger number")

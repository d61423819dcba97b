"""The answer of `audit-deps`."""

from __future__ import annotations

from typing import Literal, Optional

import msgspec

from airworthy.core.report import VerbAnswer
from airworthy.environment.audit.judgement import LicenseProblem, UnansweredRelease, Unmaintained, Vulnerability, Yanked


class AskedSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A source and how much it answered."""

    source: str
    """A path or an address."""
    answered: int
    """Releases that it answered about."""
    unavailable: int
    """Releases that it could not be asked about."""
    taken: str = ""
    """When its newest advisory was changed; empty for a service."""
    age_days: Optional[float] = None
    """How old that is, in days."""
    broken: int = 0
    """Advisories that could not be read."""


class Raised(msgspec.Struct, frozen=True):
    """A package that was raised to a version that no advisory is about."""

    package: str
    """The package."""
    old: str
    """Its version before."""
    new: str
    """Its version now."""


class Blocked(msgspec.Struct, frozen=True):
    """A package that could not be raised."""

    package: str
    """The package."""
    version: str
    """Its version."""
    tried: tuple[str, ...]
    """The fixed versions that were tried."""
    why: str
    """What is in the way: the resolver's derivation, or that no fix is published."""


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What `--fix` did."""

    raised: tuple[Raised, ...]
    """What was raised in the lock."""
    blocked: tuple[Blocked, ...]
    """What could not be."""
    written: bool
    """Whether the lock was replaced."""
    restored: bool
    """Whether the new lock was restored to an environment of its own, to prove it."""


class AuditAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `audit-deps`."""

    verdict: Literal["clean", "affected", "unknown"]
    """`affected` with a finding that is not suppressed; `unknown` where something could not be asked; else `clean`."""
    of: str
    """The environment or lock."""
    releases: int
    """Releases that were asked about."""
    sources: tuple[AskedSource, ...]
    """The sources."""
    vulnerabilities: tuple[Vulnerability, ...] = ()
    """Advisories about releases, suppressed ones among them."""
    licenses: tuple[LicenseProblem, ...] = ()
    """Licences that the policy does not take, or does not know."""
    yanked: tuple[Yanked, ...] = ()
    """Withdrawn releases."""
    unmaintained: tuple[Unmaintained, ...] = ()
    """Packages without a release for longer than the settings allow."""
    unknown: tuple[UnansweredRelease, ...] = ()
    """Releases about which nothing is known, with the reason."""
    repair: Optional[Repair] = None
    """What was raised and what could not be, with `--fix`."""
    sbom: str = ""
    """The bill of materials that was written."""

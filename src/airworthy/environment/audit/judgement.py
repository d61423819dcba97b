"""The audit itself: releases, what sources said of them, policy and suppressions; a verdict that fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from airworthy.core.messages import say
from airworthy.environment.audit.advisories import (
    Advisory,
    fixed_versions,
    is_affected,
    matches,
    merged,
)
from airworthy.environment.audit.policy import Suppression, license_of, permitted
from airworthy.environment.audit.sources import Release, SourceAnswer


class Vulnerability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release that an advisory is about."""

    package: str
    """The package."""
    version: str
    """Its version."""
    id: str
    """The advisory."""
    aliases: tuple[str, ...] = ()
    """Its other names."""
    summary: str = ""
    """One line about it."""
    severity: str = ""
    """How severe its publisher says it is."""
    fixed: str = ""
    """The smallest version that no known advisory is about; empty where none is named."""
    sources: tuple[str, ...] = ()
    """Which sources named it."""
    suppressed: str = ""
    """Why it is accepted, and until when; empty where it is not."""
    expired: str = ""
    """The suppression that has ended; empty where there is none."""


class LicenseProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A licence that the policy does not take, or does not know."""

    package: str
    """The package."""
    license: str
    """The licence as its metadata names it; empty where it names none."""
    known: bool
    """Whether it is understood; one that is not is neither allowed nor denied."""


class Yanked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A withdrawn release."""

    package: str
    """The package."""
    version: str
    """Its version."""
    reason: str = ""
    """The publisher's reason."""


class UnansweredRelease(msgspec.Struct, frozen=True):
    """A release about which nothing is known."""

    package: str
    """The package."""
    version: str
    """Its version."""
    reason: str
    """Why."""


class Unmaintained(msgspec.Struct, frozen=True):
    """A package that had no release for long."""

    package: str
    """The package."""
    newest: str
    """When it was released last, ISO 8601."""
    days: int
    """How long ago that is."""


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found."""

    vulnerabilities: tuple[Vulnerability, ...]
    """By package."""
    licenses: tuple[LicenseProblem, ...]
    """By package."""
    yanked: tuple[Yanked, ...]
    """By package."""
    unknown: tuple[UnansweredRelease, ...]
    """By package."""


def audit(
    releases: Sequence[Release],
    answers: Iterable[SourceAnswer],
    *,
    licenses: dict[str, str] | None = None,
    allowed: Sequence[str] = (),
    denied: Sequence[str] = (),
    suppressions: Iterable[Suppression] = (),
    today: date,
) -> Audited:
    """Compare releases with what sources said; a source that did not answer about one leaves it unknown."""
    answers, suppressions = tuple(answers), tuple(suppressions)
    found: list[Vulnerability] = []
    unknown: list[UnansweredRelease] = []
    yanked: list[Yanked] = []
    for release in releases:
        reasons = []
        hits: dict[int, tuple[Advisory, str]] = {}
        everything: list[Advisory] = []
        for answer in answers:
            if release.name in answer.unavailable:
                reasons.append(answer.unavailable[release.name])
            elif release.name not in answer.advisories:
                reasons.append(say("{source} was not asked", source=answer.source))
            advisories = answer.advisories.get(release.name, ())
            everything += advisories
            affected, undecided = matches(advisories, release.name, release.version)
            hits.update({id(each): (each, answer.source) for each in affected})
            reasons += [say("{id} does not say whether it is about it", id=each.id) for each in undecided]
            reason = answer.yanked.get(f"{release.name}=={release.version}")
            if reason is not None:
                yanked.append(Yanked(release.name, release.version, reason))
        if not answers:
            reasons.append(say("no source was asked"))
        by_source = {id(each): source for each, source in hits.values()}
        for group in merged(each for each, _ in hits.values()):
            names = tuple(dict.fromkeys(by_source[id(each)] for each in group))
            found.append(_vulnerability(release, group, everything, names, suppressions, today))
        if reasons:
            unknown.append(UnansweredRelease(release.name, release.version, reasons[0]))
    return Audited(
        vulnerabilities=tuple(sorted(found, key=lambda each: (each.package, each.id))),
        licenses=_licenses(licenses or {}, allowed, denied),
        yanked=tuple(yanked),
        unknown=tuple(unknown),
    )


def _vulnerability(
    release: Release,
    group: list[Advisory],
    everything: list[Advisory],
    sources: tuple[str, ...],
    suppressions: tuple[Suppression, ...],
    today: date,
) -> Vulnerability:
    names = tuple(dict.fromkeys(name for each in group for name in (each.id, *each.aliases)))
    accepted = [each for each in suppressions if each.advisory in names and each.package in {"", release.name}]
    current = next((each for each in accepted if each.until >= today), None)
    old = next((each for each in accepted if each.until < today), None)
    return Vulnerability(
        package=release.name,
        version=release.version,
        id=group[0].id,
        aliases=names[1:],
        summary=next((each.summary for each in group if each.summary), ""),
        severity=next((each.severity for each in group if each.severity), ""),
        fixed=smallest_fixed(release, everything),
        sources=sources,
        suppressed=say("until {until}: {reason}", until=current.until, reason=current.reason) if current else "",
        expired=say("since {until}: {reason}", until=old.until, reason=old.reason) if old and not current else "",
    )


def candidates(release: Release, advisories: Iterable[Advisory]) -> tuple[str, ...]:
    """Versions above a release that advisories name as fixed, and that none is about; the lowest first."""
    from packaging.version import Version

    advisories = tuple(each for each in advisories if not each.withdrawn)
    named = {text for each in advisories for text in fixed_versions(each, release.name, release.version)}
    free = [
        text
        for text in named
        if not any(
            is_affected(text, affected)
            for each in advisories
            for affected in each.affected
            if affected.package == release.name
        )
    ]
    return tuple(sorted(free, key=Version))


def smallest_fixed(release: Release, advisories: Iterable[Advisory]) -> str:
    """The lowest of the candidates; empty where there is none."""
    return next(iter(candidates(release, advisories)), "")


def _licenses(licenses: dict[str, str], allowed: Sequence[str], denied: Sequence[str]) -> tuple[LicenseProblem, ...]:
    if not allowed and not denied:
        return ()
    found = []
    for name, text in sorted(licenses.items()):
        expression = license_of(text)
        if not expression:
            found.append(LicenseProblem(name, text[:200], known=False))
        elif not permitted(expression, allowed, denied):
            found.append(LicenseProblem(name, expression, known=True))
    return tuple(found)

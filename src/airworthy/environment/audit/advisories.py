"""Advisories in the form of the Open Source Vulnerability schema, and which versions they are about.

https://ossf.github.io/osv-schema/; versions are ordered by the rules of Python packages (PEP 440).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from packaging.version import InvalidVersion, Version

from airworthy.causes.requirements import normalise

ECOSYSTEM = "PyPI"
"""The ecosystem whose entries count."""
_ORDERED = ("ECOSYSTEM", "SEMVER")
"""Kinds of ranges that are about version numbers; `GIT` is about commits."""


class AffectedRange(msgspec.Struct, frozen=True):
    """Versions between events, in the order in which the events stand among the versions."""

    events: tuple[tuple[str, str], ...]
    """Pairs of an event (`introduced`, `fixed`, `last_affected`, `limit`) and its version."""


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """What an advisory says of one package."""

    package: str
    """Its normalised name."""
    ranges: tuple[AffectedRange, ...] = ()
    """The affected ranges."""
    versions: tuple[str, ...] = ()
    """Affected versions that are listed one by one."""
    decidable: bool = True
    """Whether it says anything about version numbers at all."""


class Advisory(msgspec.Struct, frozen=True, kw_only=True):
    """One advisory."""

    id: str
    """Its name, `GHSA-462w-v97r-4m45`."""
    aliases: tuple[str, ...] = ()
    """Its names elsewhere, `CVE-2019-10906`."""
    summary: str = ""
    """One line about it."""
    severity: str = ""
    """`CRITICAL`, `HIGH`, `MODERATE`, `LOW` as its publisher says; empty where it does not."""
    modified: str = ""
    """When it was changed last, ISO 8601."""
    withdrawn: bool = False
    """Whether its publisher took it back."""
    affected: tuple[Affected, ...] = ()
    """The packages that it is about."""


class AdvisoryInvalid(ValueError):
    """A document that is no advisory."""


def parse_advisory(document: Any) -> Advisory:
    """Read an advisory from its JSON document; entries about other ecosystems are left out.

    Raises:
        AdvisoryInvalid: it is none, or its parts are not what the schema says.
    """
    try:
        specific = document.get("database_specific") or {}
        return Advisory(
            id=_text(document["id"]),
            aliases=tuple(_text(each) for each in document.get("aliases") or ()),
            summary=_text(document.get("summary") or document.get("details") or "").strip().partition("\n")[0][:300],
            severity=str(specific.get("severity") or "").upper() if isinstance(specific, Mapping) else "",
            modified=_text(document.get("modified") or document.get("published") or ""),
            withdrawn=bool(document.get("withdrawn")),
            affected=tuple(
                _affected(each)
                for each in document.get("affected") or ()
                if str((each.get("package") or {}).get("ecosystem", "")).partition(":")[0] == ECOSYSTEM
            ),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise AdvisoryInvalid(f"{type(error).__name__}: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r:.40}")
    return value


def _affected(entry: Mapping[str, Any]) -> Affected:
    ranges = []
    for each in entry.get("ranges") or ():
        if each.get("type") in _ORDERED:
            events = [(str(kind), _text(at)) for event in each.get("events") or () for kind, at in event.items()]
            ranges.append(AffectedRange(tuple(events)))
    versions = tuple(_text(each) for each in entry.get("versions") or ())
    return Affected(
        package=normalise(_text(entry["package"]["name"])),
        ranges=tuple(ranges),
        versions=versions,
        decidable=bool(ranges or versions),
    )


@functools.lru_cache(maxsize=65536)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_affected(version: str, affected: Affected) -> bool | None:
    """Whether a version is affected; None where that can't be decided, because a number can't be read.

    A version that is listed is affected, whatever the ranges say; an unreadable event leaves its range undecided.
    """
    at = _version(version)
    listed = {_version(each) for each in affected.versions} - {None}
    if version in affected.versions or (at is not None and at in listed):
        return True
    if at is None or not affected.decidable:
        return None
    undecided = False
    for each in affected.ranges:
        inside = _inside(at, each)
        if inside:
            return True
        undecided = undecided or inside is None
    return None if undecided else False


def _inside(at: Version, range_: AffectedRange) -> bool | None:
    """By the algorithm of the schema: events in order, the last one that is not after the version decides."""
    lowest = Version("0.dev0")
    events: list[tuple[Version, int, str]] = []
    order = {"introduced": 0, "last_affected": 1, "fixed": 1, "limit": 1}
    limits: list[Version] = []
    for kind, text in range_.events:
        parsed = lowest if text == "0" and kind == "introduced" else None if text == "*" else _version(text)
        if kind == "limit":
            if parsed is not None:
                limits.append(parsed)
            continue
        if parsed is None or kind not in order:
            return None
        events.append((parsed, order[kind], kind))
    if limits and not any(at < limit for limit in limits):
        return False
    inside = False
    for when, _, kind in sorted(events):
        if kind == "introduced" and when <= at:
            inside = True
        elif (kind == "fixed" and when <= at) or (kind == "last_affected" and when < at):
            inside = False
    return inside


def fixed_versions(advisory: Advisory, package: str, version: str) -> tuple[str, ...]:
    """The fixed versions that an advisory names above a version, the lowest first."""
    at = _version(version)
    found: dict[Version, str] = {}
    for affected in advisory.affected:
        if affected.package != package:
            continue
        for range_ in affected.ranges:
            for kind, text in range_.events:
                parsed = _version(text) if kind == "fixed" else None
                if parsed is not None and (at is None or parsed > at):
                    found[parsed] = text
    return tuple(found[each] for each in sorted(found))


def matches(advisories: Iterable[Advisory], package: str, version: str) -> tuple[list[Advisory], list[Advisory]]:
    """The advisories about a version, and those of which that can't be decided; withdrawn ones are left out."""
    hits, undecided = [], []
    for advisory in advisories:
        if advisory.withdrawn:
            continue
        answers = [is_affected(version, each) for each in advisory.affected if each.package == package]
        if any(answers):
            hits.append(advisory)
        elif None in answers:
            undecided.append(advisory)
    return hits, undecided


def merged(advisories: Iterable[Advisory]) -> list[list[Advisory]]:
    """Advisories in groups: those that name each other, or the same third, are one and the same."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for advisory in advisories:
        names = {advisory.id, *advisory.aliases}
        joined = [group for group in groups if group[0] & names]
        members = [advisory]
        for group in joined:
            names |= group[0]
            members = [*group[1], *members]
            groups.remove(group)
        groups.append((names, members))
    # GitHub's entries carry a severity and a summary more often than the others.
    return [sorted(each, key=lambda one: (not one.id.startswith("GHSA"), one.id)) for _, each in groups]

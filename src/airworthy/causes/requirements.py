"""What installed packages ask of each other, judged by the rules of their metadata."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from airworthy.causes.interface import Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.values import Distribution
from airworthy.core.version import Version

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

# Name, extras, then a specifier or an address, then a marker; see
# https://packaging.python.org/en/latest/specifications/dependency-specifiers/
_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?)\s*(?:\[([^\]]{0,300})\])?\s*(@[^;]*|\(?[^;()@]*\)?)"
    r"\s*(?:;(.*))?"
)
_PIN = re.compile(r"([A-Za-z0-9][\w.-]{0,100})(?:\[[^\]]{0,100}\])?\s{0,4}\(?==\s{0,4}(\d[\w.!+-]{0,60})")
_MACHINES = {
    ("Windows", "x86_64"): "AMD64",
    ("Windows", "aarch64"): "ARM64",
    ("Darwin", "aarch64"): "arm64",
}
_PLATFORMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}


class PackageRequirement(NamedTuple):
    """One package's requirement of another that holds on this host."""

    by: Distribution
    """The package that asks."""
    name: str
    """The normalised name of what it asks for."""
    specifier: str
    """The versions that it takes, `<2,>=1.26`; empty for any."""

    @property
    def text(self) -> str:
        """The requirement without its marker, `numpy<2,>=1.26`."""
        return f"{self.name}{self.specifier}"


class WrittenRequirement(NamedTuple):
    """A requirement as a package's metadata writes it."""

    name: str
    """The normalised name of what it asks for."""
    extras: tuple[str, ...]
    """The extras that it asks for, normalised."""
    versions: str
    """The versions that it takes, `<2,>=1.26`; empty for any, and for what is required from an address."""
    marker: str
    """The condition under which it holds; empty for none."""


@functools.lru_cache(maxsize=16384)
def parse_requirement(text: str) -> WrittenRequirement | None:
    """The parts of a requirement; None where it isn't written by the rules."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        return None
    extras = tuple(normalise(each.strip()) for each in (match[2] or "").split(",") if each.strip())
    versions = match[3].strip()
    # What is required from an address may be of any version.
    versions = "" if versions.startswith("@") else versions.strip("() \t")
    return WrittenRequirement(normalise(match[1]), extras, versions, (match[4] or "").strip())


def marker_environment(python: str, system: str, release: str, machine: str) -> dict[str, str]:
    """The variables of markers on a host, by https://packaging.python.org/en/latest/specifications/dependency-specifiers/.

    Args:
        python: the interpreter's version, `3.11.9`.
        system: the kernel's name, `Linux`.
        release: its release.
        machine: the processor's architecture, `x86_64`.
    """
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "nt" if system == "Windows" else "posix",
        "platform_machine": _MACHINES.get((system, machine), machine),
        "platform_python_implementation": "CPython",
        "platform_release": release,
        "platform_system": system,
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": _PLATFORMS.get(system, system.lower()),
        "extra": "",
    }


def needs(facts: Facts) -> tuple[PackageRequirement, ...]:
    """The requirements of all installed packages that hold on the host in question.

    Raises:
        Undecidable: markers can't be judged, because the interpreter's version is not known.
    """
    fact = facts.fact(PYTHON_VERSION)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=PYTHON_VERSION.name, reason=fact.reason)
    system, _, release = facts.get_value(OS_KERNEL, "Linux").partition(" ")
    machine = facts.get_value(CPU_ARCHITECTURE, "x86_64")
    return _needs(facts.value(DISTRIBUTIONS), facts.value(PYTHON_VERSION).text, system, release, machine)


@functools.lru_cache(maxsize=4)
def _needs(
    distributions: tuple[Distribution, ...], python: str, system: str, release: str, machine: str
) -> tuple[PackageRequirement, ...]:
    environment = marker_environment(python, system, release, machine)
    judged: dict[str, bool] = {}

    def holds_here(marker: str) -> bool:
        if marker not in judged:
            judged[marker] = evaluate(marker, environment)
        return judged[marker]

    found = []
    for by in distributions:
        for requirement in by.requires:
            written = parse_requirement(requirement)
            if written is None or written.name == by.name or (written.marker and not holds_here(written.marker)):
                continue
            found.append(PackageRequirement(by, written.name, written.versions))
    return tuple(found)


def normalise(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def evaluate(marker: str, environment: dict[str, str]) -> bool:
    """Whether a marker holds; one that can't be read holds nowhere, so that nothing is claimed from it."""
    parsed = _marker(marker)
    if parsed is None:
        return False
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.version import InvalidVersion

    try:
        return bool(parsed.evaluate(environment))
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


@functools.lru_cache(maxsize=4096)
def _marker(text: str) -> Marker | None:
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(text)
    except InvalidMarker:
        return None


@functools.lru_cache(maxsize=4096)
def specifiers(text: str) -> SpecifierSet | None:
    """The versions that a requirement takes; None where it isn't written by the rules."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def takes(specifier: str, version: Version) -> bool:
    """Whether a requirement takes a version; as `accepts`."""
    return accepts(specifier, version.text)


@functools.lru_cache(maxsize=65536)
def accepts(specifier: str, version: str) -> bool:
    """Whether a requirement takes a version; what can't be read is taken, so that nothing is claimed from it.

    A pre-release counts as its release too: makers of images build frameworks between releases.
    """
    if not specifier:
        return True
    from packaging.version import InvalidVersion
    from packaging.version import Version as Pep440

    wanted = specifiers(specifier)
    if wanted is None:
        return True
    try:
        installed = Pep440(version)
    except InvalidVersion:
        return True
    return wanted.contains(installed, prereleases=True) or (
        installed.is_prerelease and wanted.contains(installed.base_version, prereleases=True)
    )


def contradict(wanted: Iterable[str]) -> bool:
    """Whether no version satisfies all of several requirements.

    If any version does, then one at an edge of a requirement does: on it, just above it, or at the next number.
    """
    texts = tuple(wanted)
    parsed = [found for text in texts if (found := specifiers(text)) is not None]
    edges = {"0", "0.0.1"}
    for each in (clause for group in parsed for clause in group):
        numbers = re.match(r"(?:\d{1,4}!)?\d{1,9}(?:\.\d{1,9}){0,8}", each.version)
        if numbers is None or "===" in each.operator:
            return False
        parts = numbers.group().split(".")
        edges |= {each.version.removesuffix(".*"), numbers.group(), f"{numbers.group()}.0.1"}
        for place in range(len(parts)):
            epoch, _, last = parts[place].rpartition("!")
            edges.add(".".join([*parts[:place], f"{epoch}!{int(last) + 1}" if epoch else str(int(last) + 1)]))
    return not any(all(group.contains(edge, prereleases=True) for group in parsed) for edge in edges)


def pins(distribution: Distribution) -> dict[str, Version]:
    """The exact versions that a distribution asks for, by normalised name."""
    found: dict[str, Version] = {}
    for text in distribution.requires:
        match = _PIN.match(text)
        if match:
            found[normalise(match[1])] = Version(match[2])
    return found


def named(distributions: tuple[Distribution, ...], name: str) -> Distribution | None:
    """The distribution of a name, where it is installed."""
    return next((each for each in distributions if each.name == name), None)

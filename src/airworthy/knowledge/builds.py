"""What published wheels ask of a processor, and which of them fit one release of PyTorch only."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows


class InstructionWheel(Row, frozen=True):
    """A package whose wheels for x86_64 use instructions that not every processor has."""

    package: str
    """The distribution."""
    since: Version
    """From this version on."""
    instructions: tuple[str, ...]
    """The instruction sets, by the kernel's names."""
    instead: str = ""
    """A distribution that does without them."""


class Companion(Row, frozen=True):
    """A package whose compiled code fits one release of PyTorch."""

    package: str
    """The distribution."""
    version: Version
    """Its release, `0.21`."""
    torch: Version
    """The release of PyTorch that it was built against, `2.6`."""


def instructions_of(package: str, version: Version) -> TableAnswer[InstructionWheel]:
    """The row that says which instruction sets a package's wheel uses.

    The rows have no end: for a release of a later series it is the newest one known.
    """
    table: tuple[InstructionWheel, ...] = rows("cpu_instructions", "wheel", InstructionWheel)
    asked = f"{package} {version}"
    row = next((row for row in table if row.package == package and version >= row.since), None)
    if row is None:
        return unknown(asked, "cpu_instructions")
    is_later = (version.major, version.minor) > (row.since.major, row.since.minor)
    return newest_row(row, row, asked, row.since) if is_later else exact(row, row)


def torch_for(package: str, version: Version) -> TableAnswer[Version]:
    """The release of PyTorch that a package's release was built against."""
    table, asked = _companions(package), f"{package} {version}"
    for row in table:
        if _same_release(row.version, version):
            return exact(row.torch, row)
    last = max(table, key=lambda row: row.version, default=None)
    if last is not None and version > last.version:
        return unknown(asked, "torch_companions", last, last.version)
    return unknown(asked, "torch_companions")


def companion_of(package: str, torch: Version) -> Version | None:
    """The release of a package that was built against a release of PyTorch."""
    found = (row for row in _companions(package) if _same_release(row.torch, torch))
    return next((row.version for row in found), None)


def _companions(package: str) -> tuple[Companion, ...]:
    return tuple(row for row in rows("torch_companions", "companion", Companion) if row.package == package)


def _same_release(one: Version, other: Version) -> bool:
    return (one.major, one.minor) == (other.major, other.minor)

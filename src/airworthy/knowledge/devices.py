"""Devices by marketing name: what their code is built for, what kind they are, and which releases left them behind."""

from __future__ import annotations

import re

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, newest, rows


class Model(Row, frozen=True):
    """Devices of one kind that run the same code."""

    names: tuple[str, ...]
    """Their names without the maker, `RTX 5090`."""
    vendor: str
    """The maker, as in facts: `nvidia`, `amd`."""
    kind: str
    """`datacentre`, `geforce`, `workstation`, `jetson`, `radeon`."""
    capability: Version | None = None
    """The compute capability of NVIDIA's, `12.0`."""
    architecture: str = ""
    """The gfx target of AMD's, `gfx1100`."""

    @property
    def code(self) -> str:
        """What their code is built for, as compilers write it: `sm_120`, `gfx1100`."""
        if self.capability is None:
            return self.architecture
        return f"sm_{self.capability.major}{self.capability.minor}"


class DeviceFloor(Row, frozen=True):
    """The oldest device that a release still runs on."""

    layer: str
    """Which layer leaves devices behind: `wheel`, `cudnn`, `engine`."""
    name: str
    """The distribution, or `cudnn`."""
    since: Version
    """The first release for which it holds."""
    minimum: Version
    """The compute capability of the oldest device."""


_PIECES = re.compile(r"[a-z]+|\d+|\+")
_FAMILY = re.compile(r"\b(rtx|gtx|rx)\s*(\d{1,3})(x{1,3})\b")
_COUNT = re.compile(r"^\s*\d{1,3}\s*[x*]\s*(?=[a-z])")
_MEMORY = re.compile(r"(?<!\d)(\d{1,3})\s?g(?:i?b)?(?![a-z])", re.IGNORECASE)


def models(name: str) -> tuple[Model, ...]:
    """The rows that a name may mean, as people write it: `8xA100`, `Tesla V100-PCIE-32GB`, `RTX 50xx`.

    The longest name that stands in it decides; several rows where that name is ambiguous, none where it is unknown.
    """
    text = _COUNT.sub("", name.lower()[:200])
    family = _FAMILY.search(text)
    if family is not None:
        digits = family[2] + r"\d" * len(family[3])
        pattern = re.compile(rf"{family[1]} {digits}(?: (?:ti|super|d))*")
        return tuple(row for row in _models() if any(pattern.fullmatch(each.lower()) for each in row.names))
    pieces = _PIECES.findall(text)
    best, found = 0, []
    for row in _models():
        longest = max(
            (len(own) for each in row.names if _holds(pieces, own := _PIECES.findall(each.lower()))), default=0
        )
        if longest > best:
            best, found = longest, [row]
        elif longest == best and best:
            found.append(row)
    return tuple(found)


def _holds(pieces: list[str], own: list[str]) -> bool:
    return any(pieces[at : at + len(own)] == own for at in range(len(pieces) - len(own) + 1))


def memory_in(name: str) -> int | None:
    """The memory that a name states, in bytes: `H100 80GB HBM3`; None where it gives none."""
    found = _MEMORY.search(name)
    return int(found[1]) << 30 if found else None


def floor(name: str, version: Version) -> TableAnswer[DeviceFloor]:
    """The row that says which devices a release of a library or engine left behind.

    A row holds until the next one, so the last one of a name is the newest known for every release after it; later
    releases leave more devices behind and take none back.
    """
    table: tuple[DeviceFloor, ...] = rows("device_floors", "floor", DeviceFloor)
    row, asked = newest(table, name, version), f"{name} {version}"
    if row is None:
        return unknown(asked, "device_floors")
    last = max(each.since for each in table if each.name == name)
    return (
        newest_row(row, row, asked, last)
        if (version.major, version.minor) > (last.major, last.minor)
        else exact(row, row)
    )


def _models() -> tuple[Model, ...]:
    return rows("devices", "device", Model)

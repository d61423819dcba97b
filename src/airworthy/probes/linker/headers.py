"""The ELF headers of a file on a host, read once as long as the file is the same."""

from __future__ import annotations

from typing import NamedTuple

from airworthy.probes.linker.elf import Elf, NotElf, read_elf
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.remembered import remembered


class Headers(NamedTuple):
    """What a file's headers say; nothing where it is no ELF file."""

    elf: Elf | None
    """The headers, or None: a linker script under the name of a library, or a damaged file."""
    problem: str = ""
    """Why there are none."""


def headers(host: Host, path: str) -> Headers:
    """The headers of a file.

    Raises:
        HostError: it can't be read.
    """
    return remembered(host, "elf", path, Headers, lambda: _read(host, path))


def elf_of(host: Host, path: str) -> Elf | None:
    """The headers of a file; None where it isn't there, can't be read or is no ELF file."""
    try:
        return headers(host, path).elf
    except HostError:
        return None


def _read(host: Host, path: str) -> Headers:
    try:
        return Headers(read_elf(lambda offset, size: host.read(path, size, offset)))
    except NotElf as error:
        return Headers(None, str(error))

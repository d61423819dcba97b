"""Where the dynamic loader of this host looks for shared libraries, without loading any."""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from airworthy.probes.linker.elf import Elf
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.sharing import shared

CACHE = "/etc/ld.so.cache"
CACHE_LIMIT = 16 * 1024 * 1024
_OLD, _NEW = b"ld.so-1.7.0", b"glibc-ld.so.cache1.1"
_HEADER, _ENTRY = 48, 24
_KINDS = {"x86_64": 0x300, "aarch64": 0xA00, "ppc64": 0x500, "ppc64le": 0x500, "s390x": 0x400, "riscv64": 0x1000}
"""The mark of an architecture in a cache entry's flags, for those that share a cache with another."""
_MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu"}
_OF_MUSL = frozenset({"libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet"})
"""Libraries that musl's loader brings itself, whatever is on disk."""


class Found(NamedTuple):
    """A library where the loader finds it."""

    path: str
    """The file."""
    found_by: str
    """What led there."""


class DynamicLoader:
    """The loader's view of this host: its cache and its directories. Directories are listed once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.machine = host.uname()[2]
        self.library_path = tuple(part for part in (host.env("LD_LIBRARY_PATH") or "").split(":") if part)
        self.musl = host.exists(f"/lib/ld-musl-{self.machine}.so.1") and not host.exists(CACHE)
        try:
            self.cache = parse_cache(host.read(CACHE, CACHE_LIMIT), self.machine)
        except HostError:
            self.cache = {}  # musl has none, nor has an image without ldconfig
        self.defaults = self._defaults()
        self._listed: dict[str, frozenset[str]] = {}

    def _defaults(self) -> tuple[str, ...]:
        if self.musl:
            try:
                text = self._host.read(f"/etc/ld-musl-{self.machine}.path", 65536).decode("utf-8", "replace")
                return tuple(part for part in text.replace("\n", ":").split(":") if part)
            except HostError:
                return ("/lib", "/usr/local/lib", "/usr/lib")
        triple = _MULTIARCH.get(self.machine)
        multiarch = (f"/lib/{triple}", f"/usr/lib/{triple}") if triple else ()
        return (*multiarch, "/lib64", "/usr/lib64", "/lib", "/usr/lib")

    def names(self, directory: str) -> frozenset[str]:
        """The names in a directory; none where it cannot be listed."""
        names = self._listed.get(directory)
        if names is None:
            try:
                names = frozenset(self._host.list(directory))
            except HostError:
                names = frozenset()
            self._listed[directory] = names
        return names

    def find(self, soname: str, path: str = "", elf: Elf | None = None) -> Found | None:
        """Where a library would be found when the file at `path` needs it; None where it would not.

        Libraries that the process has loaded before by the same name are not known here.
        """
        rpath, runpath = (elf.rpath, elf.runpath) if elf else ((), ())
        return next(self.candidates(soname, self.expand(rpath, path), self.expand(runpath, path), path), None)

    def candidates(
        self,
        soname: str,
        rpath: tuple[str, ...] = (),
        runpath: tuple[str, ...] = (),
        path: str = "",
        *,
        use_variable: bool = True,
    ) -> Iterator[Found]:
        """The files by a name in the order in which the loader tries them; it takes the first of its architecture.

        Args:
            soname: the requested name.
            rpath: expanded directories to look in first.
            runpath: expanded directories to look in after LD_LIBRARY_PATH.
            path: the file that asks.
            use_variable: whether LD_LIBRARY_PATH counts.
        """
        if "/" in soname:
            soname = soname.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", posixpath.dirname(path))
            if self._host.exists(soname):
                yield Found(soname, "its path")
            return
        variable = self.library_path if use_variable else ()
        for directories, found_by in ((rpath, "RPATH"), (variable, "LD_LIBRARY_PATH"), (runpath, "RUNPATH")):
            yield from self._among(soname, directories, found_by)
        cached = self.cache.get(soname)
        if cached and self._exists(cached):
            yield Found(cached, "ld.so.cache")
        if self.musl and soname.removesuffix(".so") in _OF_MUSL:
            yield Found(f"/lib/ld-musl-{self.machine}.so.1", "the loader itself")
        yield from self._among(soname, self.defaults, "default path")

    def _exists(self, path: str) -> bool:
        directory, name = posixpath.split(path)
        return name in self.names(directory)

    def _among(self, soname: str, directories: Iterable[str], found_by: str) -> Iterator[Found]:
        for directory in directories:
            if soname in self.names(directory):
                yield Found(f"{directory}/{soname}", found_by)

    def expand(self, directories: tuple[str, ...], path: str) -> tuple[str, ...]:
        """Search directories with `$ORIGIN`, `$LIB` and `$PLATFORM` filled in for the file at `path`."""
        origin = posixpath.dirname(path)
        expanded = []
        for directory in directories:
            directory = directory.replace("${", "$").replace("}", "")  # noqa: PLW2901 - the two spellings are one
            directory = directory.replace("$ORIGIN", origin).replace("$PLATFORM", self.machine)  # noqa: PLW2901
            libraries = ("lib64", "lib") if "$LIB" in directory else ("",)
            expanded += [posixpath.normpath(directory.replace("$LIB", library)) for library in libraries]
        return tuple(expanded)


def loader(host: Host) -> DynamicLoader:
    """The loader of this host, made once a gathering."""
    return shared(host, DynamicLoader)


def parse_cache(data: bytes, machine: str) -> dict[str, str]:
    """Path by soname in ldconfig's cache, for one architecture; empty where it is of another format."""
    start = 0
    if data.startswith(_OLD):  # glibc before 2.32 writes both, the new one after
        start = data.find(_NEW)
    if start < 0 or not data.startswith(_NEW, start) or len(data) < start + _HEADER:
        return {}
    order = "<" if machine not in {"s390x", "ppc64"} else ">"
    (count,) = struct.unpack_from(order + "I", data, start + len(_NEW))
    count = min(count, (len(data) - start - _HEADER) // _ENTRY)
    kind = _KINDS.get(machine)
    found: dict[str, str] = {}
    table = data[start + _HEADER : start + _HEADER + count * _ENTRY]
    for flags, key, value, _, _ in struct.iter_unpack(order + "iIIIQ", table):
        if kind is None or flags & 0xFF00 == kind:
            soname, path = _string(data, start + key), _string(data, start + value)
            if soname and path:
                found.setdefault(soname, path)
    return found


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset, offset + 4096)
    return data[offset:end].decode("utf-8", "replace") if end > 0 else ""

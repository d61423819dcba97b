"""A reader of ELF headers: what a shared object is for and what it needs. Any bytes give an answer or `NotElf`.

The format: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html, and for symbol versions
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""Gives at most so many bytes (second) from an offset (first)."""

PAGE = 16 * 1024
MOST_PAGES = 256
"""Pages of a file that are read before it is given up as hostile."""
MOST_HEADERS = 1024
MOST_DYNAMIC = 4096
MOST_VERSIONS = 4096
LONGEST_STRING = 4096

_MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 14, 15, 29
_DT_VERDEF, _DT_VERDEFNUM = 0x6FFFFFFC, 0x6FFFFFFD
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_BASE, _WEAK = 1, 2
_VERSION = re.compile(r"(GLIBC|GLIBCXX|CXXABI)_(\d{1,4}(?:\.\d{1,4}){1,3})$")
_FAMILIES = {
    "GLIBC": ("libc.", "libm.", "libpthread.", "libdl.", "librt.", "ld-linux"),
    "GLIBCXX": ("libstdc++.so",),
    "CXXABI": ("libstdc++.so",),
}
"""The libraries whose versions of that name count."""


class NotElf(ValueError):
    """The bytes are not an ELF file, or one whose headers lead nowhere."""


class Elf(NamedTuple):
    """What the headers of an ELF file say."""

    machine: str
    """The architecture it is for, `x86_64`; `machine-N` for one without a name here."""
    bits: int
    """32 or 64."""
    soname: str
    """The name it goes by, or empty."""
    interpreter: str
    """The loader that a program asks for, or empty."""
    needed: tuple[str, ...]
    """The sonames that it needs."""
    rpath: tuple[str, ...]
    """Directories to look in first, `DT_RPATH`; none where there is a run path."""
    runpath: tuple[str, ...]
    """Directories to look in after LD_LIBRARY_PATH, `DT_RUNPATH`."""
    glibc: str
    """The newest `GLIBC_x.y` that it needs, `2.28`, or empty."""
    glibcxx: str = ""
    """The newest `GLIBCXX_x.y.z` that it needs of libstdc++, `3.4.29`, or empty."""
    cxxabi: str = ""
    """The newest `CXXABI_x.y.z` that it needs of libstdc++, or empty."""
    defines: tuple[tuple[str, str], ...] = ()
    """The newest version of each kind that it provides itself: `(("CXXABI", "1.3.13"), ("GLIBCXX", "3.4.30"))`."""
    wants: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The version symbols without which the loader refuses it, by library: `(("libssl.so.3", ("OPENSSL_3.0.0",)),)`."""
    provides: tuple[str, ...] = ()
    """The version symbols that it defines; none where it has no versions, and is then not refused for them."""
    end: int = 0
    """Where the last part that is loaded ends, in bytes; a file that ends before was cut short."""


def read_elf(read: Read) -> Elf:
    """Read a file's headers.

    Raises:
        NotElf: it is not one, or its headers lead nowhere.
    """
    try:
        return _ElfReader(read).elf()
    except (struct.error, IndexError, OverflowError) as error:
        raise NotElf(str(error)) from None


class _ElfReader:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._pages: dict[int, bytes] = {}
        self._order = "<"

    def bytes(self, offset: int, size: int) -> bytes:
        """So many bytes from an offset; fewer at the end of the file."""
        number, start = divmod(offset, PAGE)
        page = self._pages.get(number)
        if page is None:
            if offset < 0 or offset >= 1 << 62 or len(self._pages) >= MOST_PAGES:
                raise NotElf("its headers lead outside of the file")
            page = self._pages[number] = self._read(number * PAGE, PAGE)
        if start + size <= PAGE:
            return page[start : start + size]
        return page[start:] + self.bytes((number + 1) * PAGE, size - (PAGE - start))

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        layout = self._order + layout
        return struct.unpack(layout, self.bytes(offset, struct.calcsize(layout)))

    def elf(self) -> Elf:
        ident = self.bytes(0, 16)
        if ident[:4] != b"\x7fELF" or len(ident) < 16 or ident[4] not in {1, 2} or ident[5] not in {1, 2}:
            raise NotElf("it does not begin as an ELF file")
        wide = ident[4] == 2
        self._order = "<" if ident[5] == 1 else ">"
        (machine,) = self.unpack("H", 18)
        (table,) = self.unpack("Q", 32) if wide else self.unpack("I", 28)
        size, count = self.unpack("HH", 54 if wide else 42)
        if size < (56 if wide else 32) or count > MOST_HEADERS:
            raise NotElf("its program headers are not of a known size")
        loads: list[tuple[int, int, int]] = []
        dynamic = interpreter = (0, 0)
        end = 0
        for index in range(count):
            at = table + index * size
            if wide:
                kind, _, offset, address, _, length = self.unpack("IIQQQQ", at)
            else:
                kind, offset, address, _, length = self.unpack("IIIII", at)
            if kind == _PT_LOAD:
                loads.append((address, length, offset))
                end = max(end, offset + length)
            elif kind == _PT_DYNAMIC:
                dynamic = (offset, length)
            elif kind == _PT_INTERP:
                interpreter = (offset, length)
        name = self.bytes(interpreter[0], min(interpreter[1], LONGEST_STRING)).partition(b"\0")[0]
        entries = self._dynamic(*dynamic, wide)
        elf = self._assemble(_MACHINES.get(machine, f"machine-{machine}"), wide, _text(name), loads, entries)
        return elf._replace(end=end)

    def _dynamic(self, offset: int, length: int, wide: bool) -> list[tuple[int, int]]:
        layout, width = ("QQ", 16) if wide else ("II", 8)
        data = self.bytes(offset, min(length, MOST_DYNAMIC * width))
        entries = []
        for tag, value in struct.iter_unpack(self._order + layout, data[: len(data) // width * width]):
            if tag == 0:
                break
            entries.append((tag, value))
        return entries

    def _assemble(
        self,
        machine: str,
        wide: bool,
        interpreter: str,
        loads: list[tuple[int, int, int]],
        entries: list[tuple[int, int]],
    ) -> Elf:
        single = dict(entries)
        strings = _offset_of(loads, single[_DT_STRTAB]) if _DT_STRTAB in single else None

        def string(tag: int) -> tuple[str, ...]:
            if strings is None:
                return ()
            return tuple(self._string(strings + value) for each, value in entries if each == tag)

        rpath, runpath = _split(string(_DT_RPATH)), _split(string(_DT_RUNPATH))
        wants: tuple[tuple[str, tuple[str, ...]], ...] = ()
        needs = _Newest()
        if strings is not None and _DT_VERNEED in single:
            at = _offset_of(loads, single[_DT_VERNEED])
            wants = self._version_needs(at, single.get(_DT_VERNEEDNUM, 0), strings, needs)
        provides: tuple[str, ...] = ()
        if strings is not None and _DT_VERDEF in single:
            at = _offset_of(loads, single[_DT_VERDEF])
            provides = self._definitions(at, single.get(_DT_VERDEFNUM, 0), strings)
        defines = _Newest()
        for each in provides:
            defines.add(each)
        newest = needs.texts()
        return Elf(
            machine=machine,
            bits=64 if wide else 32,
            soname="".join(string(_DT_SONAME)[:1]),
            interpreter=interpreter,
            needed=string(_DT_NEEDED),
            rpath=() if runpath else rpath,
            runpath=runpath,
            glibc=newest.get("GLIBC", ""),
            glibcxx=newest.get("GLIBCXX", ""),
            cxxabi=newest.get("CXXABI", ""),
            defines=tuple(sorted(defines.texts().items())),
            wants=wants,
            provides=provides,
        )

    def _string(self, offset: int) -> str:
        found = b""
        while len(found) < LONGEST_STRING:
            piece = self.bytes(offset + len(found), 128)
            head, end, _ = piece.partition(b"\0")
            found += head
            if end or len(piece) < 128:
                break
        return _text(found)

    def _version_needs(
        self, offset: int, count: int, strings: int, newest: _Newest
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        wants: list[tuple[str, tuple[str, ...]]] = []
        left = MOST_VERSIONS
        for _ in range(min(count, MOST_VERSIONS)):
            _, inner, file, first, following = self.unpack("HHIII", offset)
            library = self._string(strings + file)
            names: list[str] = []
            at = offset + first
            for _ in range(inner):
                left -= 1
                if left < 0:
                    raise NotElf("it needs more versions than a real file does")
                _, flags, _, name, after = self.unpack("IHHII", at)
                text = self._string(strings + name)
                newest.add(text, library)
                if not flags & _WEAK:
                    names.append(text)
                if not after:
                    break
                at += after
            if names:
                wants.append((library, tuple(names)))
            if not following:
                break
            offset += following
        return tuple(wants)

    def _definitions(self, offset: int, count: int, strings: int) -> tuple[str, ...]:
        found: list[str] = []
        for _ in range(min(count, MOST_VERSIONS)):
            _, flags, _, _, _, first, following = self.unpack("HHHHIII", offset)
            (name,) = self.unpack("I", offset + first)
            if not flags & _BASE:  # the first stands for the file itself
                found.append(self._string(strings + name))
            if not following:
                break
            offset += following
        return tuple(found)


class _Newest:
    """The newest version of each kind among those it receives."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[tuple[int, ...], str]] = {}

    def add(self, text: str, library: str = "") -> None:
        """Take `GLIBCXX_3.4.29` into account, where the library is one whose versions of that kind count."""
        match = _VERSION.match(text)
        if match and (not library or library.startswith(_FAMILIES[match[1]])):
            numbers = tuple(int(part) for part in match[2].split("."))
            self._found[match[1]] = max(self._found.get(match[1], ((), "")), (numbers, match[2]))

    def texts(self) -> dict[str, str]:
        """Kind → the newest version's numbers as text."""
        return {kind: text for kind, (_, text) in self._found.items()}


def _offset_of(loads: list[tuple[int, int, int]], address: int) -> int:
    """Where in the file a virtual address lies."""
    for start, length, offset in loads:
        if start <= address < start + length:
            return address - start + offset
    raise NotElf("an address lies in no part of the file")


def _split(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for path in paths for part in path.split(":") if part)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")

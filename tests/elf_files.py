"""Makes small ELF files with the headers that a test asks for."""

from __future__ import annotations

import struct

PAGE = 0x1000


def make_elf(
    needed: tuple[str, ...] = (),
    *,
    rpath: str = "",
    runpath: str = "",
    soname: str = "",
    versions: dict[str, tuple[str, ...]] | None = None,
    defines: tuple[str, ...] = (),
    machine: int = 62,
    wide: bool = True,
    order: str = "<",
) -> bytes:
    """An ELF shared object that is headers only."""
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        offset = len(strings)
        strings.extend(text.encode() + b"\0")
        return offset

    tags: list[tuple[int, int]] = [(1, string(name)) for name in needed]
    for tag, text in ((14, soname), (15, rpath), (29, runpath)):
        if text:
            tags.append((tag, string(text)))
    verneed = bytearray()
    libraries = list((versions or {}).items())
    for index, (library, names) in enumerate(libraries):
        size = 16 + 16 * len(names)
        following = 0 if index == len(libraries) - 1 else size
        verneed += struct.pack(order + "HHIII", 1, len(names), string(library), 16, following)
        for inner, name in enumerate(names):
            after = 0 if inner == len(names) - 1 else 16
            verneed += struct.pack(order + "IHHII", 0, 0, 2, string(name), after)
    verdef = bytearray()
    for index, name in enumerate(defines):
        following = 0 if index == len(defines) - 1 else 28
        verdef += struct.pack(order + "HHHHIII", 1, 0, index + 1, 1, 0, 20, following)
        verdef += struct.pack(order + "II", string(name), 0)
    entry = order + ("QQ" if wide else "II")
    base = 0x400000
    strings_at = PAGE
    verneed_at = strings_at + len(strings) + 16
    verdef_at = verneed_at + len(verneed) + 16
    dynamic_at = verdef_at + len(verdef) + 16
    tags += [(5, base + strings_at), (10, len(strings))]
    if verneed:
        tags += [(0x6FFFFFFE, base + verneed_at), (0x6FFFFFFF, len(libraries))]
    if verdef:
        tags += [(0x6FFFFFFC, base + verdef_at), (0x6FFFFFFD, len(defines))]
    dynamic = b"".join(struct.pack(entry, tag, value) for tag, value in [*tags, (0, 0)])
    total = dynamic_at + len(dynamic)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1, 0]) + bytes(8)
    if wide:
        header = ident + struct.pack(order + "HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        segments = struct.pack(order + "IIQQQQQQ", 1, 5, 0, base, base, total, total, PAGE)
        segments += struct.pack(
            order + "IIQQQQQQ", 2, 6, dynamic_at, base + dynamic_at, 0, len(dynamic), len(dynamic), 8
        )
    else:
        header = ident + struct.pack(order + "HHIIIIIHHHHHH", 3, machine, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        segments = struct.pack(order + "IIIIIIII", 1, 0, base, base, total, total, 5, PAGE)
        segments += struct.pack(
            order + "IIIIIIII", 2, dynamic_at, base + dynamic_at, 0, len(dynamic), len(dynamic), 6, 4
        )
    data = bytearray(total)
    data[: len(header)] = header
    data[len(header) : len(header) + len(segments)] = segments
    data[strings_at : strings_at + len(strings)] = strings
    data[verneed_at : verneed_at + len(verneed)] = verneed
    data[verdef_at : verdef_at + len(verdef)] = verdef
    data[dynamic_at:] = dynamic
    return bytes(data)


def make_cache(entries: dict[str, str], *, flags: int = 0x303, old: bool = False) -> bytes:
    """An ld.so.cache in the format of glibc 2.2 and newer, behind the older one where asked."""
    table, strings = bytearray(), bytearray()
    start = 48 + 24 * len(entries)
    for soname, path in entries.items():
        key = start + len(strings)
        strings += soname.encode() + b"\0"
        value = start + len(strings)
        strings += path.encode() + b"\0"
        table += struct.pack("<iIIIQ", flags, key, value, 0, 0)
    header = b"glibc-ld.so.cache1.1" + struct.pack("<II", len(entries), len(strings)) + bytes(20)
    before = b"ld.so-1.7.0\0" + struct.pack("<I", 0) if old else b""
    return before + header + bytes(table) + bytes(strings)

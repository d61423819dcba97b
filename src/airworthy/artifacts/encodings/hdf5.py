"""A bounded reader of HDF5: groups, attributes and where datasets lie, without the HDF5 library.

That library is large, compiled, and reads hostile files in C. What Keras and its like write needs a small part of the
format: both kinds of object headers, symbol-table and compact-link groups, texts and numbers as attributes. What is
beyond that is reported as not read, never guessed. See https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.hdf5_values import MOST_MESSAGES, Hdf5Values, Type
from airworthy.artifacts.encodings.source import Source
from airworthy.core.messages import say

MAGIC = b"\x89HDF\r\n\x1a\n"
"""The first bytes."""
MOST_OBJECTS = 200_000
"""Groups and datasets of one file that are read."""
MOST_DEPTH = 64
"""Groups within groups."""
_CONTINUATION, _LINK, _LINK_INFO, _SYMBOLS = 0x10, 0x06, 0x02, 0x11
_DATASPACE, _DATATYPE, _LAYOUT, _ATTRIBUTE, _ATTRIBUTE_INFO, _EXTERNAL = 0x1, 0x3, 0x8, 0xC, 0x15, 0x7


class Dataset(NamedTuple):
    """A stored array."""

    path: str
    """Its name from the root, `/dense/kernel`."""
    type: Type
    """Type of its elements."""
    shape: tuple[int, ...]
    """Its sizes."""
    address: int | None
    """Where its elements lie in one piece; None where they are chunked, compact or were never written."""
    stored: int | None
    """Bytes of that piece."""


class Hdf5File(Hdf5Values):
    """What was read of an HDF5 file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.attributes: dict[tuple[str, str], str | int | float | None] = {}
        """By object and name: texts and single numbers; None for anything else."""
        self.datasets: list[Dataset] = []
        self.groups: list[str] = []
        self.links: list[tuple[str, str]] = []
        """Soft and external links: where they stand and where they lead."""
        self.external: list[str] = []
        """Datasets whose elements lie in other files."""
        self.unread: set[str] = set()
        """Parts of the format that were met and are not read."""
        self.problems: list[Damaged] = []
        """Where it disagrees with itself."""
        self._seen: set[int] = set()
        try:
            self._superblock()
        except Damaged as error:
            self.problems.append(error)

    # Everything below raises Damaged; `_walk` catches it for one object, so that one damaged object hides no other.

    def _superblock(self) -> None:
        at = 0
        if self._bytes(0, 8) != MAGIC:
            raise Damaged("header", say("it does not begin as HDF5 does"), 0)
        version = self._number(8, 1)
        if version in (0, 1):
            self._offsets, self._lengths = self._number(13, 1), self._number(14, 1)
            at = 24 + (4 if version == 1 else 0)
            end = at + 2 * self._offsets
            root = at + 4 * self._offsets + self._offsets
        elif version in (2, 3):
            self._offsets, self._lengths = self._number(9, 1), self._number(10, 1)
            end = 12 + 2 * self._offsets
            root = 12 + 3 * self._offsets
        else:
            raise Damaged("header", say("superblock version {version} is not known", version=version), 8)
        if self._offsets not in (4, 8) or self._lengths not in (4, 8):
            raise Damaged("header", say("offsets of {size} bytes are not read", size=self._offsets), 8)
        stated = self._number(end, self._offsets)
        if stated > self.source.size:
            detail = say("it was {wanted} bytes long and is {size}", wanted=stated, size=self.source.size)
            raise Damaged("truncated", detail, self.source.size)
        if stated < self.source.size:
            detail = say("it was {wanted} bytes long and is {size}", wanted=stated, size=self.source.size)
            self.problems.append(Damaged("padded", detail, stated))
        self._walk("", self._number(root, self._offsets))

    def _walk(self, start: str, address: int) -> None:
        pending = [(start, address, 0)]
        while pending:
            path, at, depth = pending.pop()
            if at in self._seen:
                continue
            self._seen.add(at)
            if len(self._seen) > MOST_OBJECTS or depth > MOST_DEPTH:
                self.problems.append(Damaged("structure", say("more objects than are read"), at))
                return
            try:
                pending += [(f"{path}/{name}", child, depth + 1) for name, child in self._object(path, at)]
            except Damaged as error:
                self.problems.append(error)

    def _object(self, path: str, at: int) -> list[tuple[str, int]]:
        """Read one object's header; its children where it is a group."""
        children: list[tuple[str, int]] = []
        kind: Type | None = None
        shape: tuple[int, ...] = ()
        layout: tuple[int | None, int | None] | None = None
        group = False
        for message, data, size in self._header(at):
            if message == _SYMBOLS:
                group = True
                children += self._symbols(path, self._number(data, self._offsets), data)
            elif message == _LINK:
                group = True
                children += self._link(path, data)
            elif message == _LINK_INFO:
                group = True
                flags = self._number(data + 1, 1)
                if self._address(data + 2 + (8 if flags & 1 else 0)) is not None:
                    self.unread.add(say("groups with many links, kept apart"))
            elif message == _DATASPACE:
                shape = self._dataspace(data)
            elif message == _DATATYPE:
                kind = self._datatype(data)
            elif message == _LAYOUT:
                layout = self._layout(data)
            elif message == _ATTRIBUTE:
                self._attribute(path, data, size)
            elif message == _ATTRIBUTE_INFO:
                flags = self._number(data + 1, 1)
                if self._address(data + 2 + (2 if flags & 1 else 0)) is not None:
                    self.unread.add(say("objects with many attributes, kept apart"))
            elif message == _EXTERNAL:
                self.external.append(path)
        if layout is not None and kind is not None:
            address, stored = layout
            needed = math.prod(shape) * kind.size
            if address is not None and stored is not None:
                if stored < needed:
                    detail = say(
                        "{path} needs {needed} bytes and has {stored}", path=path, needed=needed, stored=stored
                    )
                    self.problems.append(Damaged("bounds", detail, address))
                elif address + stored > self.source.size:
                    detail = say(
                        "{path} goes on to {end}, the file ends at {size}",
                        path=path,
                        end=address + stored,
                        size=self.source.size,
                    )
                    self.problems.append(Damaged("truncated", detail, address))
            self.datasets.append(Dataset(path, kind, shape, address, stored))
        elif group:
            self.groups.append(path or "/")
        return children

    def _header(self, at: int) -> Iterator[tuple[int, int, int]]:
        """The messages of an object header: type, place, bytes."""
        second = self._bytes(at, 4) == b"OHDR"
        if second:
            if self._number(at + 4, 1) != 2:
                raise Damaged("structure", say("there is no object at {at}", at=at), at)
            flags = self._number(at + 5, 1)
            start = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            blocks = [(start + width, self._number(start, width))]
            head = 6 if flags & 4 else 4
        else:
            if self._number(at, 1) != 1:
                raise Damaged("structure", say("there is no object at {at}", at=at), at)
            blocks = [(at + 16, self._number(at + 8, 4))]
            head = 8
        seen: set[int] = set()
        while blocks:
            begin, length = blocks.pop(0)
            if begin in seen:
                raise Damaged("structure", say("an object at {at} goes round in a ring", at=at), at)
            seen.add(begin)
            place, end = begin, begin + length
            while place + head <= end:
                self._messages += 1
                if self._messages > MOST_MESSAGES:
                    raise Damaged("structure", say("more messages than are read"), place)
                if second:
                    kind, size, flags_of = (
                        self._number(place, 1),
                        self._number(place + 1, 2),
                        self._number(place + 3, 1),
                    )
                else:
                    kind, size, flags_of = (
                        self._number(place, 2),
                        self._number(place + 2, 2),
                        self._number(place + 4, 1),
                    )
                data = place + head
                if data + size > end:
                    raise Damaged("structure", say("a message at {at} passes its object's end", at=place), place)
                if kind == _CONTINUATION:
                    target = self._number(data, self._offsets)
                    count = self._number(data + self._offsets, self._lengths)
                    blocks.append((target + 4, count - 8) if second else (target, count))
                elif flags_of & 2:
                    self.unread.add(say("messages that objects share"))
                else:
                    yield kind, data, size
                place = data + size

    def _symbols(self, path: str, tree: int, data: int) -> list[tuple[str, int]]:
        """The children of a group that is kept as a B-tree of names and addresses."""
        heap = self._number(data + self._offsets, self._offsets)
        if self._bytes(heap, 4) != b"HEAP":
            raise Damaged("structure", say("the names of {path} are not at {at}", path=path or "/", at=heap), heap)
        names = self._number(heap + 8 + 2 * self._lengths, self._offsets)
        size = self._number(heap + 8, self._lengths)
        found: list[tuple[str, int]] = []
        pending = [tree]
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if node in seen or len(seen) > MOST_OBJECTS:
                raise Damaged("structure", say("the tree of {path} goes round in a ring", path=path or "/"), node)
            seen.add(node)
            start = self._bytes(node, 4)
            if start == b"TREE":
                count, at = self._number(node + 6, 2), node + 8 + 2 * self._offsets
                step = self._lengths + self._offsets
                pending += [self._number(at + self._lengths + step * index, self._offsets) for index in range(count)]
            elif start == b"SNOD":
                entry = 2 * self._offsets + 24
                for index in range(self._number(node + 6, 2)):
                    at = node + 8 + entry * index
                    offset = self._number(at, self._offsets)
                    if offset >= size:
                        raise Damaged("structure", say("a name of {path} lies nowhere", path=path or "/"), at)
                    name = self._name(names + offset, size - offset)
                    if self._number(at + 2 * self._offsets, 4) == 2:  # a soft link: its target is a text
                        self.links.append((f"{path}/{name}", ""))
                    else:
                        found.append((name, self._number(at + self._offsets, self._offsets)))
            else:
                raise Damaged(
                    "structure", say("the tree of {path} has no node at {at}", path=path or "/", at=node), node
                )
        return found

    def _link(self, path: str, at: int) -> list[tuple[str, int]]:
        if self._number(at, 1) != 1:
            raise Damaged("structure", say("a link at {at} is of an unknown version", at=at), at)
        flags = self._number(at + 1, 1)
        place = at + 2
        kind = 0
        if flags & 0x8:
            kind, place = self._number(place, 1), place + 1
        place += (8 if flags & 0x4 else 0) + (1 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        length = self._number(place, width)
        name = self._bytes(place + width, min(length, 1024)).decode("utf-8", "replace")
        place += width + length
        if kind == 0:
            return [(name, self._number(place, self._offsets))]
        target = self._bytes(place + 2, min(self._number(place, 2), 1024)).decode("utf-8", "replace")
        self.links.append((f"{path}/{name}", target if kind == 1 else target.replace("\0", " ").strip()))
        if kind == 64:
            self.external.append(f"{path}/{name}")
        return []

    def _layout(self, at: int) -> tuple[int | None, int | None]:
        version = self._number(at, 1)
        if version not in (3, 4):
            self.unread.add(say("datasets of an old layout"))
            return None, None
        if self._number(at + 1, 1) != 1:  # compact, chunked or virtual
            return None, None
        return self._address(at + 2), self._number(at + 2 + self._offsets, self._lengths)

    def _attribute(self, path: str, at: int, size: int) -> None:
        version = self._number(at, 1)
        if version not in (1, 2, 3):
            raise Damaged("structure", say("an attribute at {at} is of an unknown version", at=at), at)
        lengths = [self._number(at + 2 + 2 * index, 2) for index in range(3)]
        place = at + (9 if version == 3 else 8)
        name = self._bytes(place, lengths[0]).partition(b"\0")[0].decode("utf-8", "replace")
        if version == 1:  # each part is padded to eight bytes
            lengths = [(length + 7) & ~7 for length in lengths]
        type_at, space_at = place + lengths[0], place + lengths[0] + lengths[1]
        data = space_at + lengths[2]
        if self._number(at + 1, 1) & 3 and version > 1:
            self.unread.add(say("messages that objects share"))
            return
        kind, shape = self._datatype(type_at), self._dataspace(space_at)
        value: str | int | float | None = None
        if math.prod(shape) == 1 and data + kind.size <= at + size:
            value = self._value(kind, data)
        self.attributes[path, name] = value

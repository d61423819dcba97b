"""PyTorch files, the archives and the older pickles, and plain pickles: what they hold and what they would import.

Nothing is unpickled. See https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from airworthy.artifacts.conclusion import conclude, files_of, name_of
from airworthy.artifacts.datatypes import TORCH_STORAGES
from airworthy.artifacts.interface import HEAD
from airworthy.artifacts.pickles import MOST_BYTES, Bounded, Scan, Storage, is_pickle, scan
from airworthy.artifacts.source import Source
from airworthy.artifacts.stand_ins import inspect_stand_in
from airworthy.artifacts.zips import LOCAL_MAGIC, Damaged, Member, place, read_archive, read_member
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.values import Defect, PickleImport
from airworthy.core.words import say

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The number that the first of the five pickles of an older PyTorch file makes."""
LEGACY_PICKLES = 5
"""Magic number, protocol, system, the object, the keys of its storages; then the storages' bytes follow."""
MOST_PICKLES = 100
"""Pickles that are followed in one file."""
_PEEK = 64
# joblib writes arrays between the opcodes: no pickle to anyone else, and no damage.
_JOBLIB = "joblib.numpy_pickle."


class Contents:
    """What was read of a PyTorch file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.defects: list[Defect] = []
        self.imports: list[PickleImport] = []
        self.storages: list[Storage] = []
        self.metadata: dict[str, str] = {}
        self.recognised = True

    def damaged(self, member: str, kind: str, detail: str, offset: int | None = None) -> None:
        """Note a defect."""
        self.defects.append(Defect(member=member[:200], kind=kind, detail=detail, offset=offset))

    def add(self, found: Scan) -> None:
        """Note what a pickle does."""
        self.imports += found.imports
        self.storages += found.storages


class PyTorch:
    """The format."""

    name = "pytorch"
    suffixes: tuple[str, ...] = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an archive with a pickle named `data.pkl`, or begins as a pickle does."""
        if head[:4] == LOCAL_MAGIC:
            name_end = 30 + int.from_bytes(head[26:28], "little")
            if _is_data(head[30:name_end].decode("utf-8", "replace")):
                return True
            try:
                with Source(path) as source:
                    return any(_is_data(member.name) for member in read_archive(source).members)
            except OSError:
                return False
        return is_pickle(Bounded(io.BytesIO(head)), len(head))

    def inspect(self, path: Path) -> Inspection:
        """List what its pickles import and what it stores; tensors are not read."""
        with Source(path) as source:
            head = source.read(0, HEAD)
            stand_in = inspect_stand_in(path, head, self.name)
            if stand_in is not None:
                return stand_in
            contents = Contents(path.name)
            if head[:4] == LOCAL_MAGIC:
                _read_archive(source, contents)
            else:
                _read_pickles(path, source, contents)
        return _conclude(path, contents)


def _is_data(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _read_archive(source: Source, contents: Contents) -> None:
    archive = read_archive(source)
    contents.defects += archive.defects
    contents.metadata["container"] = "zip"
    if not archive.members:
        told = say("the archive's directory cannot be read")
        contents.imports.append(PickleImport(member=source.name, name=told, allowed=False))
        return
    by_name = {member.name: member for member in archive.members}
    root = next((member.name[: -len("data.pkl")] for member in archive.members if _is_data(member.name)), None)
    if root is None:
        contents.damaged(source.name, "structure", say("the archive holds no data.pkl"))
        contents.recognised = False
        root = ""
    if f"{root}constants.pkl" in by_name:
        contents.metadata["kind"] = "TorchScript"
    for member in archive.members:
        if _may_be_pickle(source, member, root):
            _read_member(source, member, contents)
    for storage in contents.storages:
        found = by_name.get(f"{root}data/{storage.key}") or by_name.get(f"{root}constants/{storage.key}")
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
        if found is None:
            contents.damaged(source.name, "missing", say("storage {key} is not in the archive", key=storage.key[:200]))
        elif element is not None and found.size < element.stored(storage.elements):
            detail = say(
                "{needed} bytes are needed and {found} are there",
                needed=element.stored(storage.elements),
                found=found.size,
            )
            contents.damaged(found.name, "bounds", detail, found.header)


def _may_be_pickle(source: Source, member: Member, root: str) -> bool:
    """Whether a member may be unpickled: by its name, or by its first bytes outside of the places of raw tensors."""
    name = member.name
    if name.endswith((".pkl", ".pickle")):
        return True
    if name.startswith((f"{root}data/", f"{root}constants/", f"{root}code/", f"{root}.data/")) or not member.size:
        return False
    try:
        start = source.read(place(source, member), min(_PEEK, member.packed))
    except Damaged:
        return True
    return start[:1] == b"\x80" and start[1:2] in b"\x00\x01\x02\x03\x04\x05"


def _read_member(source: Source, member: Member, contents: Contents) -> None:
    try:
        raw = read_member(source, member, MOST_BYTES)
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)
        contents.imports.append(PickleImport(member=member.name[:200], name=error.detail, allowed=False))
        return
    file = io.BytesIO(raw)
    bounded = Bounded(file)
    for _ in range(MOST_PICKLES):
        found = scan(bounded, member.name[:200])
        contents.add(found)
        if found.broken:
            if found.damaged:
                contents.damaged(member.name, "structure", found.broken, found.end)
            return
        if file.tell() >= len(raw):
            return
    _too_many(member.name, contents)


def _read_pickles(path: Path, source: Source, contents: Contents) -> None:
    contents.metadata["container"] = "pickle"
    contents.recognised = is_pickle(Bounded(io.BytesIO(source.read(0, HEAD))), min(HEAD, source.size))
    if not contents.recognised:
        start = source.read(0, 8).hex(" ")
        detail = say("it begins with {start}, which neither a PyTorch archive nor a pickle does", start=start)
        contents.damaged(source.name, "header", detail, 0)
    with path.open("rb") as file:
        bounded = Bounded(file)
        legacy = False
        for count in range(1, MOST_PICKLES + 1):
            found = scan(bounded, source.name)
            if contents.recognised or any(each.name != found.broken for each in found.imports):
                contents.add(found)
            if found.broken:
                if (
                    contents.recognised
                    and found.damaged
                    and not any(each.name.startswith(_JOBLIB) for each in found.imports)
                ):
                    kind = "truncated" if found.end >= source.size else "structure"
                    contents.damaged(source.name, kind, found.broken, found.end)
                return
            if count == 1:
                legacy = isinstance(found.value, int) and found.value == LEGACY_MAGIC
            if legacy and count == LEGACY_PICKLES:
                contents.metadata["container"] = "pickle, as before PyTorch 1.6"
                _check_legacy_storages(source, found.end, contents)
                return
            if found.end >= source.size:
                if legacy:
                    detail = say("it holds {found} of {needed} pickles", found=count, needed=LEGACY_PICKLES)
                    contents.damaged(source.name, "truncated", detail, source.size)
                return
    _too_many(source.name, contents)


def _too_many(member: str, contents: Contents) -> None:
    told = say("more than {count} pickles in one file", count=MOST_PICKLES)
    contents.imports.append(PickleImport(member=member[:200], name=told, allowed=False))


def _check_legacy_storages(source: Source, start: int, contents: Contents) -> None:
    """The storages lie one after the other: a count of eight bytes, then the elements."""
    needed = start
    for storage in contents.storages:
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
        if element is None:
            return
        needed += 8 + element.stored(storage.elements)
    if needed > source.size:
        detail = say("tensors go on to {needed}, the file ends at {size}", needed=needed, size=source.size)
        contents.damaged(source.name, "truncated", detail, source.size)


def _conclude(path: Path, contents: Contents) -> Inspection:
    weights, parameters = _count(contents.storages)
    model = ModelInfo(
        name=name_of(path),
        path=str(path.absolute()),
        format=PyTorch.name,
        entry=str(path.absolute()),
        files=files_of(path.parent, [(path, PyTorch.name)]),
        parameters=parameters,
        datatypes=weights,
        metadata=contents.metadata,
    )
    return conclude(
        model,
        defects=contents.defects,
        imports=tuple(dict.fromkeys(contents.imports)),
        by_content=contents.recognised,
    )


def _count(storages: Iterable[Storage]) -> tuple[dict[str, int], int | None]:
    """Bytes by element type and the number of elements; None where a storage does not tell its type."""
    weights: Counter[str] = Counter()
    parameters: int | None = None
    untyped = False
    for storage in dict.fromkeys(storages):
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
        if element is None or element.name == "untyped":
            untyped = True
        if element is not None:
            weights[element.name] += element.stored(storage.elements)
            parameters = (parameters or 0) + storage.elements
    return dict(weights), None if untyped else parameters


FORMAT = PyTorch()

"""PyTorch files, the archives and the older pickles, and plain pickles: what they hold and what they would import.

Nothing is unpickled. See https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from airworthy.artifacts.encodings.datatypes import TORCH_DTYPES, TORCH_STORAGES, ElementType
from airworthy.artifacts.encodings.pickles import MOST_BYTES, Bounded, Scan, Storage, TensorRef, is_pickle, scan
from airworthy.artifacts.encodings.source import Held, Slice, Source
from airworthy.artifacts.encodings.zips import (
    LOCAL_MAGIC,
    Archive,
    Damaged,
    Member,
    place,
    read_archive,
    read_member,
    read_start,
)
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.formats.pickle_files import LEGACY_MAGIC, MOST_PICKLES, is_torch
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.formats.torch_export import read_exported
from airworthy.artifacts.inspection import conclude, files_of, name_of
from airworthy.artifacts.placeholders import inspect_stand_in
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, Operator
from airworthy.core.values import Defect, EmbeddedCode, PickleImport

LEGACY_PICKLES = 5
"""Magic number, protocol, system, the object, the keys of its storages; then the storages' bytes follow."""
MOST_NESTED = 3
"""Archives within archives that are followed."""
MOST_INNER = 256 * 1024 * 1024
"""Bytes of a packed archive within an archive that are unpacked."""
MOST_CODE = 16 * 1024 * 1024
"""Bytes of one file of TorchScript that are read."""
_PEEK = 64
_FILE_CALLS = re.compile(r"\b(?:torch|ops\.aten)\.(?:from_file|save|load|_save|_load)\b(?=\()")
# Members that only `torch.export` writes, today's and before PyTorch 2.8.
_EXPORTED = ("archive_format", "serialized_exported_program.json")


class Contents:
    """What was read of a PyTorch file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.defects: list[Defect] = []
        self.imports: list[PickleImport] = []
        self.storages: list[Storage] = []
        self.tensors: list[TensorRef] = []
        self.operators: tuple[Operator, ...] = ()
        self.code: list[EmbeddedCode] = []
        self.weights: list[tuple[str, str, tuple[int, ...], int]] = []
        """What `torch.export` stores outside of pickles: name, type, sizes, bytes."""
        self.legacy_keys: tuple[str, ...] = ()
        self.legacy_end = 0
        self.metadata: dict[str, str] = {}
        self.root = ""
        """The folder of an archive in which its pickle and storages lie, with the slash."""
        self.recognised = True

    def damaged(self, member: str, kind: str, detail: str, offset: int | None = None) -> None:
        """Note a defect."""
        self.defects.append(Defect(member=member[:200], kind=kind, detail=detail, offset=offset))

    def add(self, found: Scan) -> None:
        """Note what a pickle does."""
        self.imports += found.imports
        self.storages += found.storages
        self.tensors += found.tensors


class PyTorch:
    """The format."""

    name = "pytorch"
    suffixes: tuple[str, ...] = (".pt", ".pth", ".bin", ".ckpt", ".pt2", ".mar")
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an archive with a pickle named `data.pkl` or a program, or begins with PyTorch's number."""
        if head[:4] == LOCAL_MAGIC:
            name_end = 30 + int.from_bytes(head[26:28], "little")
            if _is_data(head[30:name_end].decode("utf-8", "replace")):
                return True
            try:
                with Source(path) as source:
                    names = [member.name for member in read_archive(source).members]
            except OSError:
                return False
            return any(_is_data(name) or name.rpartition("/")[2] in _EXPORTED for name in names)
        return is_torch(head)

    def inspect(self, path: Path) -> Inspection:
        """List what its pickles import and what it stores; tensors are not read."""
        with Source(path) as source:
            head = source.read(0, HEAD)
            stand_in = inspect_stand_in(path, head, self.name)
            if stand_in is not None:
                return stand_in
            with path.open("rb") as pickle:
                contents = read_contents(source, pickle)
        return _conclude(path, contents)


def read_contents(source: Source, pickle: io.BufferedReader) -> Contents:
    """What a PyTorch file holds.

    Args:
        source: the file.
        pickle: the same file from its beginning, for pickles that are no members of an archive.
    """
    contents = Contents(source.name)
    if source.read(0, 4) == LOCAL_MAGIC:
        _read_archive(source, contents, 0)
    else:
        _read_pickles(pickle, source, contents)
    return contents


def _is_data(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _read_archive(source: Source, contents: Contents, depth: int) -> None:
    archive = read_archive(source)
    contents.defects += archive.defects
    contents.metadata["container"] = "zip"
    if not archive.members:
        told = say("the archive's directory cannot be read")
        contents.imports.append(PickleImport(member=source.name, name=told, allowed=False))
        return
    by_name = {member.name: member for member in archive.members}
    root = next((member.name[: -len("data.pkl")] for member in archive.members if _is_data(member.name)), None)
    if root is None and not _read_program(source, archive, contents):
        contents.damaged(source.name, "structure", say("the archive holds no data.pkl"))
        contents.recognised = False
    root = root or ""
    contents.root = contents.root if depth else root
    if f"{root}constants.pkl" in by_name:
        contents.metadata["kind"] = "TorchScript"
    code = [each for each in archive.members if each.name.startswith(f"{root}code/") and each.name.endswith(".py")]
    _read_code(source, code, contents)
    compiled = _of_torchscript if f"{root}constants.pkl" in by_name and code else None
    for name in ("version", ".data/version", "byteorder"):
        if (member := by_name.get(root + name)) and member.size < 100:
            _note(source, member, contents, name.rpartition("/")[2])
    already = len(contents.storages)
    for member in archive.members:
        kind = _kind(source, member, root)
        if kind == "pickle":
            _read_member(source, member, contents, compiled)
        elif kind == "zip":
            _read_inner(source, member, contents, depth)
    for storage in contents.storages[already:]:
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


def _kind(source: Source, member: Member, root: str) -> str:
    """What a loader may take a member for: by its name, or by its first bytes outside of the places of raw tensors."""
    name = member.name
    if name.endswith((".pkl", ".pickle")):
        return "pickle"
    raw = (f"{root}data/", f"{root}constants/", f"{root}code/", f"{root}.data/", f"{root}xl_model_weights/")
    inner = name.endswith((".pt", ".pth"))
    if (name.startswith(raw) and root and not inner) or not member.size:
        return ""
    try:
        start = read_start(source, member, _PEEK)
    except Damaged:
        return "pickle"  # which tells why it cannot be read
    if start[:4] == LOCAL_MAGIC:
        return "zip"
    if start[:1] == b"\x80" and start[1:2] in b"\x00\x01\x02\x03\x04\x05":
        return "pickle"
    # Protocols 0 and 1 begin with any opcode: what cannot be told from text by its start is followed.
    text = name.endswith((".json", ".py", ".txt", ".md", ".debug_pkl")) or "/data/weights/" in f"/{name}"
    return "pickle" if not text and is_pickle(Bounded(io.BytesIO(start)), len(start) + 1) else ""


def _read_inner(source: Source, member: Member, contents: Contents, depth: int) -> None:
    """An archive within the archive, as `torch.export` writes for inputs and constants."""
    try:
        if depth >= MOST_NESTED:
            raise Damaged("structure", say("archives are nested more than {count} deep", count=MOST_NESTED))
        inner: Source = (
            Slice(source, place(source, member), member.size, member.name)
            if member.method == 0
            else Held(read_member(source, member, MOST_INNER), member.name)
        )
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)
        contents.imports.append(PickleImport(member=member.name[:200], name=error.detail, allowed=False))
        return
    kept = contents.metadata, contents.recognised, contents.tensors, contents.storages
    contents.metadata, contents.tensors, contents.storages = {}, [], []
    _read_archive(inner, contents, depth + 1)
    contents.metadata, contents.recognised, contents.tensors, contents.storages = kept


def _note(source: Source, member: Member, contents: Contents, name: str) -> None:
    try:
        contents.metadata[name] = read_member(source, member, 100).decode("ascii", "replace").strip()
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)


def _read_program(source: Source, archive: Archive, contents: Contents) -> bool:
    """Read what `torch.export` wrote; whether it is such an archive."""
    names = {member.name.rpartition("/")[2]: member for member in archive.members}
    marker = next((names[name] for name in _EXPORTED if name in names), None)
    if marker is None:
        return False
    contents.metadata["kind"] = "torch.export"
    program = read_exported(source, archive, marker.name.rpartition("/")[0])
    contents.defects += program.defects
    contents.operators, contents.weights = program.operators, program.weights
    contents.metadata |= program.metadata
    return True


def _of_torchscript(found: PickleImport) -> PickleImport:
    """A class that TorchScript compiles from the archive's own code: no Python module has that name."""
    own = found.name.startswith("__torch__.") and not found.allowed
    return PickleImport(member=found.member, name=found.name, allowed=True, weights_only=False) if own else found


def _read_code(source: Source, members: list[Member], contents: Contents) -> None:
    """The calls of TorchScript that reach files."""
    for member in members:
        try:
            text = read_member(source, member, MOST_CODE).decode("utf-8", "replace")
        except Damaged as error:
            contents.damaged(member.name, error.kind, error.detail, error.offset)
            continue
        for name in sorted(set(_FILE_CALLS.findall(text))):
            detail = say("its compiled code reads or writes files")
            contents.code.append(EmbeddedCode(member=member.name[:200], kind="torchscript", name=name, detail=detail))


def _read_member(
    source: Source, member: Member, contents: Contents, compiled: Callable[[PickleImport], PickleImport] | None = None
) -> None:
    try:
        raw = read_member(source, member, MOST_BYTES)
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)
        contents.imports.append(PickleImport(member=member.name[:200], name=error.detail, allowed=False))
        return
    file = io.BytesIO(raw)
    bounded = Bounded(file)
    for _ in range(MOST_PICKLES):
        found = scan(bounded, member.name[:200], weights_only=True)
        contents.add(found._replace(imports=tuple(map(compiled, found.imports))) if compiled else found)
        if found.broken:
            if found.damaged:
                contents.damaged(member.name, "structure", found.broken, found.end)
            return
        if file.tell() >= len(raw):
            return
    _too_many(member.name, contents)


def _read_pickles(file: io.BufferedReader, source: Source, contents: Contents) -> None:
    contents.metadata["container"] = "pickle"
    contents.recognised = is_pickle(Bounded(io.BytesIO(source.read(0, HEAD))), min(HEAD, source.size))
    if not contents.recognised:
        start = source.read(0, 8).hex(" ")
        detail = say("it begins with {start}, which neither a PyTorch archive nor a pickle does", start=start)
        contents.damaged(source.name, "header", detail, 0)
    bounded = Bounded(file)
    legacy = False
    for count in range(1, MOST_PICKLES + 1):
        found = scan(bounded, source.name, weights_only=True)
        if contents.recognised or any(each.name != found.broken for each in found.imports):
            contents.add(found)
        if found.broken:
            if contents.recognised and found.damaged:
                kind = "truncated" if found.end >= source.size else "structure"
                contents.damaged(source.name, kind, found.broken, found.end)
            return
        if count == 1:
            legacy = isinstance(found.value, int) and found.value == LEGACY_MAGIC
        if legacy and count == LEGACY_PICKLES:
            contents.metadata["container"] = "pickle, as before PyTorch 1.6"
            contents.legacy_keys, contents.legacy_end = found.texts, found.end
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
    for _, datatype, shape, size in contents.weights:
        weights[datatype] = weights.get(datatype, 0) + size
        parameters = (parameters or 0) + math.prod(shape)
    model = ModelInfo(
        name=name_of(path),
        path=str(path.absolute()),
        format=PyTorch.name,
        entry=str(path.absolute()),
        files=files_of(path.parent, [(path, PyTorch.name)]),
        parameters=parameters,
        tensors=len(contents.tensors) + len(contents.weights) or None,
        operators=contents.operators,
        datatypes=weights,
        metadata=contents.metadata,
    )
    return conclude(
        model,
        defects=contents.defects,
        imports=tuple(dict.fromkeys(contents.imports)),
        code=contents.code,
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


def stored(path: Path) -> Iterator[Stored]:
    """Where storages lie, each under the name of the tensor that fills it, or else of the first that uses it."""
    with Source(path) as source:
        with path.open("rb") as pickle:
            contents = read_contents(source, pickle)
        if source.read(0, 4) != LOCAL_MAGIC:
            yield from _stored_legacy(path, source, contents)
            return
        big = contents.metadata.get("byteorder") == "big"
        archive = read_archive(source)
        by_name = {member.name: member for member in archive.members}
        root = next((member.name[: -len("data.pkl")] for member in archive.members if _is_data(member.name)), "")
        for name, storage, shape in _named(contents):
            member = by_name.get(f"{root}data/{storage.key}") or by_name.get(f"{root}constants/{storage.key}")
            element = _typed(storage, contents)
            if member is None or element is None or member.method:
                continue
            size = element.stored(math.prod(shape))
            try:
                yield Stored(name, element.name, shape, path, place(source, member), size, big)
            except Damaged:
                continue
        for member in archive.members:
            try:
                start = 0 if member.method else place(source, member)
            except Damaged:
                continue
            for name, datatype, shape, size in contents.weights if start else ():
                if member.name.endswith(f"/data/weights/{name.partition(chr(0))[2]}"):
                    yield Stored(name.partition(chr(0))[0], datatype, shape, path, start, size, big)


def _named(contents: Contents) -> Iterator[tuple[str, Storage, tuple[int, ...]]]:
    """Each storage once, under the name and shape of the tensor that fills it, or of the first one that uses it."""
    users: dict[Storage, list[TensorRef]] = {}
    for tensor in contents.tensors:
        users.setdefault(tensor.storage, []).append(tensor)
    for storage in dict.fromkeys(contents.storages):
        tensors = users.get(storage, [])
        whole = next((t for t in tensors if math.prod(t.shape) == storage.elements and _is_plain(t)), None)
        first = whole or (tensors[0] if tensors else None)
        yield first.name if first else storage.key, storage, whole.shape if whole else (storage.elements,)


def _typed(storage: Storage, contents: Contents) -> ElementType | None:
    """The type of a storage; of an untyped one that of the tensors in it, where they have one of eight bits."""
    element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
    if element is None or element.name != "untyped":
        return element
    named = {TORCH_DTYPES.get(tensor.dtype, element) for tensor in contents.tensors if tensor.storage == storage}
    only = named.pop() if len(named) == 1 else element
    return only if only.bits == element.bits else element


def _is_plain(tensor: TensorRef) -> bool:
    """Whether its last axis varies fastest and nothing is left out."""
    step = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride), strict=False):
        if size != 1 and stride != step:
            return False
        step *= size
    return tensor.offset == 0 and len(tensor.shape) == len(tensor.stride)


def _stored_legacy(path: Path, source: Source, contents: Contents) -> Iterator[Stored]:
    """Where the storages of an older file lie: in the order of the keys of the fifth pickle."""
    named = {storage.key: (name, storage, shape) for name, storage, shape in _named(contents)}
    at = contents.legacy_end
    for key in contents.legacy_keys:
        name, storage, shape = named.get(key, ("", None, ()))
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch.")) if storage else None
        if storage is None or element is None or int.from_bytes(source.read(at, 8), "little") != storage.elements:
            return
        size = element.stored(storage.elements)
        yield Stored(name, element.name, shape, path, at + 8, size)
        at += 8 + size


FORMAT = PyTorch()

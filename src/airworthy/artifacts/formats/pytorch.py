"""PyTorch files, the archives and the older pickles, and plain pickles: what they hold and what they would import.

Nothing is unpickled. See https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from airworthy.artifacts.encodings.datatypes import TORCH_DTYPES, TORCH_STORAGES
from airworthy.artifacts.encodings.pickle_opcodes import MOST_BYTES, Bounded
from airworthy.artifacts.encodings.pickle_values import TensorRef, TorchStorage, last_element
from airworthy.artifacts.encodings.pickles import PickleScan, is_pickle, scan, unknown
from airworthy.artifacts.encodings.source import Held, Slice, Source
from airworthy.artifacts.encodings.zips import (
    LOCAL_MAGIC,
    Archive,
    Damaged,
    ZipMember,
    place,
    read_archive,
    read_member,
    read_start,
)
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.formats.pickle_files import LEGACY_MAGIC, MOST_PICKLES, is_torch
from airworthy.artifacts.formats.torch_export import read_exported
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
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
TRACED = "traced_inputs.pkl"
"""The member in which TorchScript by tracing keeps the inputs that it was given."""
# The member that only `torch.package` writes: names of modules that the package takes from where it is loaded.
_PACKAGE = "/.data/extern_modules"


class PyTorchContents:
    """What was read of a PyTorch file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.defects: list[Defect] = []
        self.imports: list[PickleImport] = []
        self.storages: list[TorchStorage] = []
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

    def add(self, found: PickleScan) -> None:
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
            return any(_is_data(n) or n.rpartition("/")[2] in _EXPORTED or n.endswith(_PACKAGE) for n in names)
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
        return _build_inspection(path, contents)


def read_contents(source: Source, pickle: io.BufferedReader) -> PyTorchContents:
    """What a PyTorch file holds.

    Args:
        source: the file.
        pickle: the same file from its beginning, for pickles that are no members of an archive.
    """
    contents = PyTorchContents(source.name)
    if source.read(0, 4) == LOCAL_MAGIC:
        _read_archive(source, contents, 0)
    else:
        _read_pickles(pickle, source, contents)
    return contents


def _is_data(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _read_archive(source: Source, contents: PyTorchContents, depth: int) -> None:
    archive = read_archive(source)
    contents.defects += archive.defects
    contents.metadata["container"] = "zip"
    if not archive.members:
        contents.imports.append(unknown(source.name, say("the archive's directory cannot be read")))
        return
    by_name = {member.name: member for member in archive.members}
    root = next((member.name[: -len("data.pkl")] for member in archive.members if _is_data(member.name)), None)
    package = root is None and read_package(archive, contents)
    if root is None and not package and not _read_program(source, archive, contents):
        contents.damaged(source.name, "structure", say("the archive holds no data.pkl"))
        contents.recognised = False
    root = root or ""
    contents.root = contents.root if depth or package else root
    if f"{root}constants.pkl" in by_name:
        contents.metadata["kind"] = "TorchScript"
    code = [each for each in archive.members if each.name.startswith(f"{root}code/") and each.name.endswith(".py")]
    _read_code(source, code, contents)
    compiled = _of_torchscript if f"{root}constants.pkl" in by_name and code else None
    for name in ("version", ".data/version", "byteorder"):
        if (member := by_name.get(root + name)) and member.size < 100:
            _note(source, member, contents, name.rpartition("/")[2])
    already, already_tensors = len(contents.storages), len(contents.tensors)
    for member in archive.members:
        kind = _kind(source, member, root)
        if kind == "pickle":
            # Inputs of tracing are kept without their elements, and are no weights.
            weights = member.name != f"{root}{TRACED}"
            _read_member(source, member, contents, compiled, weights=weights)
        elif kind == "zip":
            _read_inner(source, member, contents, depth)
    for storage in contents.storages[already:]:
        found = member_of(storage, contents.root if package else root, by_name)
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
    _check_tensors(contents, already_tensors)


def _check_tensors(contents: PyTorchContents, start: int = 0) -> None:
    """Whether tensors lie within their storages, as PyTorch asks of them when it loads them."""
    for tensor in contents.tensors[start:]:
        storage, needed = tensor.storage, last_element(tensor) + 1
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
        if element is not None and element.name == "untyped":  # its size is in bytes
            dtype = TORCH_DTYPES.get(tensor.dtype)
            needed *= dtype.bits // 8 if dtype else 1
        name = tensor.name[:200]
        if len(tensor.shape) != len(tensor.stride):
            contents.damaged(contents.name, "structure", say("tensor {name!r} has more sizes than strides", name=name))
        elif tensor.offset < 0 or any(each < 0 for each in tensor.stride):
            contents.damaged(contents.name, "structure", say("tensor {name!r} goes backwards", name=name))
        elif needed > storage.elements:
            template = "tensor {name!r} goes past the end of its storage: it needs {needed} elements of {found}"
            detail = say(template, name=name, needed=needed, found=storage.elements)
            contents.damaged(contents.name, "bounds", detail)


def _kind(source: Source, member: ZipMember, root: str) -> str:
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
        return "pickle"  # which says why it cannot be read
    if start[:4] == LOCAL_MAGIC:
        return "zip"
    if start[:1] == b"\x80" and start[1:2] in b"\x00\x01\x02\x03\x04\x05":
        return "pickle"
    # Protocols 0 and 1 begin with any opcode: what cannot be distinguished from text by its start is followed.
    text = name.endswith((".json", ".py", ".txt", ".md", ".debug_pkl")) or "/data/weights/" in f"/{name}"
    return "pickle" if not text and is_pickle(Bounded(io.BytesIO(start)), len(start) + 1) else ""


def _read_inner(source: Source, member: ZipMember, contents: PyTorchContents, depth: int) -> None:
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
        contents.imports.append(unknown(member.name, error.detail))
        return
    kept = contents.metadata, contents.recognised, contents.tensors, contents.storages
    contents.metadata, contents.tensors, contents.storages = {}, [], []
    _read_archive(inner, contents, depth + 1)
    contents.metadata, contents.recognised, contents.tensors, contents.storages = kept


def _note(source: Source, member: ZipMember, contents: PyTorchContents, name: str) -> None:
    try:
        contents.metadata[name] = read_member(source, member, 100).decode("ascii", "replace").strip()
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)


def read_package(archive: Archive, contents: PyTorchContents) -> bool:
    """Note what `torch.package` wrote besides pickles: Python that runs when it is imported; whether it is one."""
    root = next((each.name[: -len(_PACKAGE) + 1] for each in archive.members if each.name.endswith(_PACKAGE)), None)
    if root is None:
        return False
    contents.root = root
    contents.metadata["kind"] = "torch.package"
    for member in archive.members:
        name = member.name.removeprefix(root)
        if name.endswith(".py"):
            module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            detail = say("a module of the package, which runs when something of it is loaded")
            code = EmbeddedCode(member=member.name[:200], kind="torch-package", name=module[:200], detail=detail)
            contents.code.append(code)
    return True


def member_of(storage: TorchStorage, root: str, by_name: Mapping[str, ZipMember]) -> ZipMember | None:
    """The member of an archive that holds a storage."""
    places = (f"data/{storage.key}", f"constants/{storage.key}", f".data/{storage.key}.storage")
    return next((by_name[root + place] for place in places if root + place in by_name), None)


def _read_program(source: Source, archive: Archive, contents: PyTorchContents) -> bool:
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
    """A class that TorchScript compiles from the archive's own code: no Python module has that name.

    Its archives are read by its own reader, which `torch.load(weights_only=True)` is none of.
    """
    if found.allowed and not found.weights_only:
        return PickleImport(member=found.member, name=found.name, allowed=True)
    own = found.name.startswith("__torch__.") and not found.allowed
    return PickleImport(member=found.member, name=found.name, allowed=True, weights_only=False) if own else found


def _read_code(source: Source, members: list[ZipMember], contents: PyTorchContents) -> None:
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
    source: Source,
    member: ZipMember,
    contents: PyTorchContents,
    compiled: Callable[[PickleImport], PickleImport] | None = None,
    *,
    weights: bool = True,
) -> None:
    try:
        raw = read_member(source, member, MOST_BYTES)
    except Damaged as error:
        contents.damaged(member.name, error.kind, error.detail, error.offset)
        contents.imports.append(unknown(member.name, error.detail))
        return
    bounded = Bounded(io.BytesIO(raw))
    for _ in range(MOST_PICKLES):
        found = scan(bounded, member.name[:200], weights_only=True)
        found = found._replace(imports=tuple(map(compiled, found.imports))) if compiled else found
        contents.add(found if weights else found._replace(storages=(), tensors=()))
        if found.broken:
            if found.damaged:
                contents.damaged(member.name, "structure", found.broken, found.end)
            return
        if found.end >= len(raw):
            return
    _too_many(member.name, contents)


def _read_pickles(file: io.BufferedReader, source: Source, contents: PyTorchContents) -> None:
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
        if contents.recognised or any(not each.reason for each in found.imports):
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
            _check_tensors(contents)
            _check_legacy_storages(source, found.end, contents)
            return
        if found.end >= source.size:
            if legacy:
                detail = say("it holds {found} of {needed} pickles", found=count, needed=LEGACY_PICKLES)
                contents.damaged(source.name, "truncated", detail, source.size)
            return
    _too_many(source.name, contents)


def _too_many(member: str, contents: PyTorchContents) -> None:
    contents.imports.append(unknown(member, say("more than {count} pickles in one file", count=MOST_PICKLES)))


def _check_legacy_storages(source: Source, start: int, contents: PyTorchContents) -> None:
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


def _build_inspection(path: Path, contents: PyTorchContents) -> Inspection:
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
    return build_inspection(
        model,
        defects=contents.defects,
        imports=tuple(dict.fromkeys(contents.imports)),
        code=contents.code,
        by_content=contents.recognised,
    )


def _count(storages: Iterable[TorchStorage]) -> tuple[dict[str, int], int | None]:
    """Bytes by element type and the number of elements; None where a storage does not say its type."""
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

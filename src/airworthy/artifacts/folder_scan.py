"""The files of a model's folder besides those that its reader opened: what each would run if a program opened it.

A folder of safetensors may hold pickles, which trainers, other loaders or a user's script open. Files are recognised by
their content; the suffix only names the program. Nothing is unpickled.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.configuration.companions import CONFIG_LIMIT
from airworthy.artifacts.configuration.named_code import configured_code
from airworthy.artifacts.encodings.pickle_opcodes import MOST_BYTES
from airworthy.artifacts.encodings.pickles import unknown
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC
from airworthy.artifacts.folder_loaders import Layout, Opener, layout_of, opener
from airworthy.artifacts.folders import every_name
from airworthy.artifacts.formats.interface import HEAD, Format
from airworthy.artifacts.formats.pickle_files import (
    MOST_UNPACKED,
    follow,
    is_marked,
    is_torch,
    may_act,
    packing,
    unpack,
)
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.core import keys
from airworthy.core.facts import Fact, Known, Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import EmbeddedCode, PickleImport

MOST_FOLLOWED = 1024 * 1024 * 1024
"""Bytes of files beside the weights that are followed as pickles."""
MOST_IMPORTS = 5_000
"""Imports of all of them that are listed."""
MOST_JSON = 64 * 1024 * 1024
"""Bytes of configurations that are read."""
_ZIPPED = ("numpy", "pytorch", "keras")
_TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".tar")
_START = 512
_NUMPY_OR_HDF5 = (b"\x93NUMPY", b"\x89HDF\r\n\x1a\n")  # their readers are imported where a file begins so
_CONFIGURATION = re.compile(r"config|processor|extractor|modules|model_index")
_WHOLE = ("modules.json", "model_index.json")


def with_folder(folder: Path, found: Inspection) -> Inspection:
    """An inspection that also lists what the other files of the folder would run.

    Where not all of them could be read, what the model's pickles import is unknown, unless something is found.
    """
    scan_ = FolderScan(folder, {each.path for each in found.model.files if each.format})
    scan_.run()
    imports = _joined(found.facts.fact(keys.MODEL_PICKLE_IMPORTS), scan_, found.model.entry)
    code = found.facts.fact(keys.MODEL_CODE)
    if isinstance(code, Known):
        told = {(each.member, each.name) for each in code.value}
        more = tuple(each for each in scan_.code if (each.member, each.name) not in told)
        code = Known(code.value + more, code.source)
    elif scan_.code:
        code = Known(tuple(scan_.code), found.model.entry)
    facts = {keys.MODEL_PICKLE_IMPORTS.name: imports, keys.MODEL_CODE.name: code}
    return msgspec.structs.replace(found, facts=found.facts.merged(facts))


def _joined(own: Fact, others: FolderScan, source: str) -> Fact:
    known = own.value if isinstance(own, Known) else ()
    joined: tuple[PickleImport, ...] = (*known, *dict.fromkeys(others.imports))
    if others.unread and not any(not each.allowed for each in joined):
        return Unknown(others.unread[0])
    if others.unread:
        rest = unknown(others.folder.name, others.unread[0])
        joined = (*joined, msgspec.structs.replace(rest, opened=False))
    return Known(joined, source) if isinstance(own, Known) or others.imports else own


class FolderScan:
    """A walk over the files of a folder."""

    def __init__(self, folder: Path, known: set[str]) -> None:
        """Prepare it.

        Args:
            folder: the model's.
            known: files that were read already.
        """
        self.folder = folder
        self.known = known
        self.imports: list[PickleImport] = []
        self.code: list[EmbeddedCode] = []
        self.unread: list[str] = []
        """Why some files could not be read, one line each."""
        self._left = MOST_FOLLOWED
        self._json = MOST_JSON
        self._layout = Layout(frozenset(), frozenset(), frozenset())

    def run(self) -> None:
        """Read all files."""
        modules = self._json_of("modules.json")
        places = [each.get("path") for each in modules if isinstance(each, dict)] if isinstance(modules, list) else []
        listing = every_name(self.folder, [each for each in places if isinstance(each, str)])
        self.unread += listing.left_out
        self._layout = layout_of(
            listing.names, modules, self._json_of("model_index.json"), self._json_of("config.json")
        )
        outside = sorted(each for each in self._layout.modules | self._layout.components if _leads_out(each))
        self.unread += [
            say("{path} is named as a part of the model and lies outside of its folder", path=each) for each in outside
        ]
        for name in listing.names:
            if len(self.imports) > MOST_IMPORTS:
                self.unread.append(
                    say("the pickles beside the weights have more than {count} names", count=MOST_IMPORTS)
                )
                return
            try:
                self._read(name)
            except OSError as error:
                self.unread.append(say("{file} cannot be read: {problem}", file=name, problem=error.strerror or error))

    def _read(self, name: str) -> None:
        path = self.folder / name
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return
        if name.endswith(".json"):
            self.code += configured_code(name, self._json_of(name))
        if name not in self.known:
            self._read_binary(name, path, status.st_size)

    def _json_of(self, name: str) -> Any:
        """The content of a JSON file; None where it is none, or is not read."""
        path = self.folder / name
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - the same for thousands of files
            if size > CONFIG_LIMIT and not _CONFIGURATION.search(name):
                return None
            if size > self._json:
                self.unread.append(say("the configurations are longer than {limit:bytes}", limit=MOST_JSON))
                return None
            self._json -= size
            return decoded(path.read_bytes(), whole=name in _WHOLE)
        except (OSError, ValueError, RecursionError):
            return None

    def _read_binary(self, name: str, path: Path, size: int) -> None:
        with Source(path) as source:
            head = source.read(0, _START)
            how = packing(head)
            start = unpack(source.read(0, HEAD), how, HEAD)[0] if how else b""
            if head[:4] == LOCAL_MAGIC or head.startswith(_NUMPY_OR_HDF5) or is_torch(head):
                self._read_format(name, path, source.read(0, HEAD))
                return
        if head[257:262] == b"ustar" and name.lower().endswith(_TORCH_SUFFIXES):
            self._unfollowed(name, say("it is a tar archive, as PyTorch wrote before 0.1.10"))
        elif not may_act(start if how else head):
            return
        elif how:
            with path.open("rb") as file:
                content, _ = unpack(file.read(MOST_BYTES), how, MOST_UNPACKED)
            self._follow(name, io.BytesIO(content), len(content))
        else:
            with path.open("rb") as file:
                self._follow(name, file, size)

    def _follow(self, name: str, file: io.BytesIO | io.BufferedReader, size: int) -> None:
        marked = is_marked(file.read(2))
        file.seek(0)
        scans = follow(file, size, name)
        self._left -= scans[-1].end
        if self._left < 0:
            reason = say("the pickles beside the weights are longer than {limit:bytes}", limit=MOST_FOLLOWED)
            self.unread += [] if reason in self.unread else [reason]
            return
        calls = sum(each.calls for each in scans)
        names = any(not each.reason for found in scans for each in found.imports)
        # A text or a picture may begin as a pickle does.
        if not (marked or not scans[0].broken or (calls and names)):
            return
        opened = opener(name, self._layout)
        for found in scans:
            # Where no unpickler goes on, what stands before is all that it runs.
            self._add([each for each in found.imports if not each.reason or not found.damaged], name, opened)

    def _add(self, imports: Iterable[PickleImport], name: str, opened: Opener) -> None:
        self.imports += [_beside(each, name, opened) for each in imports]

    def _read_format(self, name: str, path: Path, head: bytes) -> None:
        formats = [FORMATS.get(each) for each in (*_ZIPPED, "hdf5")]
        found: Format | None = next((each for each in formats if each.recognises(path, head)), None)
        if found is None and head[:4] != LOCAL_MAGIC:
            return
        # Of another archive each member is read: NumPy takes arrays of any name.
        inspection = (found or FORMATS.get("numpy" if name.lower().endswith(".npz") else "pytorch")).inspect(path)
        imports, code = inspection.facts.fact(keys.MODEL_PICKLE_IMPORTS), inspection.facts.fact(keys.MODEL_CODE)
        opened = opener(name, self._layout)
        if isinstance(imports, Known):
            self._add((each for each in imports.value if found or each.name), name, opened)
        elif isinstance(imports, Unknown):
            self.unread.append(say("{file}: {reason}", file=name, reason=imports.reason))
        if isinstance(code, Known):
            self.code += [msgspec.structs.replace(each, member=name, opened=opened.with_model) for each in code.value]

    def _unfollowed(self, name: str, reason: str) -> None:
        self._add([unknown(name, reason)], name, opener(name, self._layout))


class _Config(msgspec.Struct, omit_defaults=True):
    """The entries of a configuration that name code; the others, such as vocabularies, are not even made."""

    auto_map: Any = None
    custom_pipelines: Any = None
    model_type: Any = None


def decoded(text: bytes, *, whole: bool) -> Any:
    """The content of a JSON file as loaders see it, or of it only what names code.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        if whole:
            return msgspec.json.decode(text)
        return msgspec.to_builtins(msgspec.json.decode(text, type=_Config))
    except msgspec.ValidationError:
        return None  # no object
    except msgspec.DecodeError:
        return json.loads(text)  # which takes NaN and what else loaders take


def _leads_out(path: str) -> bool:
    return ".." in path.replace("\\", "/").split("/") or path.startswith(("/", "\\")) or path[1:2] == ":"


def _beside(each: PickleImport, name: str, opened: Opener) -> PickleImport:
    return msgspec.structs.replace(each, member=name, loader=opened.loader, opened=opened.with_model)

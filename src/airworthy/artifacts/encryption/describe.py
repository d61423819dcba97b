"""A model that is to be encrypted: its files, and what its description says to those who open it later."""

from __future__ import annotations

import base64
import binascii
import os
import zlib
from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.encryption.archive import MOST_EXTENSION, TarMember
from airworthy.artifacts.encryption.errors import ListDamaged
from airworthy.artifacts.encryption.paths import MOST_FILES, unsafe
from airworthy.artifacts.identify import inspect
from airworthy.core import keys as facts_keys
from airworthy.core.errors import AirworthyError, InputUnreadable, NotAModel
from airworthy.core.facts import FactsUnreadable, Known, load, to_json
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo, Sealed

LEFT_OUT = frozenset({".git"})
"""Folders that are no part of a model."""
_MARK = "airworthy-model-1 "
"""How the comment of an archive begins that describes a model."""
_REST = 512
"""Bytes of an extended header that are not the comment's text."""
_MOST_DESCRIPTION = 64 * 1024 * 1024
"""Bytes of a description."""


class CannotEncrypt(AirworthyError):
    """A model that can't be encrypted as it is."""

    code = "cannot-encrypt"
    message = "{path} cannot be encrypted: {reason}"
    hint = "{way_out}"


class SealedDescription(msgspec.Struct, frozen=True):
    """What a model was when it was encrypted."""

    root: str
    """The folder that all its files lie in within the archive; empty for a single file."""
    model: dict[str, Any]
    """What `inspect` reported of it, paths relative to the folder."""
    facts: dict[str, Any]
    """What checks decide from, as a facts file."""

    def within(self, path: str) -> str:
        """A path in the archive as the model's own."""
        return path.removeprefix(f"{self.root}/") if self.root else path

    def inspection(self, path: Path, key: str, password: str) -> Inspection:
        """What an encrypted model is to be served as.

        Raises:
            ListDamaged: the encrypted description is of no model.
        """
        return inspection(path, key, password, self.model, self.facts)


def inspection(
    path: Path, key: str, password: str, told: dict[str, Any], facts: dict[str, Any], *, old: bool = False
) -> Inspection:
    """What an encrypted model is to be served as, from what it was described to be.

    Raises:
        ListDamaged: that describes no model.
    """
    place = str(path.absolute())
    try:
        model = msgspec.convert(told, ModelInfo)
        loaded = load(msgspec.json.encode(facts), place)
    except (msgspec.ValidationError, FactsUnreadable) as error:
        raise ListDamaged(path=path, reason=str(error)) from None
    parts = tuple(file.path for file in model.files if file.format)
    sealed = Sealed(
        container=place, key=key, password=password, entry=model.entry, tokenizer=model.tokenizer, parts=parts, old=old
    )
    model = msgspec.structs.replace(
        model,
        path=place,
        entry=f"{place}/{model.entry}",
        tokenizer=f"{place}/{model.tokenizer}" if model.tokenizer else "",
        sealed=sealed,
    )
    return Inspection(model, loaded.merged({facts_keys.MODEL_PATH.name: Known(place, place)}))


def members_of(path: Path) -> list[tuple[Path, TarMember]]:
    """The files of a model and what they are in its archive, smallest first.

    So the tokenizer and the configuration, which a service needs first, stand before the weights.

    Raises:
        CannotEncrypt: there are no files, or one that can't be in an archive.
    """
    folder = path.is_dir()
    name = path.absolute().name or "model"
    members = []
    for place, told in _walk(path) if folder else [(path, name)]:
        if not place.is_file():
            way_out = say("take it out of the folder")
            raise CannotEncrypt(path=path, reason=say("{name} is no file", name=told), way_out=way_out)
        inside = f"{name}/{told}" if folder else name
        if unsafe(inside) or inside.encode(errors="replace").decode() != inside:
            raise CannotEncrypt(path=path, reason=say("a file is called {name!r}", name=told), way_out=say("rename it"))
        members.append((place, TarMember(inside, place.stat().st_size)))
    if not members:
        raise CannotEncrypt(path=path, reason=say("there are no files in it"), way_out=say("check the path"))
    if len(members) > MOST_FILES:
        reason = say("it has more than {count} files", count=MOST_FILES)
        raise CannotEncrypt(path=path, reason=reason, way_out=say("encrypt a tar archive of it"))
    return sorted(members, key=lambda pair: (pair[1].size, pair[1].path))


def describe(path: Path) -> SealedDescription | None:
    """What a model is; None where it is none, or cannot be described in short.

    Raises:
        CannotEncrypt: it is one file of a model that has more.
    """
    try:
        found = inspect(path)
    except (NotAModel, InputUnreadable):
        return None
    model = found.model
    folder = path.is_dir()
    root = path.absolute() if folder else path.absolute().parent

    def within(place: str) -> str:
        return Path(place).absolute().relative_to(root).as_posix() if place else ""

    try:
        described = msgspec.structs.replace(
            model, path="", entry=within(model.entry), tokenizer=within(model.tokenizer)
        )
    except ValueError:  # its tokenizer lies above it, and does not come along
        described = msgspec.structs.replace(model, path="", entry=within(model.entry), tokenizer="", task="")
    told = msgspec.to_builtins(described)
    if not folder and (others := [f["path"] for f in told["files"] if f.get("format")][1:]):
        reason = say("its weights go on in {other}", other=others[0])
        raise CannotEncrypt(path=path, reason=reason, way_out=say("encrypt the folder that holds both"))
    return SealedDescription(root=path.absolute().name if folder else "", model=told, facts=to_json(found.facts))


def to_comment(description: SealedDescription | None) -> str:
    """A description as the comment of an archive; empty where there is none, or it takes more than readers take."""
    if description is None:
        return ""
    packed = base64.b64encode(zlib.compress(msgspec.json.encode(description))).decode()
    return _MARK + packed if len(packed) < MOST_EXTENSION - _REST else ""


def from_comment(comment: str, path: object) -> SealedDescription | None:
    """A description from the comment of an archive; None where the comment is something else.

    Raises:
        ListDamaged: it can't be read.
    """
    if not comment.startswith(_MARK):
        return None
    unpacked = zlib.decompressobj()
    try:
        plain = unpacked.decompress(base64.b64decode(comment[len(_MARK) :], validate=True), _MOST_DESCRIPTION)
        if not unpacked.eof:
            raise ListDamaged(path=path, reason=say("it takes more than {limit:bytes}", limit=_MOST_DESCRIPTION))
        return msgspec.json.decode(plain, type=SealedDescription)
    except (zlib.error, binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise ListDamaged(path=path, reason=str(error)) from None


def _walk(folder: Path) -> list[tuple[Path, str]]:
    """Every file below a folder; a link is taken as what it leads to, as long as that lies where it may.

    A hub's cache keeps a model as links to blobs beside it.
    """
    whole = folder.resolve()
    home = whole.parent.parent if whole.parent.name == "snapshots" else whole
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        here = Path(place)
        for name in sorted(files):
            path = here / name
            told = path.relative_to(folder).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                reason = say("{name} is a link to outside of the folder", name=told)
                raise CannotEncrypt(path=folder, reason=reason, way_out=say("put the file itself there"))
            found.append((path, told))
        linked = next((name for name in folders if (here / name).is_symlink()), None)
        if linked is not None:
            reason = say("{name} is a link to a folder", name=linked)
            raise CannotEncrypt(path=folder, reason=reason, way_out=say("put the folder itself there"))
    return found

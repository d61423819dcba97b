"""The manifest of a release: its files by digest, and everything that was known of it when it was added."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import Literal, Optional

import msgspec

from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.state.releases.errors import BadReleaseName

MAX_NAME_CHARS = 64
"""Characters of a name or an alias."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ReleaseFile(msgspec.Struct, frozen=True):
    """A file of a release."""

    path: str
    """Its path within the model, with `/` between the parts."""
    digest: str
    """SHA-256 of its content, 64 hexadecimal digits."""
    size: int
    """Bytes."""


class ScanResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the checks of the model file said."""

    verdict: Literal["passed", "failed", "unknown"]
    """`unknown` where a check crashed or could not be made."""
    findings: tuple[str, ...] = ()
    """The causes that were found, `unsafe-pickle`."""
    skipped: tuple[str, ...] = ()
    """Checks that could not be made."""


class SignatureResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a trusted publisher signed the model."""

    verdict: Literal["valid", "invalid", "none", "not-checked"]
    """`not-checked` where the settings name no publisher to trust."""
    signer: str = ""
    """A certificate's subject, or the hash of a public key."""
    detail: str = ""
    """Why it is not valid."""


class GateResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the quality gate said, from the report that was given."""

    verdict: Literal["passed", "failed", "unknown", "none"]
    """`none` where no report was given; `unknown` where the report has no verdict."""
    digest: str = ""
    """SHA-256 of the report."""
    detail: str = ""
    """The report's own line."""


class InspectionResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model is."""

    format: str
    """Format by content."""
    entry: str
    """The file that an engine loads, within the model."""
    task: str = ""
    """What it answers."""
    architecture: str = ""
    """What its configuration calls it."""
    quantization: str = ""
    """How its weights are quantised."""
    parameters: Optional[int] = None
    """Number of parameters."""
    inputs: tuple[TensorSpec, ...] = ()
    """What it takes."""
    outputs: tuple[TensorSpec, ...] = ()
    """What it gives."""


class ReleaseManifest(msgspec.Struct, frozen=True, kw_only=True):
    """One release: written once, never changed."""

    schema: Literal[1] = 1
    """Grows when an old reader would misread a new manifest."""
    name: str
    """The name it is served under."""
    version: int
    """Its version of that name, from 1."""
    at: str
    """When it was added, ISO 8601 in UTC."""
    principal: str
    """Who added it."""
    note: str = ""
    """What its author says of it."""
    path: str
    """The path, within the release, to serve: a file, or `.` for the folder."""
    files: tuple[ReleaseFile, ...]
    """All its files, by path."""
    inspection: InspectionResult
    """What it is."""
    scan: ScanResult
    """What the checks of the file said."""
    signature: SignatureResult
    """Whether a trusted publisher signed it."""
    gate: GateResult
    """What the quality gate said."""
    licence: str = ""
    """The licence that it is under; empty where nothing names one."""
    policy: tuple[str, ...] = ()
    """What the policy demanded when it was added: `scanned`, `signed`, `gated`, `licence`."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def content(self) -> str:
        """A digest over the paths and digests of its files: equal for equal models."""
        listed = [(file.path, file.digest) for file in self.files]
        return hashlib.sha256(msgspec.json.encode(listed)).hexdigest()

    @property
    def title(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"


class ReleaseReference(msgspec.Struct, frozen=True):
    """`NAME`, `NAME@VERSION` or `NAME@ALIAS`, as a person writes it."""

    name: str
    """The name."""
    version: int = 0
    """The version; 0 where none was named."""
    alias: str = ""
    """The alias; empty where none was named."""


def parse_reference(text: str) -> ReleaseReference:
    """Read a reference.

    Raises:
        BadReleaseName: it is not written as one.
    """
    name, separator, which = text.partition("@")
    check_name(name)
    if not separator:
        return ReleaseReference(name)
    if _VERSION.fullmatch(which):
        return ReleaseReference(name, version=int(which))
    check_alias(which)
    return ReleaseReference(name, alias=which)


def check_name(name: str) -> None:
    """Refuse a text that can't stand in a path and a URL as it is.

    Raises:
        BadReleaseName: it can't.
    """
    if len(name) > MAX_NAME_CHARS:
        raise BadReleaseName(name=name[:MAX_NAME_CHARS], reason=say("it is longer than {most}", most=MAX_NAME_CHARS))
    if not _NAME.fullmatch(name):
        raise BadReleaseName(name=name, reason=say("it begins and ends with a letter or digit"))


def check_alias(alias: str) -> None:
    """Refuse a text that is no alias; one of digits alone would be taken for a version.

    Raises:
        BadReleaseName: it is not one.
    """
    check_name(alias)
    if alias.isdigit():
        raise BadReleaseName(name=alias, reason=say("an alias is not a number"))


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hexadecimal; nothing else may become part of a path."""
    return _DIGEST.fullmatch(text) is not None


def is_inside(path: str) -> bool:
    """Whether a path of a manifest stays within its release, on every system."""
    parts = path.split("/")
    plain = not path.startswith("/") and "\\" not in path and "\0" not in path and ":" not in parts[0]
    return plain and bool(path) and not any(part in ("", ".", "..") for part in parts)


def load_manifest(text: str | bytes) -> ReleaseManifest:
    """Read a manifest that was kept.

    Raises:
        ValueError: it is damaged, or names a file outside the release.
    """
    manifest = msgspec.json.decode(text, type=ReleaseManifest)
    for file in manifest.files:
        if not is_inside(file.path) or not is_digest(file.digest):
            raise ValueError(say("the manifest names the file {path!r}", path=file.path))
    if manifest.path != "." and not is_inside(manifest.path):
        raise ValueError(say("the manifest names the path {path!r}", path=manifest.path))
    return manifest


def differences(old: ReleaseManifest, new: ReleaseManifest) -> list[tuple[str, str, str]]:
    """What differs between two releases: what it is, its old and its new value; empty for none."""
    rows: list[tuple[str, str, str]] = []
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    for path in sorted(before.keys() | after.keys()):
        left, right = before.get(path), after.get(path)
        if left is None or right is None or left.digest != right.digest:
            rows.append((say("file {path}", path=path), _file(left), _file(right)))
    for label, first, second in _fields(old, new):
        if first != second:
            rows.append((label, first, second))
    return rows


def _file(file: ReleaseFile | None) -> str:
    return "" if file is None else say("{digest}, {size:bytes}", digest=file.digest[:12], size=file.size)


def _fields(old: ReleaseManifest, new: ReleaseManifest) -> list[tuple[str, str, str]]:
    labels = ("format", "task", "architecture", "quantization", "parameters")
    rows = [(label, _text(getattr(old.inspection, label)), _text(getattr(new.inspection, label))) for label in labels]
    rows += [
        (label, _specs(getattr(old.inspection, label)), _specs(getattr(new.inspection, label)))
        for label in ("inputs", "outputs")
    ]
    rows += [(label, _text(getattr(old, label)), _text(getattr(new, label))) for label in ("licence", "path", "note")]
    for label in ("scan", "signature", "gate"):
        first, second = getattr(old, label), getattr(new, label)
        rows.append((label, first.verdict, second.verdict))
    rows.append((say("signer"), old.signature.signer, new.signature.signer))
    return rows


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.datatype}{list(spec.shape)}" for spec in specs)


def top_parts(paths: list[str]) -> list[PurePosixPath]:
    """The directories that these paths need, parents first."""
    found = {parent for path in paths for parent in PurePosixPath(path).parents}
    return sorted(found - {PurePosixPath(".")}, key=lambda each: len(each.parts))

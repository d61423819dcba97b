"""OpenSSF model signatures as files: where one lies, what it states, and what is wrong where it does not hold.

A signature is a Sigstore bundle in JSON. Reading one here proves nothing; `signing` does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say

MOST_SIGNATURE = 64 * 1024 * 1024
"""Bytes of a signature; it lists every file or shard of the model."""
INSIDE = "model.sig"
"""The name of a folder's signature, within the folder."""
SUFFIX = ".sig"
"""What a single file's signature adds to its name."""
BUNDLE = "application/vnd.dev.sigstore.bundle"
_PREDICATES = ("https://model_signing/signature/v1.0", "https://model_signing/Digests/v0.1")


class SignatureError(AirworthyError):
    """The base of what is wrong with a model's signature."""

    code = "signature-error"
    exit = Exit.FINDINGS


class SignatureMissing(SignatureError):
    """No signature where one is looked for."""

    code = "signature-missing"
    message = "{path} has no signature: {signature} does not exist"
    hint = "get it from who published the model, name it with --signature, or make one with `airworthy sign`"


class SignatureUnreadable(SignatureError):
    """A file that is no model signature."""

    code = "signature-unreadable"
    message = "{signature} is no signature of a model: {reason}"
    hint = "take the signature from the model's publisher again"


class WrongMethod(SignatureError):
    """A signature of another kind than what it is to be verified with."""

    code = "signature-method"
    message = "{signature} was made with a {made}, not with a {asked}"
    hint = "{way_out}"


class OtherKey(SignatureError):
    """A signature by another key than the one that is trusted."""

    code = "signature-other-key"
    message = "{signature} was made with another key than that of {key}"
    hint = "take the publisher's key; if the model came from elsewhere, don't trust it"


class SignatureForged(SignatureError):
    """A signature whose statement was changed, or that was not made by whom it names."""

    code = "signature-forged"
    message = "{signature} does not hold: its statement is not what was signed"
    hint = "take model and signature from the publisher again"


class CertificateUntrusted(SignatureError):
    """A signing certificate that leads to no trusted one."""

    code = "certificate-untrusted"
    message = "the certificate in {signature} leads to none of {trusted}: {reason}"
    hint = "give the root certificate of the publisher with --certificate"


class CertificateExpired(SignatureError):
    """A certificate of the chain is not valid at this time."""

    code = "certificate-expired"
    message = "the certificate of {subject} in {signature} is valid from {begins} to {ends}, not now"
    hint = "have the model signed anew; --allow-expired takes a certificate that was valid once"


class CertificateUse(SignatureError):
    """A certificate that is not for signing."""

    code = "certificate-use"
    message = "the certificate in {signature} is not for signing"
    hint = "sign with a certificate that has the key usage `digitalSignature`, or `codeSigning` among its extended ones"


class ModelDiffers(SignatureError):
    """The base of what a model's files can differ in from what was signed."""

    hint = "take the model from its publisher again, or have it signed as it is now"


class FileChanged(ModelDiffers):
    """A file with another content."""

    code = "signed-file-changed"
    message = "{path}: {member} is not what was signed: its {algorithm} hash is {found}, signed was {wanted}{more}"


class FileAdded(ModelDiffers):
    """A file that was not signed."""

    code = "signed-file-added"
    message = "{path}: {member} was added after the model was signed{more}"


class FileRemoved(ModelDiffers):
    """A signed file that is not there."""

    code = "signed-file-removed"
    message = "{path}: {member} was signed and is not there{more}"


class FileRenamed(ModelDiffers):
    """A signed file under another name."""

    code = "signed-file-renamed"
    message = "{path}: {member} was signed as {signed}{more}"
    hint = "give the file its name again"


class FileIsLink(ModelDiffers):
    """A symbolic link, whose target can change without the model's folder changing."""

    code = "signed-file-link"
    message = "{path}: {member} is a symbolic link, and links were not signed"
    hint = "put the file itself there; or sign with --allow-symlinks, if what it leads to belongs to the model"


class Statement(msgspec.Struct, frozen=True):
    """What a signature states, and what it says of who signed."""

    signature: str
    """The file that it was read from."""
    name: str
    """The model's name when it was signed."""
    method: str
    """What it was signed with: `key`, `certificate` or `sigstore`."""
    signer: str
    """The hash of the public key, or nothing; for a certificate `signing` reports the subject."""
    serialization: dict[str, Any]
    """How files were hashed: `method`, `hash_type`, `allow_symlinks`, `ignore_paths`, `shard_size`."""
    resources: dict[str, tuple[str, str]]
    """By file, or by shard of one: the algorithm and the hash."""
    chain: tuple[bytes, ...] = ()
    """The certificates that it brings, the signing one first, as DER."""


def signature_of(path: Path) -> Path:
    """Where the signature of a model lies unless it is named: within a folder, beside a file."""
    return path / INSIDE if path.is_dir() else path.with_name(path.name + SUFFIX)


def read_statement(data: bytes, name: str) -> Statement:
    """What a signature states. Nothing of it is proven yet.

    Raises:
        SignatureUnreadable: the bytes are no signature of a model.
    """
    try:
        return _read(data, name)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = say("it is not made as one ({kind})", kind=type(error).__name__)
        raise SignatureUnreadable(signature=name, reason=reason) from None


def _read(data: bytes, name: str) -> Statement:
    try:
        bundle = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SignatureUnreadable(signature=name, reason=say("it is not JSON")) from None
    if not isinstance(bundle, dict) or not str(bundle.get("mediaType", "")).startswith(BUNDLE):
        raise SignatureUnreadable(signature=name, reason=say("it is no Sigstore bundle"))
    material = bundle["verificationMaterial"]
    chain: tuple[bytes, ...] = ()
    signer = ""
    if "x509CertificateChain" in material:
        method = "certificate"
        chain = tuple(_unpack(each["rawBytes"]) for each in material["x509CertificateChain"]["certificates"])
    elif "publicKey" in material:
        method, signer = "key", str(material["publicKey"].get("hint", ""))
    else:
        method = "sigstore"
    payload = msgspec.json.decode(_unpack(bundle["dsseEnvelope"]["payload"]))
    if payload.get("predicateType") not in _PREDICATES:
        raise SignatureUnreadable(signature=name, reason=say("it states something else than a model's files"))
    if payload["predicateType"] == _PREDICATES[0]:
        predicate = payload["predicate"]
        serialization = dict(predicate["serialization"])
        resources = {str(r["name"]): (str(r["algorithm"]), str(r["digest"])) for r in predicate["resources"]}
        model = str(payload["subject"][0]["name"])
    else:
        serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        resources = {str(each["name"]): ("sha256", str(each["digest"]["sha256"])) for each in payload["subject"]}
        model = ""
    return Statement(name, model, method, signer, serialization, resources, chain)


def _unpack(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def difference(
    path: Path, signed: Mapping[str, tuple[str, str]], found: Mapping[str, tuple[str, str]]
) -> ModelDiffers | None:
    """In what a model's files differ from those that were signed; None where they don't.

    Args:
        path: the model.
        signed: by name, the algorithm and the hash that were signed.
        found: the same, of the files that are there.
    """
    changed = sorted(name for name in signed.keys() & found.keys() if signed[name] != found[name])
    removed = sorted(signed.keys() - found.keys())
    added = sorted(found.keys() - signed.keys())
    count = len(changed) + len(removed) + len(added)
    for name in removed:
        if other := next((new for new in added if found[new] == signed[name]), None):
            return FileRenamed(path=path, member=other, signed=name, more=_more(count - 2))
    if changed:
        member = changed[0]
        return FileChanged(
            path=path,
            member=path.name if member == "." else member,
            algorithm=signed[member][0],
            found=found[member][1],
            wanted=signed[member][1],
            more=_more(count - 1),
        )
    if removed:
        return FileRemoved(path=path, member=removed[0], more=_more(count - 1))
    return FileAdded(path=path, member=added[0], more=_more(count - 1)) if added else None


def _more(count: int) -> str:
    return say("; {count} more of its files differ", count=count) if count > 0 else ""


def ignored(statement: Statement) -> Sequence[str]:
    """The paths that were left out when the model was signed."""
    return tuple(str(each) for each in statement.serialization.get("ignore_paths", ()))

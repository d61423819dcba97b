"""Signing and verifying models with the `model-signing` package: keys and certificates, without a network.

The one file that imports it. Signatures are those of its own command, both ways.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.artifacts.signing import signatures
from airworthy.artifacts.signing.signatures import Statement
from airworthy.core.errors import AirworthyError, ExtraMissing, InputNotFound, InputUnreadable
from airworthy.core.messages import say

if TYPE_CHECKING:
    from model_signing.hashing import Config as Hashing

LEFT_OUT = (".git", ".gitattributes", ".github", ".gitignore")
"""What the package leaves out of every model."""


class KeyUnusable(AirworthyError):
    """A key or certificate that nothing can be signed or verified with."""

    code = "key-unusable"
    message = "{path} cannot be used: {reason}"
    hint = "{way_out}"


class CannotSign(AirworthyError):
    """A model that can't be signed as it is."""

    code = "cannot-sign"
    message = "{path} cannot be signed: {reason}"
    hint = "{way_out}"


def sign(
    path: Path,
    signature: Path,
    *,
    key: Path,
    password: str | None = None,
    certificate: Path | None = None,
    chain: Sequence[Path] = (),
    ignore: Sequence[Path] = (),
    links: bool = False,
) -> bytes:
    """The signature of a model.

    Args:
        path: a file or a folder.
        signature: where it will lie; that file is left out.
        key: the private key, on a NIST curve, as PEM.
        password: of that key.
        certificate: of that key, as PEM; without one the signature names the key alone.
        chain: certificates between that and the root, as PEM.
        ignore: paths below the folder that are left out.
        links: whether symbolic links are followed; refused otherwise.

    Raises:
        ExtraMissing: the package is not installed.
        KeyUnusable: a key or certificate can't be read or used.
        CannotSign: there is a symbolic link, or nothing to sign.
    """
    with _package() as (signing, _, hashing):
        try:
            if certificate is None:
                config = signing.Config().use_elliptic_key_signer(private_key=key, password=_bytes(password))
            elif password is not None:
                way_out = say("write it out without one: `openssl pkey -in {key} -out plain.pem`", key=key)
                reason = say("the package takes no key with a password beside a certificate")
                raise KeyUnusable(path=key, reason=reason, way_out=way_out)
            else:
                config = signing.Config().use_certificate_signer(
                    private_key=key, signing_certificate=certificate, certificate_chain=list(chain) or [certificate]
                )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _unusable(error, key, certificate, *chain) from None
        if (link := _first_link(path, (*ignore, signature))) is not None and not links:
            way_out = say("put the file itself there, or sign what links lead to as well: --allow-symlinks")
            raise CannotSign(path=path, reason=say("{member} is a symbolic link", member=link), way_out=way_out)
        out_of = _relative(path, (*ignore, signature))
        hashing_config = hashing.Config().use_file_serialization(allow_symlinks=links)
        hashing_config.set_ignored_paths(paths=out_of).set_allow_symlinks(links)
        with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
            made = Path(folder) / signatures.INSIDE
            try:
                config.set_hashing_config(hashing_config).sign(path, made)
            except (OSError, ValueError) as error:
                raise CannotSign(
                    path=path, reason=_one_line(error), way_out=say("see `ls -lR {path}`", path=path)
                ) from None
            return made.read_bytes()


def verify(
    path: Path,
    signature: Path,
    *,
    key: Path | None = None,
    certificates: Sequence[Path] = (),
    expired: bool = False,
) -> Statement:
    """Prove that a model is what was signed by whom we trust.

    Args:
        path: a file or a folder.
        signature: its signature.
        key: the public key that is trusted, as PEM; None where it was signed with a certificate.
        certificates: the roots that are trusted, as PEM.
        expired: whether a certificate is taken that is not valid now.

    Returns:
        What was stated, all of it proven.

    Raises:
        ExtraMissing: the package is not installed.
        KeyUnusable: the key or a certificate can't be read or used.
        SignatureError: it does not hold; the class says in what.
    """
    data = _read(path, signature)
    statement = signatures.read_statement(data, str(signature))
    asked = "key" if key is not None else "certificate"
    if statement.method != asked:
        ways = {
            "key": say("give the public key: --key"),
            "certificate": say("give the root certificate: --certificate"),
        }
        way_out = ways.get(statement.method, say("`model_signing verify sigstore` verifies it; that needs a network"))
        raise signatures.WrongMethod(signature=signature, made=statement.method, asked=asked, way_out=way_out)
    with _package() as (_, verifying, hashing), tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        # The package reads the very bytes that were read here: what is proven and what is reported are one.
        kept = Path(folder) / signatures.INSIDE
        kept.write_bytes(data)
        config = verifying.Config()
        try:
            if key is not None:
                config.use_elliptic_key_verifier(public_key=key)
            else:
                config.use_certificate_verifier(certificate_chain=list(certificates))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _unusable(error, *([key] if key is not None else []), *certificates) from None
        statement = _signers(statement, signature, expired)
        config.set_hashing_config(_hashing(hashing, statement, path, signature))
        try:
            config.verify(path, kept)
        except Exception as error:  # noqa: BLE001 - three libraries' exceptions, one of them without a text
            trusted = key if key is not None else tuple(map(str, certificates))
            told = _told(error, signature, trusted)
            raise told or _differs(hashing, statement, path, signature, error) from None
    return statement


@contextlib.contextmanager
def _package() -> Iterator[tuple[Any, Any, Any]]:
    """The package's modules; what it prints and warns of meanwhile is not for the reader."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            from model_signing import hashing, signing, verifying
        except ImportError as error:
            library = (error.name or "model_signing").partition(".")[0]
            library = {"OpenSSL": "pyopenssl", "model_signing": "model-signing"}.get(library, library)
            raise ExtraMissing(job=say("signing models"), library=library, extra="sign") from None
        yield signing, verifying, hashing


def _hashing(hashing: Any, statement: Statement, path: Path, signature: Path) -> Hashing:
    """How the statement says that files were hashed. What it says is proven before anything is hashed."""
    how = statement.serialization
    config = hashing.Config()
    links = how.get("allow_symlinks") is True
    try:
        if how.get("method") == "shards":
            config.use_shard_serialization(
                hashing_algorithm=how["hash_type"], shard_size=int(how["shard_size"]), allow_symlinks=links
            )
        else:
            config.use_file_serialization(hashing_algorithm=how["hash_type"], allow_symlinks=links)
    except (KeyError, TypeError, ValueError) as error:
        raise signatures.SignatureUnreadable(signature=signature, reason=_one_line(error)) from None
    result: Hashing = config.set_ignored_paths(paths=_relative(path, (signature,))).set_allow_symlinks(links)
    return result


def _signers(statement: Statement, signature: Path, expired: bool) -> Statement:
    """The statement with its signer's name, once the times of its certificates were inspected.

    The package takes the time at which the certificate began for the present one, so that any has still to expire.
    """
    if not statement.chain:
        return statement
    import msgspec
    from cryptography import x509

    try:
        chain = [x509.load_der_x509_certificate(each) for each in statement.chain]
    except ValueError as error:
        raise signatures.SignatureUnreadable(signature=signature, reason=_one_line(error)) from None
    now = datetime.now(timezone.utc)
    for each in chain:
        if not expired and not each.not_valid_before_utc <= now <= each.not_valid_after_utc:
            raise signatures.CertificateExpired(
                signature=signature,
                subject=each.subject.rfc4514_string(),
                begins=each.not_valid_before_utc.date(),
                ends=each.not_valid_after_utc.date(),
            )
    return msgspec.structs.replace(statement, signer=chain[0].subject.rfc4514_string())


def _told(error: Exception, signature: Path, trusted: object) -> AirworthyError | None:
    """What an error of the package means; None where the statement holds and the files are not as it says."""
    from cryptography.exceptions import InvalidSignature
    from OpenSSL.crypto import X509StoreContextError

    text = _one_line(error)
    if isinstance(error, InvalidSignature):
        return signatures.SignatureForged(signature=signature)
    if isinstance(error, X509StoreContextError):
        return signatures.CertificateUntrusted(signature=signature, trusted=trusted, reason=text)
    if text.startswith("Key mismatch"):
        return signatures.OtherKey(signature=signature, key=trusted)
    if "cannot be used for signing" in text:
        return signatures.CertificateUse(signature=signature)
    if text.startswith("Manifest is inconsistent"):
        return signatures.SignatureForged(signature=signature)
    if text.startswith(("Signature mismatch", "Cannot use")):
        return None
    return signatures.SignatureUnreadable(signature=signature, reason=text)


def _differs(hashing: Any, statement: Statement, path: Path, signature: Path, error: Exception) -> AirworthyError:
    out_of = (signature, *(path / each for each in signatures.ignored(statement)))
    if statement.serialization.get("allow_symlinks") is not True and (link := _first_link(path, out_of)) is not None:
        return signatures.FileIsLink(path=path, member=link)
    config = _hashing(hashing, statement, path, signature)
    config.add_ignored_paths(model_path=path, paths=signatures.ignored(statement))
    try:
        manifest = config.hash(path)
    except (OSError, ValueError) as problem:
        return InputUnreadable(path=path, reason=_one_line(problem))
    found = {
        each.identifier: (each.digest.algorithm, each.digest.digest_hex) for each in manifest.resource_descriptors()
    }
    told = signatures.difference(path, statement.resources, found)
    # It differed a moment ago and doesn't now: another process writes to it.
    return told or InputUnreadable(path=path, reason=say("it changes while it is read: {text}", text=_one_line(error)))


def _read(path: Path, signature: Path) -> bytes:
    try:
        with signature.open("rb") as stream:
            data = stream.read(signatures.MOST_SIGNATURE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise signatures.SignatureMissing(path=path, signature=signature) from None
    except OSError as error:
        raise InputUnreadable(path=signature, reason=error.strerror or str(error)) from None
    if len(data) > signatures.MOST_SIGNATURE:
        raise signatures.SignatureUnreadable(signature=signature, reason=say("it is too large"))
    return data


def _first_link(path: Path, out_of: Sequence[Path]) -> str | None:
    """The first symbolic link below a folder, links to folders included; None where there is none."""
    left_out = {(path / name).absolute() for name in LEFT_OUT} | {each.absolute() for each in out_of}
    if path.is_symlink():
        return path.name
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).absolute() not in left_out)
        for name in sorted((*folders, *files)):
            each = here / name
            if each.is_symlink() and each.absolute() not in left_out:
                return each.relative_to(path).as_posix()
    return None


def _relative(path: Path, others: Sequence[Path]) -> list[Path]:
    """Those paths that lie below a folder, relative to it."""
    root = path.resolve()
    # Of a link the link itself is left out, not what it leads to.
    places = [(each.parent.resolve() / each.name) for each in others]
    return [each.relative_to(root) for each in places if each != root and each.is_relative_to(root)]


def _unusable(error: Exception, *paths: Path | None) -> AirworthyError:
    missing = next((path for path in paths if path is not None and not path.exists()), None)
    if missing is not None:
        return InputNotFound(path=missing, cwd=Path.cwd())
    named = [path for path in paths if path is not None]
    text = _one_line(error)
    if isinstance(error, TypeError) and "assword" in text:
        way_out = say("give its password: --password-file FILE or --password-env NAME")
        if "not encrypted" in text:
            way_out = say("it has no password: give none")
        return KeyUnusable(path=named[0], reason=text, way_out=way_out)
    if isinstance(error, AttributeError) and "curve" in text:
        # The package asks a key of another kind for its curve.
        text = say("it is not a key on a NIST curve; keys for encryption do not sign")
    way_out = say("`airworthy keygen --signing key.pem` makes a key that can be used")
    return KeyUnusable(path=", ".join(map(str, named)) if len(named) > 1 else named[0], reason=text, way_out=way_out)


def new_key(password: str = "") -> tuple[bytes, bytes]:
    """A private key on the curve P-256 and its public half, as PEM.

    Args:
        password: protects the private half; empty for none.

    Raises:
        ExtraMissing: the package is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ModuleNotFoundError as error:
        raise ExtraMissing(job=say("making a signing key"), library=error.name, extra="sign") from None
    key = ec.generate_private_key(ec.SECP256R1())
    closed: Any = serialization.NoEncryption()
    if password:
        closed = serialization.BestAvailableEncryption(password.encode())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, closed)
    return private, key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)


def _bytes(password: str | None) -> Any:
    return None if password is None else password.encode()


def _one_line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:500]

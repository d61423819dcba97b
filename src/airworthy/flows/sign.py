"""Signing a model and proving one: OpenSSF model signing, with keys or certificates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airworthy.artifacts.signing.signatures import Statement, signature_of
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.flows.answers.signing import Signed, SignedFile, Verified
from airworthy.flows.files import OutputExists, model_path, output_path, write_private


def sign(
    path: str | Path,
    *,
    key: str,
    password: str = "",
    certificate: str | None = None,
    chain: Sequence[str] = (),
    signature: str | None = None,
    ignore: Sequence[str] = (),
    links: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> Signed:
    """Sign a model.

    Args:
        path: a file or a folder.
        key: the private key, a PEM file on a NIST curve.
        password: where a password of that key stands: a file, whose first line it is, or `env:NAME`.
        certificate: of that key, a PEM file; without one the signature names the key alone.
        chain: PEM files with the certificates up to the root.
        signature: where to write it; `model.sig` in a folder, NAME.sig beside a file.
        ignore: paths that are left out.
        links: whether symbolic links are followed.
        force: whether a signature that is there is replaced.
        progress: receives the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        OutputExists: there is a signature already.
        ExtraMissing: the `sign` extra is not installed.
        KeyUnusable: a key or certificate can't be read or used.
        KeyUnreadable: there is no such password.
        CannotSign: there is a symbolic link, or nothing to sign.
    """
    from airworthy.artifacts.encryption.keys import secret
    from airworthy.artifacts.signing.model_signing import sign as make

    with model_path(path) as model:
        place = output_path(signature) if signature else signature_of(model)
        if place.exists() and not force:
            raise OutputExists(path=place)
        progress.stage(say("hashing {path}", path=path))
        made = make(
            model,
            place,
            key=Path(key),
            password=secret(password) if password else None,
            certificate=Path(certificate) if certificate else None,
            chain=[Path(each) for each in chain],
            ignore=[Path(each) for each in ignore],
            links=links,
        )
        write_private(place, made)
        place.chmod(0o644)  # a signature is for everyone
    return Signed(path=str(path), signature=place)


def verify(
    path: str | Path,
    *,
    key: str | None = None,
    certificates: Sequence[str] = (),
    signature: str | None = None,
    expired: bool = False,
    progress: Progress = SILENT,
) -> Verified:
    """Prove that a model is what was signed.

    Args:
        path: a file or a folder.
        key: the public key that is trusted, a PEM file.
        certificates: PEM files with the root certificates that are trusted.
        signature: where the signature lies; by default where `sign` puts it.
        expired: whether a certificate is taken that is not valid now.
        progress: receives the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        ExtraMissing: the `sign` extra is not installed.
        KeyUnusable: the key or a certificate can't be read or used.
        SignatureError: it does not hold; the class says in what.
    """
    from airworthy.artifacts.signing.model_signing import verify as prove

    with model_path(path) as model:
        place = output_path(signature) if signature else signature_of(model)
        progress.stage(say("hashing {path}", path=path))
        roots = [Path(each) for each in certificates]
        stated = prove(model, place, key=Path(key) if key else None, certificates=roots, expired=expired)
    return _verified(str(path), stated)


def _verified(path: str, stated: Statement) -> Verified:
    return Verified(
        path=path,
        verdict="signed",
        signature=stated.signature,
        name=stated.name,
        method=stated.method,
        signer=stated.signer,
        files={name: SignedFile(how, value) for name, (how, value) in stated.resources.items()},
    )

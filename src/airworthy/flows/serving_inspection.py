"""The inspection of a model that is to be checked or served: with its signature, and inside an encrypted one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from airworthy.core.errors import InputUnreadable
from airworthy.core.facts import Known
from airworthy.core.keys import MODEL_DEFECTS, MODEL_SIGNATURE
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.progress import Progress
from airworthy.core.settings import Settings
from airworthy.core.values import ModelSignature
from airworthy.flows.files import read, reason

NOT_ALL = "signature-not-all"
"""What is wrong where a file was signed and the model is more than that file."""


def inspect_for_serving(path: Path, settings: Settings, progress: Progress) -> Inspection:
    """What a model is, by the settings that hold for it.

    Where a signature is requested, the fact `model.signature` says whether one by that key holds. An encrypted model
    is described as it was before it was encrypted, where the settings name a key.

    Raises:
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
        EncryptionError: an encrypted model is not what was written, or not for the key; the class says in what.
        KeyUnreadable: a key can't be read.
    """
    from airworthy.artifacts.identify import inspect

    progress.stage(say("reading {model}", model=path))
    inspection = inspect(path)
    if settings.serve.decryption.key and inspection.model.format == "encrypted":
        inspection = _opened(path, settings, inspection)
    if settings.serve.pooling and not inspection.model.pooling:
        inspection = _pooled(inspection, settings.serve.pooling)
    if settings.serve.require_signature:
        signature = _proven(path, settings.serve.require_signature, progress)
        if signature.state == "valid" and (other := _beside(path, inspection.model)):
            template = "the signature is over {path} alone, and the model also reads {other}; sign and serve the folder"
            detail = say(template, path=path.name, other=other)
            signature = ModelSignature(path=signature.path, state="invalid", kind=NOT_ALL, detail=detail)
        facts = inspection.facts.merged({MODEL_SIGNATURE.name: Known(signature, signature.path)})
        model = msgspec.structs.replace(inspection.model, signer=signature.signer if signature.state == "valid" else "")
        inspection = Inspection(model, facts)
    return inspection


def _pooled(inspection: Inspection, mode: str) -> Inspection:
    """The inspection of a model whose token vectors are pooled as the settings say."""
    from airworthy.artifacts.configuration.text_tasks import pooled, takes_texts

    model = inspection.model
    if model.task == "tensors" and takes_texts(model):
        inspection = msgspec.structs.replace(inspection, model=pooled(model, (mode,)))
    return inspection


def refuse_unopened(model: ModelInfo) -> None:
    """Refuse to plan for a model that is encrypted and was not opened.

    Raises:
        KeyMissing: no key was given.
    """
    if model.format == "encrypted" and model.sealed is None:
        from airworthy.artifacts.encryption.errors import KeyMissing

        raise KeyMissing(path=model.path, recipients=model.metadata.get("recipients", "?"))


def _beside(path: Path, model: ModelInfo) -> str:
    """A file that the model reads besides the one that was named; empty for a folder and an encrypted model."""
    if path.is_dir() or model.sealed is not None:
        return ""
    others = (file.path for file in model.files if file.path != path.name)
    return next(others, Path(model.tokenizer).name)


def _opened(path: Path, settings: Settings, inspection: Inspection) -> Inspection:
    from airworthy.artifacts.encryption.errors import NoModelInside
    from airworthy.artifacts.encryption.models import described

    if inspection.facts.get_value(MODEL_DEFECTS, ()):
        return inspection  # its finding says more than an error would
    try:
        found = described(path, settings.serve.decryption.key, settings.serve.decryption.password)
    except OSError as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None
    if found is None:
        raise NoModelInside(path=path)
    # The signature is that of the encrypted file: inside there is none to check.
    signature = {MODEL_SIGNATURE.name: inspection.facts.fact(MODEL_SIGNATURE)}
    return msgspec.structs.replace(found, facts=found.facts.merged(signature))


def _proven(path: Path, trusted: str, progress: Progress) -> ModelSignature:
    """Whether a signature by whom is trusted holds. A key or certificate that can't be used is an error, no finding."""
    from airworthy.artifacts.signing.signatures import SignatureError, SignatureMissing, signature_of
    from airworthy.flows.sign import verify

    place = str(signature_of(path))
    certificate = b"BEGIN CERTIFICATE" in read(trusted)
    try:
        if certificate:
            stated = verify(path, certificates=[trusted], progress=progress)
        else:
            stated = verify(path, key=trusted, progress=progress)
    except SignatureError as error:
        state = "missing" if isinstance(error, SignatureMissing) else "invalid"
        return ModelSignature(path=place, state=state, kind=error.code, detail=error.text)
    return ModelSignature(path=place, state="valid", signer=stated.signer)

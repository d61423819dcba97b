"""Encrypted models in a service: decrypted in memory by the process that needs the part, written nowhere."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

from airworthy.artifacts.encryption.models import opened, read_member
from airworthy.core.errors import AirworthyError, InputUnreadable
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.engines.interface import BatchRunner, Engine, LoadFailed, LoadsFromMemory, RunnerOptions, WeightContents
from airworthy.serve.workers.graph_proof import prove
from airworthy.serve.workers.row_checks import GraphProof, PaddedTexts

_PR_SET_DUMPABLE = 4
"""From `linux/prctl.h`."""


def load_sealed(
    engine: Engine, model: ModelInfo, options: RunnerOptions, texts: PaddedTexts | None
) -> tuple[BatchRunner, GraphProof]:
    """Decrypt a model into this process's memory, load it from there, and read its graph.

    Raises:
        LoadFailed: it does not open, or the engine can't load it.
        ExtraMissing: a library isn't installed.
    """
    sealed = model.sealed
    assert sealed is not None
    if not isinstance(engine, LoadsFromMemory):
        raise LoadFailed(engine=engine.name, path=model.entry, detail=say("it loads no encrypted models"))
    keep_to_ourselves()
    try:
        files = opened(sealed)
        entry = files.pop(sealed.entry)
    except OSError as error:
        raise LoadFailed(engine=engine.name, path=model.entry, detail=error.strerror or str(error)) from None
    except KeyError:
        detail = say("{entry} is not among its files", entry=sealed.entry)
        raise LoadFailed(engine=engine.name, path=model.entry, detail=detail) from None
    except AirworthyError as error:
        raise LoadFailed(engine=engine.name, path=model.entry, detail=error.text) from None
    # A graph names the files of its weights from its own folder.
    folder = PurePosixPath(sealed.entry).parent
    beside = {
        PurePosixPath(name).relative_to(folder).as_posix(): data
        for name, data in files.items()
        if PurePosixPath(name).is_relative_to(folder)
    }
    runner = engine.load_from_memory(model, WeightContents(entry, beside), options)
    return runner, prove(model, engine.name, texts, entry)


def read_tokenizer(model: ModelInfo) -> bytes:
    """The `tokenizer.json` of an encrypted model.

    Raises:
        InputUnreadable: it is not there, or can't be read.
        EncryptionError: the container is not what was written, or not for that key.
    """
    sealed = model.sealed
    assert sealed is not None
    try:
        return read_member(sealed, sealed.tokenizer)
    except KeyError:
        raise InputUnreadable(path=model.tokenizer, reason=say("it is not among the model's files")) from None
    except OSError as error:
        raise InputUnreadable(path=model.path, reason=error.strerror or str(error)) from None


def keep_to_ourselves() -> None:
    """Let no crash write this process's memory to a disk, and no other process of this user read it."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        # Where the kernel pipes crashes to a program, the limit alone does not stop it.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

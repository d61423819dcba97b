"""What names the content of a served model: the part of a kept answer's key that outlives the process."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import msgspec

import airworthy
from airworthy.core.model import ModelInfo

_CHUNK = 1 << 20


def _paths(model: ModelInfo) -> list[Path]:
    root = Path(model.path)
    base = root if root.is_dir() else root.parent
    named = [base / file.path for file in model.files]
    return sorted({*named, Path(model.entry), *([Path(model.tokenizer)] if model.tokenizer else [])})


def stamp_of(model: ModelInfo) -> tuple[object, ...]:
    """What changes when a file is written or replaced, without reading it; empty where a file can't be seen."""
    try:
        return tuple((str(path), *_stat(path)) for path in _paths(model))
    except OSError:
        return ()


def _stat(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def content_digest(model: ModelInfo, engine: str) -> str:
    """A SHA-256 over all files of a model, the engine and the program: what decides about an answer.

    Raises:
        OSError: a file can't be read.
    """
    digest = hashlib.sha256()
    recipe = msgspec.json.encode(model.pooling).decode()
    for part in (airworthy.__version__, engine, _version(engine), recipe):
        digest.update(len(part).to_bytes(4, "little") + part.encode())
    for path in _paths(model):
        own = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                own.update(chunk)
        digest.update(own.digest())
    return digest.hexdigest()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""

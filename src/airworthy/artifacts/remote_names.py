"""Names of models elsewhere, where a path is taken: nothing is downloaded, and the command that does it is named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from airworthy.core.errors import InputNotFound, NotLocal

_HUB_URL = re.compile(r"(?:hf://|https?://(?:www\.)?(?:huggingface\.co|hf\.co)/)([\w.-]{1,96}/[\w.-]{1,96})(?:/.*)?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_SUFFIXES = "onnx|gguf|safetensors|pt|pth|bin|tflite|keras|h5|zip"
_MODEL_FILE = re.compile(rf"https?://.+\.(?:{_SUFFIXES})(?:\?.*)?", re.IGNORECASE)


def is_download(name: str) -> bool:
    """Whether a URL is that of a model's file or repository, and not that of a server that runs a model."""
    return bool(_HUB_URL.fullmatch(name) or _MODEL_FILE.fullmatch(name))


def not_found(path: str | Path) -> InputNotFound:
    """The error about a model that is not at its path; for the name of one elsewhere, how it is fetched."""
    name = str(path)
    hub = _HUB_URL.fullmatch(name)
    # A repository's name looks like a path of two parts: where its first part is a folder here, it is one.
    if hub is None and _REPOSITORY.fullmatch(name) and not Path(name).parent.exists():
        repository = name
    else:
        repository = hub[1] if hub is not None else ""
    if repository:
        folder = repository.rpartition("/")[2]
        return NotLocal(path=name, command=f"hf download {repository} --local-dir {folder}", cwd=Path.cwd())
    if "://" in name:
        return NotLocal(path=name, command=f"curl -LO {shlex.quote(name)}", cwd=Path.cwd())
    return InputNotFound(path=path, cwd=Path.cwd())

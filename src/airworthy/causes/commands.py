"""The shell commands of remedies, spelt for the host in question."""

from __future__ import annotations

import shlex
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from airworthy.core.facts import Facts
from airworthy.core.keys import MODEL_PATH, OS_KERNEL, PYTHON_EXECUTABLE

_FILES = frozenset(
    (
        ".bin",
        ".ckpt",
        ".engine",
        ".gguf",
        ".h5",
        ".keras",
        ".onnx",
        ".pkl",
        ".plan",
        ".pt",
        ".pth",
        ".safetensors",
        ".zip",
    )
)
"""Suffixes of model files; a folder's name may have a dot as well, `Qwen2.5-7B`."""


def on_windows(facts: Facts) -> bool:
    """Whether commands are for Windows."""
    return facts.get_value(OS_KERNEL, "").startswith("Windows")


def windows_driver(facts: Facts) -> bool:
    """Whether driver versions are Windows': there, and in Linux inside WSL 2, whose driver is the host's."""
    return on_windows(facts) or "microsoft" in facts.get_value(OS_KERNEL, "").lower()


def quote(text: str, facts: Facts) -> str:
    """One word of a command line."""
    if not on_windows(facts):
        return shlex.quote(text)
    plain = text and not set(text) & set(' \t"&|<>^%()')
    return text if plain else '"' + text.replace('"', '""') + '"'


def command(facts: Facts, *words: str) -> str:
    """A command line of words."""
    return " ".join(quote(word, facts) for word in words)


def python(facts: Facts, *words: str) -> str:
    """A command of the interpreter that was read."""
    return command(facts, facts.get_value(PYTHON_EXECUTABLE, "python"), *words)


def pip_install(facts: Facts, *words: str) -> str:
    """`pip install` into the environment that was read."""
    return python(facts, "-m", "pip", "install", *words)


def _path(facts: Facts, text: str) -> PurePath:
    return PureWindowsPath(text) if on_windows(facts) else PurePosixPath(text)


def model_file(facts: Facts, member: str = "") -> str:
    """The path of a model's file; a member of an archive stands for the archive."""
    root = facts.get_value(MODEL_PATH, "")
    if not root or not member:
        return member or root or "MODEL"
    if _path(facts, member).is_absolute():
        return member
    return root if _path(facts, root).suffix in _FILES else str(_path(facts, root) / member)


def model_folder(facts: Facts) -> str:
    """The folder that holds the model."""
    path = _path(facts, facts.get_value(MODEL_PATH, "."))
    return str(path.parent if path.suffix in _FILES else path)

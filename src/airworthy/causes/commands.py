"""The shell commands of remedies, spelt for the host in question."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath, PureWindowsPath

from airworthy.core.facts import Facts
from airworthy.core.keys import MODEL_PATH, OS_KERNEL, PYTHON_EXECUTABLE


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
    """A command of the interpreter that was looked at."""
    return command(facts, facts.get_value(PYTHON_EXECUTABLE, "python"), *words)


def pip_install(facts: Facts, *words: str) -> str:
    """`pip install` into the environment that was looked at."""
    return python(facts, "-m", "pip", "install", *words)


def model_file(facts: Facts, member: str = "") -> str:
    """The path of a model's file: an absolute name as it is, a relative one inside the model's folder."""
    root = facts.get_value(MODEL_PATH, "")
    if not root or not member:
        return member or root or "MODEL"
    flavour = PureWindowsPath if on_windows(facts) else PurePosixPath
    if flavour(member).is_absolute() or flavour(root).name == flavour(member).name:
        return member if flavour(member).is_absolute() else root
    return str(flavour(root) / member) if not flavour(root).suffix else root


def model_folder(facts: Facts) -> str:
    """The folder that holds the model."""
    root = facts.get_value(MODEL_PATH, "")
    flavour = PureWindowsPath if on_windows(facts) else PurePosixPath
    path = flavour(root or ".")
    return str(path.parent if path.suffix else path)

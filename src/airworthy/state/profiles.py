"""How models were found to run best on this machine, kept between starts."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import msgspec

from airworthy.core.facts import Facts
from airworthy.core.keys import CPU_MODEL, DISTRIBUTIONS
from airworthy.core.model import ModelInfo
from airworthy.state.database import transaction
from airworthy.state.errors import StateUnusable

MAX_PROFILES = 1000
"""Profiles that are kept; beyond it the oldest goes."""

T = TypeVar("T")


def profile_key(model: ModelInfo, engine: str, options: msgspec.Struct, facts: Facts) -> str:
    """The key of a model's profile: another model file, engine, processor or share of it has another.

    Returns:
        The key; empty where the model's file can't be read.
    """
    entry = Path(model.entry)
    try:
        status = entry.stat()
        whole = str(entry.resolve())
    except OSError:
        return ""
    installed = facts.get_value(DISTRIBUTIONS, ()) or ()
    engines = sorted((each.name, str(each.version)) for each in installed if each.name.startswith(engine))
    known = (whole, status.st_size, status.st_mtime_ns, facts.get_value(CPU_MODEL, ""), engines, options)
    return hashlib.sha256(msgspec.json.encode(known)).hexdigest()[:32]


def load(directory: Path, key: str, kind: type[T]) -> T | None:
    """The profile of a key.

    Args:
        directory: the state directory.
        key: what `profile_key` gave.
        kind: the type of a profile.

    Returns:
        The profile; None where none is kept that can be read, so that it is found anew.
    """
    with contextlib.suppress(StateUnusable, msgspec.MsgspecError):
        with transaction(directory, write=False) as database:
            row = database.execute("SELECT value FROM profile WHERE key = ?", (key,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)
    return None


def keep(directory: Path, key: str, profile: msgspec.Struct, *, at: str = "") -> None:
    """Keep a profile. A directory that can't be written to is passed over: the next start searches again.

    Args:
        directory: the state directory.
        key: what `profile_key` gave.
        profile: the profile.
        at: when it was found, ISO 8601 in UTC; now when empty.
    """
    at = at or datetime.now(timezone.utc).isoformat(timespec="seconds")
    with contextlib.suppress(StateUnusable), transaction(directory) as database:
        value = msgspec.json.encode(profile).decode()
        database.execute("INSERT OR REPLACE INTO profile VALUES (?, ?, ?)", (key, at, value))
        database.execute(
            "DELETE FROM profile WHERE key NOT IN (SELECT key FROM profile ORDER BY at DESC, rowid DESC LIMIT ?)",
            (MAX_PROFILES,),
        )

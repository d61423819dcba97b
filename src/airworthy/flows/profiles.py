"""How models were found to run best on this machine, kept between starts."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from airworthy.core.facts import Facts
from airworthy.core.keys import CPU_MODEL, DISTRIBUTIONS
from airworthy.core.model import ModelInfo
from airworthy.core.settings import Settings
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.files import OutputFailed, write_private
from airworthy.flows.state import state_directory
from airworthy.serve.scheduling.tuner import Profile


def place_of(model: ModelInfo, engine: str, options: RunnerOptions, facts: Facts, settings: Settings) -> str:
    """The file of a model's profile: another model file, engine, processor or share of it has another.

    Returns:
        The path; empty where the model's file can't be looked at.
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
    name = hashlib.sha256(msgspec.json.encode(known)).hexdigest()[:32]
    return str(state_directory(settings) / "profiles" / f"{name}.json")


def load(place: str) -> Profile | None:
    """The profile that was kept there; None where there is none that can be read."""
    try:
        return msgspec.json.decode(Path(place).read_bytes(), type=Profile)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(place: str, profile: Profile) -> None:
    """Keep a profile. A place that can't be written to is passed over: the next start searches again."""
    with contextlib.suppress(OSError, OutputFailed):
        Path(place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(Path(place), msgspec.json.encode(profile))

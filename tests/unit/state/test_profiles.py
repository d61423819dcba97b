"""Profiles of models: kept under what they depend on, found again, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airworthy.core.facts import Facts, Known
from airworthy.core.keys import CPU_MODEL, DISTRIBUTIONS
from airworthy.core.model import ModelInfo
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.scheduling.tuner import Profile
from airworthy.state import profiles
from airworthy.state.database import FILE, transaction

PROFILE = Profile(lanes=2, batch=256, points=((8.0, 0.0037), (256.0, 0.0575)))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_profile_is_found_again(directory: Path) -> None:
    assert profiles.load(directory, "k", Profile) is None
    profiles.keep(directory, "k", PROFILE)
    assert profiles.load(directory, "k", Profile) == PROFILE
    assert profiles.load(directory, "other", Profile) is None
    newer = Profile(lanes=1, batch=8, points=((1.0, 0.1),))
    profiles.keep(directory, "k", newer)
    assert profiles.load(directory, "k", Profile) == newer


def test_one_of_another_shape_is_found_anew(directory: Path) -> None:
    profiles.keep(directory, "k", RunnerOptions())
    assert profiles.load(directory, "k", Profile) is None


def test_the_oldest_goes(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MAX_PROFILES", 3)
    for day in range(1, 6):
        profiles.keep(directory, str(day), PROFILE, at=f"2026-11-0{day}T00:00:00+00:00")
    with transaction(directory, write=False) as database:
        assert database.execute("SELECT key FROM profile ORDER BY key").fetchall() == [("3",), ("4",), ("5",)]


def test_a_directory_that_cannot_be_used_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    profiles.keep(tmp_path / "file" / "x", "k", PROFILE)
    assert profiles.load(tmp_path / "file" / "x", "k", Profile) is None
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    profiles.keep(tmp_path, "k", PROFILE)
    assert profiles.load(tmp_path, "k", Profile) is None
    assert (tmp_path / FILE).read_bytes() == b"no database" * 1000


def test_what_a_profile_depends_on_is_in_its_key(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"m")
    model = ModelInfo(name="m", path=str(path), format="onnx", entry=str(path))
    engines = (
        Distribution(name="onnxruntime", version=Version("1.20")),
        Distribution(name="torch", version=Version("2.1")),
    )
    facts = Facts({CPU_MODEL.name: Known("a", "test"), DISTRIBUTIONS.name: Known(engines, "test")})
    keys = [
        profiles.profile_key(model, "onnxruntime", RunnerOptions(threads=2), facts),
        profiles.profile_key(model, "torch", RunnerOptions(threads=2), facts),
        profiles.profile_key(model, "onnxruntime", RunnerOptions(threads=4), facts),
        profiles.profile_key(
            model, "onnxruntime", RunnerOptions(threads=2), facts.merged({CPU_MODEL.name: Known("b", "test")})
        ),
    ]
    os.utime(path, ns=(1, 1))
    keys.append(profiles.profile_key(model, "onnxruntime", RunnerOptions(threads=2), facts))
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 for key in keys)
    path.unlink()
    assert profiles.profile_key(model, "onnxruntime", RunnerOptions(threads=2), facts) == ""

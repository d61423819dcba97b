"""Model files with bytes changed never end in an error of ours, whatever is measured of them."""

from __future__ import annotations

import random
from pathlib import Path

import mutations
import pytest


def broken(folder: Path, each: int) -> list[str]:
    seed = random.SystemRandom().randrange(1 << 32)
    files = mutations.samples(folder)
    return [f"seed {seed}, {name}: {trace}" for name, _, trace in mutations.run(files, each, seed, folder) if trace]


def test_changed_files_are_refused_or_read(tmp_path: Path) -> None:
    assert broken(tmp_path, 1) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_changed_files_are_refused_or_read(tmp_path: Path) -> None:
    assert broken(tmp_path, 50) == []

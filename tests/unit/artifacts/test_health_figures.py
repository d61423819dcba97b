"""Figures of a pass over twelve files of eight formats beside NumPy's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import health_files


@pytest.mark.parametrize("name", health_files.FILES)
def test_figures_are_numpys_to_a_millionth(tmp_path: Path, name: str) -> None:
    assert max(health_files.errors(name, tmp_path).values()) < 1e-6

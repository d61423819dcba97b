"""Failures made for real on this machine: what the programs printed is diagnosed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import airworthy
from catalogue import agreed_slugs
from zoo import artifacts, dependencies, host, linker, network, onnx_runtime, torch_models
from zoo.exhibit import Exhibit
from zoo.needs import missing
from zoo.workshop import Workshop

ROOMS = (artifacts, dependencies, host, linker, network, onnx_runtime, torch_models)
EXHIBITS = [exhibit for room in ROOMS for exhibit in room.ROOM.exhibits]


def _marks(exhibit: Exhibit) -> list[pytest.MarkDecorator]:
    return [mark for mark, wanted in ((pytest.mark.slow, exhibit.slow), (pytest.mark.torch, exhibit.torch)) if wanted]


@pytest.mark.parametrize("exhibit", [pytest.param(each, id=each.name, marks=_marks(each)) for each in EXHIBITS])
def test_true_output_is_diagnosed(exhibit: Exhibit, tmp_path: Path) -> None:
    reasons = [reason for need in exhibit.needs if (reason := missing(need))]
    if reasons:
        pytest.skip(reasons[0])
    output = exhibit.make(Workshop(tmp_path))
    found = [finding.cause for finding in airworthy.diagnose(output).findings]
    assert found, f"nothing was recognised; wanted {exhibit.causes}\n{output[-3000:]}"
    assert found[0] in exhibit.causes, f"{found}; wanted {exhibit.causes}\n{output[-3000:]}"


def test_exhibits_are_named_once_and_described() -> None:
    names = [exhibit.name for exhibit in EXHIBITS]
    assert len(set(names)) == len(names) >= 40
    for exhibit in EXHIBITS:
        assert (exhibit.make.__doc__ or "").endswith("."), exhibit.name
        assert set(exhibit.causes) <= set(agreed_slugs()), exhibit.name
        assert re.fullmatch(r"[a-z0-9-]+", exhibit.name)

"""`airworthy serve`: what it knows before it loads a model, and how it reads its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

import language_models
import recorded_hosts
from airworthy.fit.generation import DoesNotFit
from airworthy.flows.serve import prepare
from airworthy.probes.host.memory import MEMINFO


def test_a_language_model_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = recorded_hosts.host("laptop-without-gpu")
    monkeypatch.setattr("airworthy.probes.seam.local.LocalHost", lambda *_: host)
    path = str(language_models.tiny(tmp_path / "tiny.gguf"))
    _, plans, _ = prepare([path], engine="null-generator")
    assert plans[0].options.context == language_models.CONTEXT
    host.files[MEMINFO] = b"MemTotal: 65536 kB\nMemAvailable: 32768 kB\n"
    with pytest.raises(DoesNotFit):
        prepare([path], engine="null-generator")

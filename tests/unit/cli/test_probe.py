"""The options of `check --probe`."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from airworthy.cli.check import command
from airworthy.core.report import Report


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def check(*arguments: Any, **named: Any) -> Report:
        found.update(named)
        return Report(verb="check", subject="this host", answer={"verdict": "works", "facts_taken": "now"})

    monkeypatch.setattr("airworthy.flows.check.check", check)
    return found


@pytest.mark.parametrize(
    ("arguments", "seconds"), [([], None), (["--probe"], 60), (["--probe", "--probe-seconds", "20"], 20)]
)
def test_seconds(asked: dict[str, Any], arguments: list[str], seconds: int | None) -> None:
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None
    assert asked["probe"] == seconds


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--probe", "--facts", "x.json"], "--probe tries this machine"),
        (["--probe", "--given", "gpu=H200"], "--probe tries this machine"),
        (["--probe-seconds", "20"], "give --probe too"),
        (["--probe", "--probe-seconds", "1"], "2"),
        (["--probe", "--probe-seconds", "nan"], "nan"),
    ],
)
def test_refusals(asked: dict[str, Any], arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not asked

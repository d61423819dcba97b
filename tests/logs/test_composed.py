"""Logs in which one failure prints many errors: the root is told, the rest is passed over with a reason."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from airworthy.causes.registry import CAUSES
from airworthy.recognition import diagnose

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@functools.cache
def logs() -> tuple[dict[str, Any], ...]:
    text = (Path(__file__).parent / "composed.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["log"])


@pytest.mark.parametrize("entry", logs(), ids=lambda entry: entry["name"])
def test_the_root_comes_first(entry: dict[str, Any]) -> None:
    if entry["cause"] not in CAUSES.names():
        pytest.skip(f"{entry['cause']} has no entry")
    findings = diagnose(entry["log"]).findings
    assert findings, "nothing was recognised"
    assert findings[0].cause in {entry["cause"], *entry.get("also", ())}, [
        (finding.cause, finding.evidence[0].value[:80], finding.passed_over) for finding in findings
    ]
    assert all(finding.passed_over for finding in findings[1:])

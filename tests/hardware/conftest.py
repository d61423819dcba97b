"""What tests on real accelerators share: they run as `pytest tests/hardware`, in the environment that models run in.

Facts, a recording of the host and the battery's report are kept in the folder that HARDWARE_TESTS_OUT names, so
that the machine can become one of `tests/hosts`. Everything is redacted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airworthy.core.facts import Facts
from airworthy.core.keys import DEVICES
from airworthy.core.values import Device
from airworthy.flows.facts import gather

LIMIT = 1800
"""Seconds that the battery of all devices may take."""


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where facts and figures are kept."""
    wanted = os.environ.get("HARDWARE_TESTS_OUT")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("hardware")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def facts() -> Facts:
    return gather(redacted=True)


@pytest.fixture(scope="session")
def devices(facts: Facts) -> list[Device]:
    """The accelerators of this machine; without one there is nothing to test here."""
    found = [device for key in DEVICES for device in facts.get_value(key, ())]
    if not found:
        pytest.skip("this machine has no accelerator: of no maker's does a probe find one (`airworthy facts -v`)")
    return found


@pytest.fixture(scope="session")
def report(devices: list[Device], out: Path) -> dict[str, Any]:
    """What `airworthy check --probe` says here."""
    done = subprocess.run(
        [sys.executable, "-m", "airworthy", "check", "--probe", "--format", "json"],
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    (out / "check-probe.json").write_bytes(done.stdout)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="session")
def tried(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The accelerators that the battery was run on, each with its tests."""
    assert "devices" in report["battery"], report["battery"]
    return [each for each in report["battery"]["devices"] if each["kind"] not in ("cpu", "CPUExecutionProvider")]

"""The service behind `chat` and `bench`: it heeds the settings beside a model, says why it failed, and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

import models
from airworthy.core.errors import Exit, SettingInvalid
from airworthy.core.settings import ServeSettings, Settings, WorkerSettings
from airworthy.flows.temporary import NotServed, checked_serving, serving
from server.running import environment, until

CODE = """
import sys
from airworthy.flows.temporary import serving
with serving(sys.argv[1]) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.linear(tmp_path / "linear.onnx")


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_it_ends_with_the_process_that_started_it(model: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", CODE, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().strip()
        assert httpx.get(f"{url}/health/ready").status_code == 200
        left = psutil.Process(starter.pid).children(recursive=True)
        starter.send_signal(number)
        assert starter.wait(10) == -number
    until(lambda: not any(process.is_running() for process in left))


def test_its_settings_are_those_beside_the_model(model: Path) -> None:
    (model.parent / "airworthy.toml").write_text("[check]\nstrict = true\n")
    with checked_serving(str(model)) as service:
        assert service.report is not None
        assert service.status == service.report.exit_status(strict=True)
        assert bool(service.url) == (service.status is Exit.OK)
    (model.parent / "airworthy.toml").write_text("[serve]\nnonsense = 1\n")
    with pytest.raises(SettingInvalid, match="nonsense"), checked_serving(str(model)):
        pass


def test_a_model_that_a_check_blocks_is_not_started(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:100])
    with checked_serving(str(model)) as service:
        assert (service.url, service.status) == ("", Exit.FINDINGS)
        assert service.report is not None
        assert service.report.findings


def test_a_service_that_ends_is_reported_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(NotServed) as failed, serving(str(tmp_path / "nothing.onnx"), Settings()):
        pass
    assert "it ended with status 2" in failed.value.text
    assert "does not exist" in failed.value.text


def test_a_service_that_takes_too_long_is_ended(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airworthy.flows.temporary.CHECKS_S", 0.0)
    before = set(psutil.Process().children())
    settings = Settings(serve=ServeSettings(workers=WorkerSettings(load_timeout=0.05)))
    with (
        pytest.raises(NotServed, match=r"not ready within 50 ms \(`serve.workers.load_timeout`\)"),
        serving(str(model), settings),
    ):
        pass
    until(lambda: set(psutil.Process().children()) <= before)


def test_the_url_of_a_service_is_taken_as_it_is() -> None:
    with checked_serving("http://127.0.0.1:9") as service:
        assert (service.url, service.report) == ("http://127.0.0.1:9", None)

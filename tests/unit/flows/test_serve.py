"""`airworthy serve`: what it knows before it loads a model, and how it reads its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

import language_models
import models
import recorded_hosts
from airworthy.cli.main import main
from airworthy.fit.generation import DoesNotFit
from airworthy.flows.serve import prepare, split_argument
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


@pytest.mark.parametrize("prefix", ["", "first="])
def test_the_settings_beside_a_path_with_an_equals_sign_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prefix: str
) -> None:
    folder = tmp_path / "run=1"
    folder.mkdir()
    model = models.linear(folder / "model.onnx")
    (folder / "airworthy.toml").write_text("[serve]\nnonsense = 1\n")
    assert main(["serve", f"{prefix}{model}"]) == 2
    assert f"{folder / 'airworthy.toml'}: " in capsys.readouterr().err


def test_an_argument_is_a_path_or_a_name_and_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "run=1"
    folder.mkdir()
    assert split_argument(str(folder)) == (None, str(folder))
    assert split_argument(f"a={folder}") == ("a", str(folder))
    assert split_argument("a=http://127.0.0.1:1?b=c") == ("a", "http://127.0.0.1:1?b=c")
    assert split_argument("model.onnx") == (None, "model.onnx")

"""Which settings hold: the nearest file, the environment over it, flags over both."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.core.errors import InputNotFound, SettingInvalid
from airworthy.core.finding import Severity
from airworthy.core.settings import Settings
from airworthy.flows.settings import find, load


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "airworthy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_set_is_the_defaults(tmp_path: Path) -> None:
    assert load(str(tmp_path / "m.onnx"), environment={}) == Settings()


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    _write(tmp_path, "[serve]\nport = 1\n")
    near = _write(tmp_path / "a", "[serve]\nport = 2\n")
    assert find(str(tmp_path / "a" / "b" / "m.onnx")) == str(near)
    assert load(str(tmp_path / "a" / "b" / "m.onnx"), environment={}).serve.port == 2
    assert load(str(tmp_path / "a"), environment={}).serve.port == 2


def test_later_layers_win(tmp_path: Path) -> None:
    _write(tmp_path, "[serve]\nport = 1\nhost = '::1'\n[check]\nfail_on = 'info'\n")
    flags = {"serve": {"port": 3, "host": None}, "check": {"fail_on": "warning"}}
    settings = load(str(tmp_path), environment={"AIRWORTHY_SERVE_PORT": "2", "OTHER": "x"}, flags=flags)
    assert (settings.serve.port, settings.serve.host) == (3, "::1")
    assert settings.check.fail_on is Severity.WARNING


def test_a_byte_order_mark_is_taken(tmp_path: Path) -> None:
    _write(tmp_path, "\ufeff[serve]\nport = 5\n")
    assert load(str(tmp_path), environment={}).serve.port == 5


@pytest.mark.parametrize(
    ("text", "environment", "flags", "source", "problem"),
    [
        ("[serve]\nprot = 1\n", {}, {}, "airworthy.toml", "serve.prot"),
        ("[serve]\nport = 'x'\n", {}, {}, "airworthy.toml", "int"),
        ("[serve\n", {}, {}, "airworthy.toml", "not TOML"),
        ("", {"AIRWORTHY_SERVE_PORT": "x"}, {}, "environment variable AIRWORTHY_SERVE_PORT", "int"),
        ("", {"AIRWORTHY_SERVE_PROT": "1"}, {}, "AIRWORTHY_SERVE_PROT", "serve.prot"),
        ("", {}, {"serve": {"port": 70000}}, "the command line", "70000"),
    ],
)
def test_a_wrong_setting_names_its_layer(
    tmp_path: Path, text: str, environment: dict[str, str], flags: dict[str, dict[str, int]], source: str, problem: str
) -> None:
    _write(tmp_path, text)
    with pytest.raises(SettingInvalid) as caught:
        load(str(tmp_path), environment=environment, flags=flags)
    assert source in caught.value.text.partition(": ")[0]
    assert problem in caught.value.text
    assert caught.value.way_out


def test_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "airworthy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingInvalid, match="not UTF-8"):
        load(str(tmp_path), environment={})


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound):
        load(file=str(tmp_path / "no.toml"), environment={})


def test_a_model_brings_no_settings_that_admit_it(tmp_path: Path) -> None:
    model = tmp_path / "models" / "theirs"
    model.mkdir(parents=True)
    (tmp_path / "airworthy.toml").write_text("[serve]\nrequire_signature = 'ours.pem'\nport = 1\n")
    for theirs in ("", "require_signature = ''", "require_signature = 'theirs.pem'"):
        (model / "airworthy.toml").write_text(f"[serve]\n{theirs}\nworkers = 2\n")
        found = load(str(model), environment={}).serve
        # All else is as the nearest file says, and as if there were no other.
        assert (found.require_signature, found.workers.count, found.port) == ("ours.pem", 2, 8000)
    environment = {"AIRWORTHY_SERVE_REQUIRE_SIGNATURE": "mine.pem"}
    assert load(str(model), environment=environment).serve.require_signature == "mine.pem"

"""Use-cases over a small world: what is asked, what is answered, what is refused."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

import airworthy
from airworthy.core.errors import InputNotFound, InputUnreadable, SettingInvalid
from airworthy.core.facts import FactsUnreadable, Known, Unknown, dump
from airworthy.core.keys import TARGET_ENDPOINT
from airworthy.core.report import Failed, Passed, Report, Skipped, verdict
from airworthy.core.settings import CheckSettings, Settings
from airworthy.core.values import StorageSpeed
from airworthy.flows import facts as facts_flow
from airworthy.flows import files
from airworthy.flows.check import check
from airworthy.report.interface import RenderOptions
from airworthy.report.registry import FORMAT_NAMES, FORMATS
from fakes import world


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    world.use(monkeypatch, port_state="in-use")


def _slugs(report: Report, kind: type) -> set[str]:
    return {result.check for result in report.results if isinstance(result, kind)}


def test_without_model_and_port_they_are_not_in_question() -> None:
    report = check()
    assert _slugs(report, Passed) == {"memory-small", "always-broken"}
    assert {key: value for key, value in report.data.items() if key != "machine"} == {
        "verdict": "works",
        "facts_taken": world.TAKEN,
    }
    assert report.data["machine"]["cpu"] == {"unknown": "it was not inspected"}
    assert report.subject == "this host"


def test_a_model_brings_its_checks(tmp_path: Path) -> None:
    empty = tmp_path / "m.onnx"
    empty.touch()
    report = check(empty)
    assert _slugs(report, Failed) == {"file-empty"}
    assert report.data["verdict"] == "fails"
    assert str(empty) in report.subject


def test_a_port_brings_its_check() -> None:
    report = check(endpoint=("127.0.0.1", 80))
    assert _slugs(report, Failed) == {"port-busy"}
    assert report.data["verdict"] == "works"  # a warning is no failure


def test_a_port_of_another_machine_is_unknown() -> None:
    report = check(facts=world.HOST, endpoint=("127.0.0.1", 80))
    assert _slugs(report, Skipped) == {"port-busy"}
    assert report.data["verdict"] == "unknown"
    assert TARGET_ENDPOINT.name not in world.HOST


def test_a_chosen_skip_is_not_open() -> None:
    report = check(settings=Settings(check=CheckSettings(ignore=("memory-small",))))
    assert _slugs(report, Skipped) == {"memory-small"}
    assert report.data["verdict"] == "works"


def test_an_unknown_slug_cannot_be_turned_off() -> None:
    with pytest.raises(SettingInvalid) as caught:
        check(settings=Settings(check=CheckSettings(ignore=("memory-smal",))))
    assert caught.value.way_out == "did you mean `memory-small`?"


def test_a_crash_is_no_pass() -> None:
    assert check(facts=world.OLD).data["verdict"] == "unknown"
    assert verdict(()) == "works"


def test_the_model_is_looked_for_before_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts_flow, "gather", lambda **_: pytest.fail("the host was looked at first"))
    with pytest.raises(InputNotFound):
        check(tmp_path / "none.onnx")


def test_verbs_are_functions(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"x")
    import airworthy

    assert airworthy.check(path).verb == "check"
    report = airworthy.inspect(path)
    assert report.data["model"]["size"] == 1
    assert json.loads(json.dumps(report.data)) == report.data
    assert _slugs(report, Passed) == {"file-empty"}  # the model alone is in question


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xe9.onnx"))
    path.write_bytes(b"x")
    report = airworthy.inspect(path)
    for format_ in FORMAT_NAMES:
        FORMATS.get(format_)(report, RenderOptions()).encode()


def test_standard_input_is_taken_as_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        buffer = io.BytesIO(b"1234567")

    monkeypatch.setattr("sys.stdin", Stream())
    report = airworthy.inspect("-")
    assert report.data["model"]["size"] == 7
    assert not Path(report.data["model"]["path"]).exists()


def test_facts_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        buffer = io.BytesIO(dump(world.HOST))

    monkeypatch.setattr("sys.stdin", Stream())
    assert dict(facts_flow.load("-")) == dict(world.HOST)


def test_not_a_facts_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[]")
    with pytest.raises(FactsUnreadable, match=r"x\.json"):
        facts_flow.load(str(path))


def test_inputs_have_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(11))
    assert len(files.read(str(path), limit=11)) == 11
    with pytest.raises(files.InputTooLarge, match="10 B"):
        files.read(str(path), limit=10)


def test_a_failed_write_keeps_what_was_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(files.OutputFailed, match="No space left"):
        files.write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="directory"):
        files.read(str(tmp_path))
    with pytest.raises(files.OutputFailed):
        files.write_private(tmp_path, b"")


def test_own_names_survive_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert isinstance(facts_flow.own_names(), tuple)


def test_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    speed = StorageSpeed(path=str(tmp_path), read=100, writes=7, by="fio")
    monkeypatch.setattr("airworthy.probes.host.storage.measure", lambda host, path: Known(speed, f"{host} {path}"))
    model = tmp_path / "digits.onnx"
    model.write_bytes(bytes(1000))
    report = check(storage=str(tmp_path))
    assert report.data["storage"] == {"path": str(tmp_path), "read": 100, "writes": 7, "by": "fio"}
    assert check(model, storage=str(tmp_path)).data["storage"]["load_seconds"] == 10.0
    text = FORMATS.get("text")(check(model, storage=str(tmp_path)), RenderOptions())
    assert "reads 100 B a second and takes 7 random writes a second (fio)" in text
    assert "reading this model from it takes 10" in text
    monkeypatch.setattr("airworthy.probes.host.storage.measure", lambda host, path: Unknown("it is read-only"))
    assert check(storage=str(tmp_path)).data["storage"] == {"unknown": "it is read-only"}
    with pytest.raises(InputNotFound):
        check(storage=str(tmp_path / "no"))

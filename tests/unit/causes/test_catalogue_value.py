"""A catalogue is a value: two of them answer side by side, and nothing leaks from one into the other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import airworthy
from airworthy.causes.catalogue import Catalogue, standard
from airworthy.causes.local import LocalEntry, parse
from airworthy.causes.prediction import predict
from airworthy.core.errors import UnknownName
from airworthy.core.facts import Facts
from airworthy.core.report import Failed
from airworthy.flows.answers.diagnose import DiagnoseAnswer
from airworthy.flows.catalogue import FOLDER, SlugTaken, catalogue_for
from airworthy.flows.diagnose import diagnose_file
from airworthy.knowledge import Knowledge
from airworthy.report.interface import RenderOptions
from airworthy.report.sarif import render

ENTRY = """
title = "{title}"
brings_about = ["worker-died"]
[[signature]]
literal = "{literal}"
weight = 1.0
"""
LOG = "INFO up\nError: licence checkout failed\nError: the seal is broken\n"


def entry(slug: str, literal: str, title: str = "It is so.") -> LocalEntry:
    return parse(slug, ENTRY.format(title=title, literal=literal), f"{slug}.toml")


def project(folder: Path, slug: str, literal: str, title: str = "It is so.") -> Path:
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / f"{slug}.toml").write_text(ENTRY.format(title=title, literal=literal))
    return folder


def found(text: str, catalogue: Catalogue | None = None) -> list[str]:
    return [finding.cause for finding in airworthy.diagnose(text, catalogue=catalogue).findings]


def test_two_catalogues_side_by_side() -> None:
    before = standard().slugs
    one = standard().joined_by([entry("licence-down", "licence checkout failed")])
    other = standard().joined_by([entry("seal-broken", "the seal is broken")])
    for _ in range(2):
        assert found(LOG, one) == ["licence-down"]
        assert found(LOG, other) == ["seal-broken"]
        assert found(LOG, standard()) == []
    assert ("seal-broken" in one, "licence-down" in other) == (False, False)
    assert standard().slugs == before
    with pytest.raises(UnknownName):
        airworthy.explain("seal-broken", one)


def test_one_slug_with_two_meanings() -> None:
    one = standard().joined_by([entry("it", "licence checkout failed", "The licence.")])
    other = standard().joined_by([entry("it", "the seal is broken", "The seal.")])
    assert airworthy.explain("it", one).title == "The licence."
    assert airworthy.explain("it", other).title == "The seal."
    lines = [airworthy.diagnose(LOG, catalogue=each).findings[0].evidence[0].line for each in (one, other)]
    assert lines == [2, 3]


def test_two_threads_with_a_catalogue_each() -> None:
    catalogues = [
        standard().joined_by([entry("licence-down", "licence checkout failed")]),
        standard().joined_by([entry("seal-broken", "the seal is broken")]),
    ]
    seen: list[set[str]] = [set(), set()]

    def ask(number: int) -> None:
        for _ in range(20):
            seen[number].update(found(LOG, catalogues[number]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{"licence-down"}, {"seal-broken"}]


def test_the_first_call_in_a_project_takes_its_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = project(tmp_path / "one", "licence-down", "licence checkout failed")
    other = project(tmp_path / "other", "seal-broken", "the seal is broken")
    for place, slugs in ((one, ["licence-down"]), (other, ["seal-broken"]), (tmp_path, [])):
        monkeypatch.chdir(place)
        assert found(LOG) == slugs
        assert found(LOG.splitlines()[0]) == []


def test_the_entries_are_those_of_the_models_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path / "here", "licence-down", "licence checkout failed"))
    there = project(tmp_path / "there", "seal-broken", "the seal is broken")
    model = there / "models" / "m.onnx"
    model.parent.mkdir()
    model.touch()
    assert "seal-broken" in catalogue_for(model)
    assert "licence-down" not in catalogue_for(model)
    assert "licence-down" in catalogue_for()
    assert "licence-down" in catalogue_for("-")


def test_an_entry_that_was_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, "it", "licence checkout failed"))
    assert found(LOG) == ["it"]
    (tmp_path / FOLDER / "it.toml").unlink()
    assert found(LOG) == []


def test_a_place_without_entries_has_the_catalogue_of_the_installation(tmp_path: Path) -> None:
    assert catalogue_for(tmp_path) is standard()
    (tmp_path / FOLDER).mkdir(parents=True)
    assert catalogue_for(tmp_path) is standard()


def test_a_name_that_is_taken() -> None:
    with pytest.raises(ValueError, match="disk-full"):
        standard().joined_by([entry("disk-full", "licence checkout failed")])
    with pytest.raises(ValueError, match="it"):
        standard().joined_by([entry("it", "licence checkout failed"), entry("it", "the seal is broken")])


def test_a_name_that_is_taken_names_the_file(tmp_path: Path) -> None:
    project(tmp_path, "disk-full", "licence checkout failed")
    with pytest.raises(SlugTaken, match=r"disk-full\.toml"):
        catalogue_for(tmp_path)


def test_a_catalogue_of_some_causes() -> None:
    few = Catalogue.of([standard().get("disk-full"), standard().get("port-in-use")])
    assert few.slugs == ("disk-full", "port-in-use")
    assert found("No space left on device\nCUDA error: out of memory\n", few) == ["disk-full"]
    assert {result.check for result in predict(Facts(), few, Knowledge())} <= set(few.slugs)
    with pytest.raises(UnknownName) as caught:
        few.get("disk-ful")
    assert caught.value.way_out == "did you mean `disk-full`?"


def test_own_entries_take_part_in_causality_and_reports(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{LOG}RuntimeError: Engine core initialization failed.\n")
    own = standard().joined_by([entry("seal-broken", "the seal is broken", "The seal is broken.")])
    report = diagnose_file(str(log), catalogue=own)
    assert report.answer == DiagnoseAnswer(cause="seal-broken")
    assert isinstance(report.results[0], Failed)
    assert '"text": "The seal is broken."' in render(report, RenderOptions(catalogue=own))
    assert '"text": "The seal is broken."' not in render(report, RenderOptions())

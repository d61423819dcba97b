"""Where no process reads standard error, a command does all the same what it was called for."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from typing import TextIO

import pytest

from airworthy.causes.catalogue import standard
from airworthy.cli import service
from airworthy.cli.main import main
from airworthy.cli.options import Chosen
from airworthy.cli.output import render_options, tell
from airworthy.cli.progress import LateProgress
from airworthy.core.facts import Facts
from airworthy.core.report import Report
from airworthy.core.settings import ServeSettings, Settings
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.service import ServiceEnd


def _closed() -> TextIO:
    stream = StringIO()
    stream.close()
    return stream


def _without_reader() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", encoding="utf-8")


@pytest.fixture(params=["none", "closed", "without-reader"])
def unread(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stream = {"none": lambda: None, "closed": _closed, "without-reader": _without_reader}[request.param]()
    monkeypatch.setattr(sys, "stderr", stream)
    yield
    if stream is not None:
        stream.close()


@pytest.mark.usefixtures("unread")
def test_messages_are_passed_over() -> None:
    tell("one", "two")
    tell("{}", document=True)
    assert not render_options(stderr=True).terminal


@pytest.mark.usefixtures("unread")
def test_an_error_keeps_its_exit_status() -> None:
    assert main(["chek"]) == 2


@pytest.mark.usefixtures("unread")
def test_progress_is_passed_over() -> None:
    with LateProgress(delay=0) as progress:
        end = time.monotonic() + 5
        while not progress._speaking and time.monotonic() < end:
            time.sleep(0.005)
        assert progress._speaking
        progress.stage("reading")
        progress.stage("asking")


@pytest.mark.usefixtures("unread")
def test_a_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airworthy.flows.service.run", lambda *_, **__: ServiceEnd(ServingAnswer(), None))
    chosen = Chosen(format="text", verbose=False, no_color=False, config=None, flags={})
    settings = Settings(serve=ServeSettings(host="0.0.0.0"))
    checked = Report(verb="serve", subject="models", results=(), answer=ServingAnswer())
    assert service.run([], settings, Facts(), chosen, checked, standard()) == 0


def test_the_status_of_a_process_without_standard_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m airworthy chek 2>&-"
    assert subprocess.run(["sh", "-c", command], timeout=60, check=False).returncode == 2


def test_the_status_of_a_process_whose_messages_have_no_reader() -> None:
    with _without_reader() as stream:
        done = subprocess.run([sys.executable, "-m", "airworthy", "chek"], stderr=stream, timeout=60, check=False)
    assert done.returncode == 2

"""Frames hold whole opcodes: others are refused, and no name that an unpickler of Python asks for is unseen."""

from __future__ import annotations

import functools
import io
import itertools
import pickle
import random
from pathlib import Path

import pytest

import random_pickles
from airworthy.artifacts.encodings.pickle_opcodes import Bounded
from airworthy.artifacts.encodings.pickles import scan
from airworthy.core.finding import Severity
from airworthy.flows.inspect import inspect
from hostile_carriers import frame, hidden


def reason(data: bytes) -> str:
    found = scan(Bounded(io.BytesIO(data)), "m")
    return next((each.reason for each in found.imports if each.reason), "")


BODY = b"\x8c\x03abc\x94."
FRAMES = {
    "cuts an opcode's text": (b"\x80\x04" + frame(3) + BODY, "within an opcode"),
    "cuts an opcode before its argument": (b"\x80\x04" + frame(1) + BODY, "within an opcode"),
    "cuts a line": (b"\x80\x04" + frame(4) + b"cos\nsystem\n.", "within an opcode"),
    "goes on behind the end": (b"\x80\x04" + frame(len(BODY) + 2) + BODY + b"N.", "goes on behind its end"),
    "goes on behind the file": (b"\x80\x04" + frame(len(BODY) + 1) + BODY, "behind the end of the file"),
    "is empty": (b"\x80\x04" + frame(0) + BODY, "empty frame"),
    "lies in another": (b"\x80\x04" + frame(9 + len(BODY)) + frame(len(BODY)) + BODY, "a frame within a frame"),
    "begins in another": (b"\x80\x04" + frame(10) + b"N" + frame(len(BODY)) + BODY, "a frame within a frame"),
    "hides a call": (hidden(), "within an opcode"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_is_not_cut_between_opcodes_is_refused(name: str) -> None:
    data, problem = FRAMES[name]
    assert problem in reason(data)


@pytest.mark.parametrize("suffix", ["pkl", "joblib", "bin", "npy", "pt", "dat"])
def test_no_suffix_lets_such_a_frame_pass(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"frame.{suffix}"
    path.write_bytes(hidden())
    report = inspect(path)
    assert report.blocks(Severity.ERROR)
    assert "unsafe-pickle" in {each.cause for each in report.findings}


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("size", [0, 3, 10, 70_000, 200_000])
def test_frames_that_pickle_writes_pass(protocol: int, size: int) -> None:
    value = [["x" * 50] * size, b"y" * size, "z" * size, list(range(size))]
    assert reason(pickle.dumps(value, protocol=protocol)) == ""
    assert reason(pickle.dumps([value, value], protocol=protocol) * 2) == ""


@functools.cache
def pythons() -> list[str]:
    return random_pickles.pythons()


def test_the_call_that_a_frame_hides_is_one() -> None:
    assert random_pickles.asked(pythons()[0], [hidden()]) == [[("os", "system")]]


def test_the_unpickler_that_records_is_this_one() -> None:
    assert pythons()
    assert random_pickles.asked(pythons()[0], [b"cos\nsystem\n(S'x'\ntR.", b"N."]) == [[("os", "system")], []]


def _compare(count: int, seed: int) -> tuple[list[str], int]:
    made = random_pickles.pickles(random.Random(seed))
    unseen, refused = [], 0
    for python in pythons():
        found = random_pickles.compare(python, list(itertools.islice(made, count)))
        unseen += [f"{python}: {each.name} of {each.data!r}" for each in found.unseen]
        refused += found.refused
    return unseen, refused


def test_every_name_that_an_unpickler_asks_for_is_seen() -> None:
    unseen, refused = _compare(2000, seed=20261201)
    assert unseen == []
    assert refused > 500  # so that it is not pickles without names that are compared


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_name_of_a_million_pickles_is_seen() -> None:
    unseen, refused = _compare(1_000_000 // len(pythons()), seed=7)
    assert unseen == []
    assert refused > 250_000

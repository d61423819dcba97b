"""The smallest change: tried by uv on folders of metadata, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.core.packages import InstalledPackage
from airworthy.environment.changes import Change, Resolution, Resolved, Solution, smallest_change
from airworthy.environment.packages import build_graph
from airworthy.environment.uv import Indexes, explanation_of, resolver, write_stub
from environments import CONFLICT, installed, package


def solve(folder: Path, present: tuple[InstalledPackage, ...], *others: InstalledPackage) -> Solution:
    index = folder / "index"
    index.mkdir()
    for each in others:
        write_stub(index, each)
    with resolver(Indexes(no_index=True, find_links=(str(index),)), known=present) as resolve:
        return smallest_change(build_graph(installed(*present)), resolve)


def test_one_package_moves(tmp_path: Path) -> None:
    found = solve(tmp_path, CONFLICT, package("driver", "1.4", "shared>=1.2"), package("shared", "2.0"))
    assert found.changes == (Change("driver", "1.3", "1.4"),)
    assert found.minimal
    assert "uv" in found.tried


def test_what_need_not_change_is_taken_back(tmp_path: Path) -> None:
    """The resolver alone may move more: it keeps what it can of its first choice, not of ours."""
    others = [package("shared", "2.1"), package("below", "2.0", "shared", "fresh"), package("fresh", "1.0")]
    found = solve(tmp_path, CONFLICT, *others)
    assert {each.package for each in found.changes} == {"below", "shared", "fresh"}
    assert [each for each in found.changes if not each.old] == [Change("fresh", "", "1.0")]


def test_no_release_ends_it(tmp_path: Path) -> None:
    found = solve(tmp_path, CONFLICT)
    assert not found.changes
    assert "below" in found.explanation
    assert "driver" in found.explanation


def test_packages_that_no_index_has_stay(tmp_path: Path) -> None:
    present = (package("own", "1+local", "shared>=1.5"), package("shared", "1.0"))
    assert solve(tmp_path, present, package("shared", "1.6")).changes == (Change("shared", "1.0", "1.6"),)


def test_an_index_that_does_not_answer_is_not_no_solution() -> None:
    graph = build_graph(installed(*CONFLICT))
    found = smallest_change(graph, lambda question: Resolved(unavailable="refused"))
    assert (found.changes, found.explanation, found.unavailable) == ((), "", "refused")


def test_trials_are_bounded() -> None:
    present = (*(package(f"p{number}", "1") for number in range(200)), package("x", "1", "p0>=2"))
    asked: list[Resolution] = []

    def move_all(question: Resolution) -> Resolved:
        asked.append(question)
        return Resolved(versions={f"p{number}": "2" for number in range(200)}, how="a fake")

    found = smallest_change(build_graph(installed(*present)), move_all)
    assert len(asked) < 30
    assert not found.minimal


@pytest.mark.parametrize(
    "text",
    [
        "error: No solution found when resolving dependencies\n  cause: Because a and b, so.\n\nhint: Packages were",
        "  \N{MULTIPLICATION SIGN} No solution found when resolving dependencies:\n  ╰─▶ Because a and b,\n      so.\n",
    ],
)
def test_the_derivation_of_uv(text: str) -> None:
    assert explanation_of(text) == "Because a and b, so."

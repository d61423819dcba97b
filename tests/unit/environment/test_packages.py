"""The graph of installed packages: which requirements hold, roots, ways, reasons."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.core.errors import UnknownName
from airworthy.environment.conflicts import conflicts
from airworthy.environment.packages import build_graph
from airworthy.environment.reasons import reasons
from environments import CONFLICT, installed, package


def test_both_chains_of_a_conflict() -> None:
    (found,) = conflicts(build_graph(installed(*CONFLICT)))
    assert (found.package, found.installed) == ("shared", "1.5")
    assert [step.package for step in found.unmet[0].steps] == ["tool", "driver"]
    assert [step.package for step in found.met[0].steps] == ["app", "middle", "below"]
    assert (found.unmet[0].root, found.met[0].root) == ("tool", "app")
    assert [chain.wants for chain in found.contradicting] == ["shared>=2", "shared<2"]


def test_three_that_contradict_only_together() -> None:
    many = [package("a", "1", "x!=1.5,<2"), package("b", "1", "x>=1.5,<2"), package("c", "1", "x<=1.5")]
    (found,) = conflicts(build_graph(installed(*many, package("x", "1.4"))))
    assert sorted(chain.by for chain in found.contradicting) == ["a", "b", "c"]


def test_a_version_that_would_do_is_no_contradiction() -> None:
    (found,) = conflicts(build_graph(installed(package("a", "1", "x>=2"), package("x", "1"), package("b", "1", "x<9"))))
    assert found.contradicting == ()
    assert [chain.wants for chain in found.met] == ["x<9"]


def test_what_is_not_installed() -> None:
    (found,) = conflicts(build_graph(installed(package("a", "1", "gone>=2"))))
    assert (found.package, found.installed, found.contradicting) == ("gone", "", ())


@pytest.mark.parametrize(
    ("requirement", "holds"),
    [
        ("x>=2", True),
        ('x>=2; sys_platform == "win32"', False),
        ('x>=2; python_version < "3.12"', True),
        ('x>=2; extra == "fast"', False),
        ('x>=2; python_version < "3.12" and extra == "fast"', False),
        ("X >= 2", True),
        ("x (>=2)", True),
        ("x @ https://host/x.zip", False),
        ("x>=2;;", False),
        ("<>!", False),
    ],
)
def test_which_requirements_hold(requirement: str, holds: bool) -> None:
    found = conflicts(build_graph(installed(package("a", "1", requirement), package("x", "1"))))
    assert bool(found) is holds


def test_an_extra_holds_where_a_package_asks_for_it() -> None:
    offering = package("lib", "1", 'x>=2; extra == "fast_mode"', extras=("fast-mode",))
    assert not conflicts(build_graph(installed(offering, package("x", "1"))))
    (found,) = conflicts(build_graph(installed(offering, package("x", "1"), package("app", "1", "lib[Fast.Mode]"))))
    assert found.unmet[0].steps[-1].extra == "fast-mode"
    assert [step.package for step in found.unmet[0].steps] == ["app", "lib"]


def test_names_differ_in_case_and_dash() -> None:
    assert not conflicts(build_graph(installed(package("a", "1", "My_Lib.x>=1"), package("my-lib-x", "1"))))


def test_a_cycle_has_a_root() -> None:
    graph = build_graph(
        installed(package("a", "1", "b"), package("b", "1", "c"), package("c", "1", "a", "x<1"), package("x"))
    )
    assert graph.roots == ("a",)
    (found,) = conflicts(graph)
    assert [step.package for step in found.unmet[0].steps] == ["a", "b", "c"]


def test_a_user_request_is_a_root_unless_all_are_marked() -> None:
    some = (package("a", "1", "b"), package("b", "1", "c", requested=True), package("c", "1", "d"), package("d", "1"))
    assert build_graph(installed(*some)).roots == ("a", "b")
    from msgspec.structs import replace

    assert build_graph(installed(*(replace(each, requested=True) for each in some))).roots == ("a",)


def test_reasons_fold_what_stood_before() -> None:
    rows = reasons(build_graph(installed(*CONFLICT)), "shared")
    assert [(row.depth, row.package, row.met) for row in rows] == [
        (0, "shared", True),
        (1, "below", True),
        (2, "middle", True),
        (3, "app", True),
        (1, "driver", False),
        (2, "tool", True),
    ]
    assert [row.package for row in rows if row.root] == ["app", "tool"]


def test_reasons_of_a_name_that_is_not_there() -> None:
    with pytest.raises(UnknownName, match="shred") as caught:
        reasons(build_graph(installed(*CONFLICT)), "shred")
    assert "shared" in caught.value.way_out


NAMES = st.sampled_from("abcdef")
SPECIFIERS = st.sampled_from(["", "<2", ">=2", "==1", "!=1.5", "~=1.0", ">=1,<3", "@ x", ";", "[e]", '; extra == "e"'])


@settings(max_examples=50)
@given(st.lists(st.tuples(NAMES, st.sampled_from(["1", "1.5", "2.0b1", "x"]), st.lists(st.tuples(NAMES, SPECIFIERS)))))
def test_any_environment_has_an_answer(rows: list[tuple[str, str, list[tuple[str, str]]]]) -> None:
    packages = {name: package(name, version, *(n + s for n, s in wants)) for name, version, wants in rows}
    graph = build_graph(installed(*packages.values()))
    for found in conflicts(graph):
        for chain in (*found.unmet, *found.met):
            assert chain.root in graph.roots
            assert chain.steps[-1].requires.startswith(found.package)
        assert found.unmet


@given(st.text(max_size=300))
def test_any_text_as_a_requirement(text: str) -> None:
    build_graph(installed(package("a", "1", text), package("x", "1")))

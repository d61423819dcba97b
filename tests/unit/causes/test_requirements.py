"""What installed packages ask of each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from airworthy.causes.requirements import contradict, needs, takes
from airworthy.core.facts import Facts, Known
from airworthy.core.keys import CPU_ARCHITECTURE, DISTRIBUTIONS, OS_KERNEL, PYTHON_VERSION
from airworthy.core.values import Distribution
from airworthy.core.version import Version


def asked(*requires: str, python: str = "3.11.9", kernel: str = "Linux 6.1.0", machine: str = "x86_64") -> list[str]:
    one = Distribution(name="one", version=Version("1"), requires=requires)
    facts = Facts(
        {
            DISTRIBUTIONS.name: Known((one,), "test"),
            PYTHON_VERSION.name: Known(Version(python), "test"),
            OS_KERNEL.name: Known(kernel, "test"),
            CPU_ARCHITECTURE.name: Known(machine, "test"),
        }
    )
    return [need.text for need in needs(facts)]


@pytest.mark.parametrize(
    ("requirement", "found"),
    [
        ("numpy", "numpy"),
        ("numpy>=1.26,<3", "numpy>=1.26,<3"),
        ("Typing_Extensions (>=4)", "typing-extensions>=4"),
        ("requests[socks] >= 2", "requests>= 2"),
        ("pip @ https://example.org/pip.whl", "pip"),
        ("tomli>=2; python_version < '3.12'", "tomli>=2"),
    ],
)
def test_a_requirement_is_read(requirement: str, found: str) -> None:
    assert asked(requirement) == [found]


@pytest.mark.parametrize(
    "requirement",
    [
        "tomli; python_version < '3.11'",
        "pywin32; sys_platform == 'win32'",
        "x; platform_machine == 'aarch64'",
        "x; extra == 'gpu'",
        "x; implementation_name == 'pypy'",
        "x; nonsense",
        "one[extra]",
        "",
        ">=3",
    ],
)
def test_what_does_not_hold_here_is_not_asked(requirement: str) -> None:
    assert asked(requirement) == []


def test_markers_are_those_of_the_host_in_question() -> None:
    mac = "a; sys_platform == 'darwin' and platform_machine == 'arm64'"
    assert asked(mac, kernel="Darwin 23.4.0", machine="aarch64") == ["a"]
    windows = "a; platform_system == 'Windows' and platform_machine == 'AMD64' and os_name == 'nt'"
    assert asked(windows, kernel="Windows 10") == ["a"]


@pytest.mark.parametrize(
    ("specifier", "version", "taken"),
    [
        (">=2.9", "2.9.0a0+50eac811a6.nv25.09", True),
        (">=2.10", "2.9.0a0+50eac811a6.nv25.09", False),
        ("==2.8.0", "2.8.0+cu128", True),
        ("<2", "2.0.0", False),
        ("<2", "2.0.0rc1", False),
        (">=1.0.*", "0.5", True),  # not by the rules, so nothing is claimed
        ("<2", "2.0-custom-build-7", True),
        ("", "1", True),
    ],
)
def test_versions_that_are_taken(specifier: str, version: str, taken: bool) -> None:
    assert takes(specifier, Version(version)) is taken


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (("<1", ">=1"), True),
        (("==2.6.0", "==2.5.1"), True),
        ((">=0.30.2", "<0.30.0,>=0.18.0"), True),
        ((">1.0", "<1.1"), False),
        ((">=1,!=1.*", "<2"), True),
        ((">=1,!=1.*,!=2.*", "<4"), False),
        (("~=1.4", "!=1.4"), False),
        (("==1.2.3+cu1", "==1.2.3"), False),
        ((">=1!2.0", "<1!3"), False),
        (("===foo", "==1"), False),
        (("", "<1"), False),
        (("not by the rules", "<1"), False),
    ],
)
def test_contradictions(wanted: tuple[str, ...], answer: bool) -> None:
    assert contradict(wanted) is answer


NUMBERS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
CLAUSES = st.tuples(st.sampled_from([">=", "<=", "<", ">", "!=", "==", "~="]), NUMBERS).map(
    lambda each: f"{each[0]}{'.'.join(map(str, each[1]))}"
)
SETS = st.lists(CLAUSES, min_size=1, max_size=3).map(",".join)


@given(st.lists(SETS, min_size=1, max_size=3))
def test_nothing_is_called_a_contradiction_that_a_version_satisfies(wanted: list[str]) -> None:
    everything = [f"{a}.{b}.{c}{tail}" for a in range(5) for b in range(5) for c in range(4) for tail in ("", ".1")]
    joined = [SpecifierSet(each) for each in wanted]
    if any(all(each.contains(version) for each in joined) for version in everything):
        assert not contradict(wanted)


@given(st.text(max_size=80))
def test_any_text_is_taken_for_a_requirement(text: str) -> None:
    assert isinstance(asked(text), list)
    assert takes(text, Version("1.0")) in (True, False)
    assert contradict((text, "<1")) in (True, False)

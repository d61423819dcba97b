"""Locks as text: edges, coverage, differences, drift; and requirements that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.packages import RecordFault, RecordsChecked
from airworthy.environment.drift import drifts
from airworthy.environment.lockfile import (
    LockChange,
    LockedFile,
    LockedPackage,
    LockUnreadable,
    coverage,
    difference,
    edges_of_requirements,
    parse_lock,
    with_dependencies,
)
from airworthy.environment.relaxations import Attempt, Relaxation, contradiction
from airworthy.environment.requirement_files import RequirementsUnreadable, parse_list, parse_project
from airworthy.environment.toml import toml_text
from environments import installed, package

LIST = """\
app==1.0 \\
    --hash=sha256:aa
    # via -r requirements.in
numpy==1.26.4 ; python_full_version < '3.11' \\
    --hash=sha256:bb
    # via
    #   app
    #   lib[fast]
numpy==2.4.6 ; python_full_version >= '3.11'
    # via
    #   app
lib==3.0
    # via app
old==1.0 ; python_full_version < '3.11'
    # via numpy
"""
PYLOCK = """\
lock-version = "1.0"
created-by = "airworthy"

[[packages]]
name = "App"
version = "1.0"
wheels = [{ url = "https://host/app-1.0-py3-none-any.whl", size = 3, hashes = { sha256 = "aa" } }]

[[packages]]
name = "numpy"
version = "1.26.4"
marker = "python_full_version < '3.11'"
sdist = { url = "https://host/numpy-1.26.4.tar.gz", hashes = { sha256 = "bb" } }

[[packages]]
name = "numpy"
version = "2.4.6"
marker = "python_full_version >= '3.11'"
wheels = [{ url = "https://host/numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl", hashes = { sha256 = "cc" } }]

[[packages]]
name = "old"
version = "1.0"
marker = "python_full_version < '3.11'"
sdist = { path = "old-1.0.tar.gz", hashes = { sha256 = "dd" } }
"""


def test_edges_come_from_the_remarks() -> None:
    assert edges_of_requirements(LIST) == {"app": {"numpy", "lib"}, "lib": {"numpy"}, "numpy": {"old"}}


def test_dependencies_are_filled_in_where_both_are_installed() -> None:
    packages = parse_lock(with_dependencies(PYLOCK, edges_of_requirements(LIST)).encode())
    found = {(each.name, each.version): each.dependencies for each in packages}
    assert found == {
        ("app", "1.0"): ("numpy",),
        ("numpy", "1.26.4"): ("old",),
        ("numpy", "2.4.6"): (),
        ("old", "1.0"): (),
    }


def test_coverage_names_what_must_be_built_and_what_cannot_be_had() -> None:
    found = {(each.platform, each.python): each for each in coverage(parse_lock(PYLOCK.encode()), ["3.10", "3.11"])}
    assert found["linux-x86_64", "3.10"].built == ("numpy", "old")
    assert found["linux-x86_64", "3.11"].built == found["linux-x86_64", "3.11"].missing == ()
    assert found["macos-arm64", "3.11"].missing == ("numpy",)


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        ("x-1-py3-none-any.whl", True),
        ("x-1-py2.py3-none-any.whl", True),
        ("x-1-py312-none-any.whl", False),
        ("x-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("x-1-cp310-abi3-manylinux_2_28_x86_64.whl", True),
        ("x-1-cp312-abi3-manylinux_2_28_x86_64.whl", False),
        ("x-1-cp311-cp311t-manylinux_2_28_x86_64.whl", False),
        ("x-1-cp310-cp310-manylinux_2_28_x86_64.whl", False),
        ("x-1-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("x-1-cp311-cp311-win_amd64.whl", False),
        ("x-1-7-py3-none-manylinux1_x86_64.whl", True),
        ("x.whl", False),
    ],
)
def test_which_wheels_a_platform_takes(wheel: str, fits: bool) -> None:
    locked = LockedPackage(name="x", version="1", wheels=(LockedFile(wheel, wheel, "aa"),))
    found = next(each for each in coverage([locked], ["3.11"]) if each.platform == "linux-x86_64")
    assert (found.missing == ()) is fits


def test_the_difference_of_two_locks() -> None:
    new = PYLOCK.replace('version = "2.4.6"', 'version = "2.5.0"').replace('"aa"', '"ee"')
    assert difference(parse_lock(PYLOCK.encode()), parse_lock(new.encode())) == (
        LockChange("app", ("1.0",), ("1.0",), files=True),
        LockChange("numpy", ("1.26.4", "2.4.6"), ("1.26.4", "2.5.0"), files=False),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lock-version"),
        ('lock-version = "2.0"', "2.0"),
        ("lock-version", "Expected"),
        ('lock-version = "1.0"\n[[packages]]\nversion = "1"', "name"),
        ('lock-version = "1.0"\npackages = 3', "garbles"),
        ('lock-version = "1.0"\n[[packages]]\nname = "x"\nwheels = [{ url = "y" }]', "hashes"),
    ],
)
def test_what_is_no_lock(text: str, reason: str) -> None:
    with pytest.raises(LockUnreadable, match=reason):
        parse_lock(text.encode())


@given(st.text(max_size=300))
def test_any_text_as_a_lock(text: str) -> None:
    edges_of_requirements(text)
    try:
        parse_lock(text.encode("utf-8", "replace"))
    except LockUnreadable:
        return


def test_every_kind_of_drift() -> None:
    locked = [LockedPackage(name=name, version="1.0") for name in ("same", "gone", "moved", "patched")]
    there = installed(
        package("same", "1.0.0"),
        package("moved", "2.0"),
        package("patched"),
        package("more"),
        package("project"),
        package("pip"),
        package("mine", editable=True),
    )
    faults = (RecordFault(package="patched", kind="changed", path="/site/patched.py"),)
    records = RecordsChecked(packages=1, files=1, unhashed=0, faults=faults)
    found = [(each.kind, each.package) for each in drifts(there, locked, records, own=("project",))]
    assert found == [("missing", "gone"), ("version", "moved"), ("extra", "more"), ("changed", "patched")]


def versions(*available: str) -> dict[str, list[int]]:
    return {name: [int(each) for each in text.split(",")] for name, text in (row.split("=") for row in available)}


def fake_resolver(have: dict[str, list[int]]) -> Attempt:
    """A small resolver of single clauses."""

    def attempt(lines: Sequence[str]) -> dict[str, str] | None:
        found = {}
        for name, numbers in have.items():
            clauses = [line[len(name) :] for line in lines if line.startswith(name)]
            fitting = [n for n in numbers if all(eval(f"{n}{clause or '>=0'}") for clause in clauses)]
            if clauses and not fitting:
                return None
            if clauses:
                found[name] = str(max(fitting))
        return found

    return attempt


def test_the_smallest_contradicting_set_and_what_solves_it() -> None:
    wanted = [f"p{number}" for number in range(20)] + ["x<2", "y", "x>=2"]
    attempt = fake_resolver({"x": [1, 2], "y": [1]})
    assert attempt(wanted) is None
    found = contradiction(wanted, "because", attempt)
    assert set(found.smallest) == {"x<2", "x>=2"}
    assert set(found.relaxations) == {Relaxation("x<2", "x", "2"), Relaxation("x>=2", "x", "1")}
    assert found.complete


@given(st.lists(st.sampled_from(["x<2", "x>=2", "x>3", "x==1", "y", "y>5", "z"]), min_size=1, max_size=12))
def test_every_smallest_set_is_one(wanted: list[str]) -> None:
    attempt = fake_resolver({"x": [1, 2, 3], "y": [1], "z": [1]})
    if attempt(wanted) is not None:
        return
    found = contradiction(wanted, "", attempt)
    assert attempt(found.smallest) is None
    for each in found.smallest:
        rest = [other for other in found.smallest if other is not each]
        assert not rest or attempt(rest) is not None
    for change in found.relaxations:
        others = [other for other in wanted if other != change.requirement]
        assert attempt([*others, *([change.instead] if change.instead else [])]) is not None


def test_a_project_with_extras_that_name_each_other() -> None:
    text = b"""
[project]
name = "my-app"
requires-python = ">=3.10,<4"
dependencies = ["a>=1"]
[project.optional-dependencies]
fast = ["b"]
all = ["my_app[fast]", "c"]
[dependency-groups]
test = ["d", {include-group = "other"}]
"""
    found = parse_project(text, "pyproject.toml", ("all",), ("test",))
    assert (set(found.lines), found.python, found.project) == ({"a>=1", "b", "c", "d"}, "3.10", "my-app")
    with pytest.raises(RequirementsUnreadable, match="no extra named 'gpu'"):
        parse_project(text, "pyproject.toml", ("gpu",), ())


@pytest.mark.parametrize("text", [b"", b"[project]", b"[project]\nname='x'\ndependencies='a'", b"\xff", b"["])
def test_what_is_no_project(text: bytes) -> None:
    with pytest.raises(RequirementsUnreadable):
        parse_project(text, "p", (), ())


def test_a_list_of_requirements() -> None:
    text = b"# head\na>=1 # why\n-c limits.txt\nb==2 \\\n  --hash=sha256:aa\n\nc @ https://host/c.whl\n"
    found = parse_list(text, "requirements.in")
    assert (found.lines, found.options) == (("a>=1", "b==2", "c @ https://host/c.whl"), ("-c limits.txt",))
    with pytest.raises(RequirementsUnreadable, match="line 2 is no requirement: <>"):
        parse_list(b"a\n<>\n", "r")


@given(
    st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.integers(-9, 9), st.booleans(), st.lists(st.text())))
)
def test_what_is_written_as_toml_is_read_back(document: dict[str, object]) -> None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    def plain(value: object) -> object:
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

    try:
        for key in document:
            key.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(toml_text({"table": document})) == {"table": {key: plain(v) for key, v in document.items()}}


def test_a_lock_of_two_thousand_packages_takes_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: each marker is judged once for each platform and Python."""
    from airworthy.environment import lockfile

    text = 'lock-version = "1.0"\n'
    for number in range(2000):
        marker = f"python_full_version >= '3.{8 + number % 6}' and sys_platform == 'linux'"
        text += f'\n[[packages]]\nname = "p{number // 2}"\nversion = "1.{number}"\nmarker = "{marker}"\n'
    asked = []
    monkeypatch.setattr(lockfile, "evaluate", lambda marker, environment: bool(asked.append(marker)) or True)
    edges = {f"p{number}": {f"p{(number * 7 + k) % 1000}" for k in range(5)} for number in range(1000)}
    packages = parse_lock(with_dependencies(text, edges).encode())
    assert len(packages) == 2000
    assert sum(len(each.dependencies) for each in packages) == 10_000
    assert len(asked) == 6 * 4 * 8

"""Each environment of the case book is named by `airworthy deps`, and ended by what it proposes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from airworthy.cli.main import main
from airworthy.core.packages import InstalledPackage
from airworthy.environment.lockfile import coverage, parse_lock
from airworthy.environment.uv import Indexes
from airworthy.flows.deps import deps
from case_book import CASES, Case, index, names
from environments import environment, package


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_named_and_ended(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    case.make(site)
    words = [
        "deps",
        "--python",
        str(site),
        "--no-index",
        "--find-links",
        str(index(tmp_path / "index", case)),
        *case.words,
    ]
    status = main([*words, "--verbose"])
    lines = capsys.readouterr().out.splitlines()
    assert status == 1, lines
    assert names(case, lines)
    if case.solution:
        options = Indexes(no_index=True, find_links=(str(tmp_path / "index"),))
        solution = deps(site, indexes=options).answer.solution
        assert solution is not None
        assert tuple(change.text for change in solution.changes) == case.solution
        assert solution.minimal


@pytest.mark.parametrize("case", [case for case in CASES if case.solution], ids=lambda case: case.name)
def test_what_is_proposed_ends_it(case: Case, tmp_path: Path) -> None:
    """The environment with the changes made has no conflict left."""
    from airworthy.flows.deps import read_graph
    from airworthy.probes.python.elsewhere import host_of

    case.make(tmp_path / "site")
    installed, _ = read_graph(host_of(tmp_path / "site"), None)
    new = {each.name: each for each in case.releases}
    changed: list[InstalledPackage] = [
        new[each.name] if any(text.startswith(f"{each.name} ") for text in case.solution) else each
        for each in installed.packages
    ]
    environment(tmp_path / "after", changed)
    assert deps(tmp_path / "after", solve=False).answer.conflicts == ()


def test_a_healthy_environment_is_not_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment(tmp_path / "site", [package("app", "1.0", "lib>=1"), package("lib", "1.2")])
    assert main(["deps", "--python", str(tmp_path / "site"), "--no-index", "--files"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [case.name for case in CASES if names(case, lines)]


def test_a_lock_of_another_platform_names_what_cannot_be_had(tmp_path: Path) -> None:
    from airworthy.environment.uv import write_stub
    from airworthy.flows.lock import lock

    folder = tmp_path / "index"
    folder.mkdir()
    write_stub(folder, package("winonly", "1.0"))
    plain = folder / "winonly-1.0-py3-none-any.whl"
    with zipfile.ZipFile(plain) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    plain.unlink()
    with zipfile.ZipFile(folder / "winonly-1.0-cp311-cp311-win_amd64.whl", "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data.replace(b"py3-none-any", b"cp311-cp311-win_amd64"))
    (tmp_path / "r.in").write_text("winonly\n")
    lock(tmp_path / "r.in", output=tmp_path / "l", indexes=Indexes(no_index=True, find_links=(str(folder),)))
    packages = parse_lock((tmp_path / "l/pylock.toml").read_bytes())
    missing = {row.platform: row.missing for row in coverage(packages, ["3.11"])}
    assert missing == {
        "linux-x86_64": ("winonly",),
        "linux-aarch64": ("winonly",),
        "macos-arm64": ("winonly",),
        "windows-x86_64": (),
    }

"""The store of releases: shared contents, folders of links, and what a crash at any step leaves."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.state.disk import DiskOperations
from airworthy.state.errors import StateBusy
from airworthy.state.releases import store as store_module
from airworthy.state.releases.errors import BadReleaseName, ReleaseDamaged, SourceChanged
from airworthy.state.releases.manifest import (
    GateResult,
    InspectionResult,
    ReleaseFile,
    ReleaseManifest,
    ScanResult,
    SignatureResult,
    differences,
    is_digest,
    is_inside,
    load_manifest,
    parse_reference,
)
from airworthy.state.releases.store import ReleaseStore, file_digest
from airworthy.state.releases.table import Releases

OPERATIONS = ("make_directory", "take", "link", "rename", "remove", "remove_tree", "sync", "sync_directory")


def draft(name: str, files: tuple[ReleaseFile, ...]) -> ReleaseManifest:
    return ReleaseManifest(
        name=name,
        version=0,
        at="2026-12-01T00:00:00.000+00:00",
        principal="local:ann",
        path=".",
        files=files,
        inspection=InspectionResult("onnx", "m.onnx"),
        scan=ScanResult("passed"),
        signature=SignatureResult("not-checked"),
        gate=GateResult("none"),
    )


def folder(path: Path, **contents: bytes) -> Path:
    path.mkdir(parents=True)
    for name, content in contents.items():
        (path / name.replace("__", "/")).parent.mkdir(exist_ok=True)
        (path / name.replace("__", "/")).write_bytes(content)
    return path


def add(releases: Releases, name: str, source: Path) -> ReleaseManifest:
    paths = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    with releases.store.locked():
        files = tuple(releases.store.put(source / path, path)[0] for path in paths)
        return releases.add(draft(name, files), releases.store.build(name, files))


def blobs(directory: Path) -> set[Path]:
    return set((directory / "store" / "sha256").glob("*/*"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder(tmp_path / "model", weights=b"w" * 4096, parts__one=b"1", parts__two=b"1")


def test_contents_are_kept_once_and_not_copied(directory: Path, source: Path) -> None:
    releases = Releases(directory)
    first, second = add(releases, "m", source), add(releases, "m", source)
    assert [each.version for each in releases.manifests("m")] == [2, 1]
    assert (first.content, first.size) == (second.content, 4098)
    assert len(blobs(directory)) == 2
    served = releases.store.served_path(second)
    assert (served / "parts/two").read_bytes() == b"1"
    # One content: under its digest, in two releases; and the source itself where blocks can't be shared.
    names = (served / "weights").stat().st_nlink
    assert names == 3 + (source / "weights").samefile(served / "weights")


def test_a_version_is_never_used_twice(directory: Path, source: Path) -> None:
    releases = Releases(directory)
    for _ in range(3):
        add(releases, "m", source)
    assert releases.remove_old(1) == ["m@2", "m@1"]
    assert releases.collect() == (0, 0)
    assert not releases.store.tree("m", 1).exists()
    assert add(releases, "m", source).version == 4


def test_a_file_that_was_written_to_is_found(directory: Path, source: Path) -> None:
    releases = Releases(directory)
    kept = add(releases, "m", source)
    weights = releases.store.served_path(kept) / "weights"
    assert releases.store.problems(kept, deep=True) == []
    weights.write_bytes(b"x" * 4096)
    assert releases.store.problems(kept) == []
    assert releases.store.problems(kept, deep=True) == ["weights has another content"]
    weights.write_bytes(b"x")
    with pytest.raises(ReleaseDamaged, match="weights has 1 bytes, not 4096"):
        releases.store.ensure(kept)
    weights.unlink()
    weights.symlink_to("parts/one")
    assert releases.store.problems(kept) == ["weights is no regular file"]


def test_a_damaged_content_is_replaced_when_it_is_added_again(directory: Path, source: Path) -> None:
    releases = Releases(directory)
    add(releases, "m", source)
    blob = directory / "store" / "sha256" / (digest := file_digest(source / "weights")[0])[:2] / digest
    blob.unlink()
    blob.write_bytes(b"?" * 4096)
    again = add(releases, "m", source)
    assert releases.store.problems(again, deep=True) == []


def test_a_folder_that_was_removed_is_made_again(directory: Path, source: Path) -> None:
    releases = Releases(directory)
    kept = add(releases, "m", source)
    DiskOperations().remove_tree(releases.store.tree("m", 1))
    assert (releases.store.ensure(kept) / "parts/one").read_bytes() == b"1"
    DiskOperations().remove_tree(releases.store.tree("m", 1))
    for blob in blobs(directory):
        blob.unlink()
    with pytest.raises(ReleaseDamaged, match="is not in the store"):
        releases.store.ensure(kept)


def test_a_source_that_is_written_to_meanwhile_is_refused(directory: Path, source: Path) -> None:
    class Writing(DiskOperations):
        def take(self, given: Path, target: Path) -> str:
            method = super().take(given, target)
            original = hashlib.sha256

            class Slow:
                def __init__(self) -> None:
                    self.made = original()

                def update(self, data: bytes) -> None:
                    self.made.update(data)
                    with target.open("ab") as stream:
                        stream.write(b"more")
                    os.utime(target, ns=(1, 1))

                def hexdigest(self) -> str:
                    return self.made.hexdigest()

            patch.setattr(hashlib, "sha256", Slow)
            return method

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SourceChanged):
        ReleaseStore(directory, Writing()).put(source / "weights", "weights")
    assert blobs(directory) == set()


def test_a_clean_up_waits_for_additions(directory: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOCK_TIMEOUT_S", 0.05)
    releases = Releases(directory)
    with releases.store.locked():
        add(releases, "m", source)
        with pytest.raises(StateBusy):
            releases.collect()
    (releases.store.root / "incoming" / "left").write_bytes(b"")
    (releases.store.root / "sha256" / "00").mkdir()
    (releases.store.root / "sha256" / "00" / ("0" * 64)).write_bytes(b"123")
    assert releases.collect(dry_run=True) == (1, 3)
    assert releases.collect() == (1, 3)
    assert list((releases.store.root / "incoming").iterdir()) == []
    assert len(blobs(directory)) == 2


class Crashing(DiskOperations):
    """Ends the process before its operation of a number."""

    def __init__(self, last: int) -> None:
        self.left = last


def _crash_before(name: str) -> None:
    plain = getattr(DiskOperations, name)

    def method(self: Crashing, *arguments: Path) -> object:
        if self.left == 0:
            os._exit(9)
        self.left -= 1
        return plain(self, *arguments)

    setattr(Crashing, name, method)


for operation in OPERATIONS:
    _crash_before(operation)


def in_a_child(run: object) -> int:
    """The exit status of a process that runs a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            run()  # type: ignore[operator]
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_addition_that_is_killed_at_any_operation_leaves_the_last_release_whole(
    directory: Path, source: Path
) -> None:
    releases = Releases(directory)
    first = add(releases, "m", source)
    (source / "weights").unlink()
    (source / "weights").write_bytes(b"new" * 1000)
    statuses = []
    for number in range(100):
        kept = {each.version for each in releases.manifests("m")}
        statuses.append(in_a_child(lambda n=number: add(Releases(directory, Crashing(n)), "m", source)))
        found = releases.manifests("m")
        # All or nothing: what was there is as it was; the new one, where it is listed, is whole.
        assert {each.version for each in found} - kept in ({max(kept) + 1}, set()), number
        for each in found:
            assert releases.store.problems(each, deep=True) == [], number
        assert releases.find("m@1") == first
        if statuses[-1] == 0:
            break
    assert statuses.count(9) == len(statuses) - 1 >= 20
    releases.collect()
    assert list((releases.store.root / "incoming").iterdir()) == []
    kept_trees = {path.name for path in (releases.store.root / "releases" / "m").iterdir()}
    assert kept_trees == {str(each.version) for each in releases.manifests("m")}
    add(releases, "m", source)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_clean_up_that_is_killed_at_any_operation_loses_nothing(directory: Path, tmp_path: Path) -> None:
    releases = Releases(directory)
    for number in range(3):
        add(releases, "m", folder(tmp_path / f"m{number}", a=b"same", b=str(number).encode()))
    last = releases.find("m@3")
    for number in range(50):

        def collect(n: int = number) -> None:
            crashing = Releases(directory, Crashing(n))
            crashing.remove_old(1)
            crashing.collect()

        status = in_a_child(collect)
        assert releases.store.problems(last, deep=True) == []
        if status == 0:
            break
    assert [each.version for each in releases.manifests("m")] == [3]
    assert len(blobs(directory)) == 2


@pytest.mark.parametrize(
    "text", ["", "@", "m@", "m@0", "m@@1", "a/b", "..", ".m", "m.", "m@-1", "a b", "m\n", "é", "m" * 65]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(BadReleaseName):
        parse_reference(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_a_reference_never_leaves_its_folder(text: str) -> None:
    try:
        name = parse_reference(text).name
    except BadReleaseName:
        return
    assert Path("x", name).resolve().parent == Path("x").resolve()
    assert name.isascii()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "C:/x", "a/\0", ".", "./a"])
def test_a_manifest_that_names_a_file_outside_is_refused(path: str) -> None:
    assert not is_inside(path)
    manifest = msgspec.structs.replace(draft("m", (ReleaseFile(path, "0" * 64, 1),)), version=1)
    with pytest.raises(ValueError, match="the file"):
        load_manifest(msgspec.json.encode(manifest))


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "0" * 65, "G" * 64, "0" * 64 + "\n"])
def test_a_digest_is_never_a_path(directory: Path, digest: str) -> None:
    assert not is_digest(digest)
    with pytest.raises(ReleaseDamaged):
        ReleaseStore(directory).build("m", (ReleaseFile("a", digest, 1),))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    try:
        load_manifest(data)
    except ValueError:
        return


def test_differences_name_what_changed() -> None:
    old = draft("m", (ReleaseFile("a", "0" * 64, 1), ReleaseFile("b", "1" * 64, 1)))
    new = msgspec.structs.replace(
        old,
        files=(ReleaseFile("a", "2" * 64, 1), ReleaseFile("c", "1" * 64, 1)),
        licence="mit",
        gate=GateResult("failed"),
    )
    assert differences(old, old) == []
    assert [row[0] for row in differences(old, new)] == ["file a", "file b", "file c", "licence", "gate"]

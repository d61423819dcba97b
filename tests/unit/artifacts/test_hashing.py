"""Hashes and manifests: what other tools write is read, what is written they check, and what differs is told."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from airworthy.artifacts.weights.hashing import ManifestUnreadable, read_manifest, write_manifest
from airworthy.cli.main import main
from airworthy.core.finding import Severity
from airworthy.flows.inspect import inspect
from airworthy.flows.weights import Depth


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.sharded(tmp_path / "big")


def test_every_file_is_hashed(folder: Path) -> None:
    import blake3

    report = inspect(folder, depth=Depth(algorithms=("sha256", "blake3", "md5", "git"), health=True))
    digests = {each["path"]: each for each in report.data["digests"]}
    assert set(digests) == {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        content, found = path.read_bytes(), digests[path.name]
        assert found["sha256"] == hashlib.sha256(content).hexdigest()
        assert found["blake3"] == blake3.blake3(content).hexdigest()
        assert found["md5"] == hashlib.md5(content).hexdigest()
        assert found["git"] == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    assert len(report.data["health"]["tensors"]) == 2


def test_a_large_file_is_hashed_in_order_while_it_is_measured(tmp_path: Path) -> None:
    array = np.random.default_rng(1).standard_normal((3000, 1000)).astype(np.float32)
    path = models.safetensors(tmp_path / "m.safetensors", {"w": array, "v": array[:100]})
    report = inspect(path, depth=Depth(algorithms=("sha256",), health=True))
    assert report.data["digests"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.data["health"]["tensors"][0]["deviation"] == pytest.approx(1, rel=0.01)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="this system has no sha256sum")
def test_sha256sum_checks_what_is_written_and_its_own_is_read(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "SHA256SUMS"
    inspect(folder, depth=Depth(write_manifest=str(manifest)))
    done = subprocess.run(["sha256sum", "-c", manifest], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = subprocess.run(["sha256sum", *sorted(p.name for p in folder.iterdir())], cwd=folder, capture_output=True)
    assert theirs.stdout == manifest.read_bytes()
    for flags in ([], ["--tag"]):
        done_ = subprocess.run(["sha256sum", *flags, "config.json"], cwd=folder, capture_output=True, check=True)
        manifest.write_bytes(done_.stdout)
        report = inspect(folder, depth=Depth(manifest=str(manifest)))
        assert report.data["manifest"] == {"path": str(manifest), "files": 1, "differ": 0}
        assert not report.findings


def test_what_differs_is_told(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "sums"
    inspect(folder, depth=Depth(algorithms=("blake3",), write_manifest=str(manifest) + ".b3"))
    name = "model-00001-of-00002.safetensors"
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    report = inspect(folder, depth=Depth(manifest=str(manifest) + ".b3"))
    (finding,) = report.findings
    assert (finding.cause, finding.subject, finding.severity) == ("file-corrupt", name, Severity.ERROR)
    (folder / "config.json").unlink()
    causes = {finding.cause for finding in inspect(folder, depth=Depth(manifest=str(manifest) + ".b3")).findings}
    assert causes == {"file-corrupt", "shard-missing"}
    manifest.write_text("ab" * 32 + "  ../../etc/passwd\n")
    (finding,) = inspect(folder, depth=Depth(manifest=str(manifest))).findings
    assert "outside" in finding.message


def test_a_hubs_cache_is_its_own_manifest(tmp_path: Path) -> None:
    source = models.sharded(tmp_path / "big")
    snapshot = tmp_path / "models--o--m" / "snapshots" / "1"
    blobs = tmp_path / "models--o--m" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in source.iterdir():
        content = path.read_bytes()
        large = path.suffix == ".safetensors"
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        name = hashlib.sha256(content).hexdigest() if large else git
        shutil.copy(path, blobs / name)
        (snapshot / path.name).symlink_to(Path("../../blobs") / name)
    report = inspect(snapshot, depth=Depth(manifest="hub"))
    assert (report.data["manifest"]["files"], report.findings) == (4, ())
    (blobs / name).write_bytes(b"{}")
    assert inspect(snapshot, depth=Depth(manifest="hub")).data["manifest"]["differ"] == 1


def test_a_local_folders_records_are_read(folder: Path) -> None:
    records = folder / ".cache" / "huggingface" / "download"
    records.mkdir(parents=True)
    digest = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    (records / "config.json.metadata").write_text(f"{'ab' * 20}\n{digest}\n1700000000.0\n")
    assert inspect(folder, depth=Depth(manifest="hub")).data["manifest"] == {"path": "hub", "files": 1, "differ": 0}


@pytest.mark.parametrize("line", ["hello", "abc  x", "zz" * 32 + "  x", "SHA999 (x) = " + "ab" * 32, "ab" * 32])
def test_a_line_that_is_none_is_told(line: str) -> None:
    with pytest.raises(ManifestUnreadable, match="line 2"):
        read_manifest(f"{'ab' * 32}  good\n{line}\n".encode(), "m")


_PATHS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/"), min_size=1, max_size=20)


@given(
    st.dictionaries(_PATHS.filter(lambda p: p not in (".", "..") and p == p.strip()), st.just("ab" * 32), max_size=4)
)
def test_what_is_written_is_read_again(digests: dict[str, str]) -> None:
    plain = {path: digest for path, digest in digests.items() if len(path.splitlines()) == 1 or "\n" in path}
    plain = {p: d for p, d in plain.items() if not set(p) & set("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")}
    assert {each.path: each.digest for each in read_manifest(write_manifest(plain), "m")} == plain


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    with contextlib.suppress(ManifestUnreadable):
        read_manifest(data, "m")


def test_a_reference_shows_what_differs(tmp_path: Path) -> None:
    weight = np.random.default_rng(2).standard_normal((40, 30)).astype(np.float32)
    first = models.safetensors(tmp_path / "a.safetensors", {"w": weight, "same": weight, "more": weight})
    other = weight.copy()
    other[3, 4] += 1
    second = models.safetensors(tmp_path / "b.safetensors", {"w": other, "same": weight, "gone": weight})
    report = inspect(first, depth=Depth(compare=str(second)))
    differences = {each["name"]: each for each in report.data["differences"]}
    assert differences["same"] == {"name": "same", "largest": 0.0, "mean": 0.0, "relative": 0.0}
    assert differences["w"]["largest"] == pytest.approx(1, abs=1e-6)
    assert sorted((f.cause, str(f.params.get("key", f.params.get("tensor")))) for f in report.findings) == [
        ("file-corrupt", "w"),
        ("keys-mismatch", "gone"),
        ("keys-mismatch", "more"),
    ]
    half = models.safetensors(tmp_path / "c.safetensors", {"w": weight.astype(np.float16), "same": weight[:3]})
    found = {finding.cause for finding in inspect(half, depth=Depth(compare=str(first))).findings}
    assert found == {"file-corrupt", "keys-mismatch", "shape-mismatch-weights"}


def test_the_command_line_shows_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--hash", "--health", "-v", str(folder)]) == 0
    out = capfd.readouterr().out
    assert "blake3 " in out
    assert "2 tensors" in out
    assert main(["inspect", "--hash", "--health", "--format", "json", str(folder)]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert len(answer["digests"]) == 4
    assert answer["health"]["tensors"][0]["name"] == "a"


def test_nan_in_weights_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = models.safetensors(tmp_path / "m.safetensors", {"h.0.w": np.array([[1, np.nan]], np.float32)})
    assert main(["inspect", str(path)]) == 0
    assert main(["inspect", "--health", str(path)]) == 1
    assert "h.0.w" in capfd.readouterr().out

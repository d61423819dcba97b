"""Lock, check, sync and wheelhouse with uv on a folder of wheels, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from airworthy.cli.main import main
from airworthy.core.packages import InstalledPackage
from airworthy.environment.lockfile import parse_lock
from airworthy.environment.restore import CannotRestore, beside
from airworthy.environment.uv import Indexes
from airworthy.environment.wheelhouse import FileUnavailable
from airworthy.flows.files import OutputFailed
from airworthy.flows.lock import lock
from airworthy.flows.lock_check import check_lock, diff_locks
from airworthy.flows.sync import sync
from environments import package, write

PACKAGES = (
    package("app", "1.0", "lib>=1"),
    package("lib", "1.0"),
    package("lib", "2.0"),
    package("tool", "1.0", "lib<2"),
)


def make_wheel(folder: Path, each: InstalledPackage) -> None:
    """A wheel with one module and a right record."""
    build = folder / "build"
    info = write(build, each, {f"{each.name}.py": f"version = '{each.version}'\n".encode()})
    (info / "INSTALLER").unlink()
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    with zipfile.ZipFile(folder / f"{each.name}-{each.version}-py3-none-any.whl", "w") as archive:
        for path in sorted(build.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(build))
    shutil.rmtree(build)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    for each in PACKAGES:
        make_wheel(folder, each)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nrequires-python = ">=3.10"\ndependencies = ["app"]\n'
    )
    return tmp_path


def indexes(wheels: Path) -> Indexes:
    return Indexes(no_index=True, find_links=(str(wheels),))


def test_a_lock_with_hashes_and_edges(place: Path, wheels: Path) -> None:
    answer = lock(indexes=indexes(wheels)).answer
    assert (answer.verdict, answer.packages, answer.source) == ("locked", 2, "pyproject.toml")
    packages = {each.name: each for each in parse_lock((place / "airworthy.lock/pylock.toml").read_bytes())}
    assert packages["app"].dependencies == ("lib",)
    assert packages["lib"].version == "2.0"
    text = (place / "airworthy.lock/requirements.txt").read_text()
    assert text.count("--hash=sha256:") == 2
    assert str(place) not in text
    assert sorted(path.name for path in (place / "airworthy.lock").iterdir()) == [
        "lock.toml",
        "pylock.toml",
        "requirements.txt",
        "system.toml",
    ]


def test_versions_that_fit_are_kept_until_an_upgrade(place: Path, wheels: Path) -> None:
    (place / "old.in").write_text("app\nlib<2\n")
    lock("old.in", indexes=indexes(wheels))
    assert not lock(indexes=indexes(wheels)).answer.changes
    (change,) = lock(upgrade=["lib"], indexes=indexes(wheels)).answer.changes
    assert (change.package, change.old, change.new) == ("lib", ("1.0",), ("2.0",))


def test_no_solution_names_the_set_and_what_was_tried(
    place: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "r.in").write_text("app\nlib>=2\ntool\n")
    words = ["lock", "r.in", "--no-index", "--find-links", str(wheels)]
    assert main(words) == 1
    text = capsys.readouterr().out
    assert "No versions satisfy all of these together:" in text
    assert "`lib` in place of `lib>=2` is resolved, with 1.0" in text
    assert not (place / "airworthy.lock").exists()
    assert main([*words, "--format", "json"]) == 1
    assert set(json.loads(capsys.readouterr().out)["contradiction"]["smallest"]) == {"lib>=2", "tool"}


def test_restored_from_a_wheelhouse_and_every_drift_named(place: Path, wheels: Path) -> None:
    answer = lock(indexes=indexes(wheels), wheels="house").answer
    assert (answer.files, answer.fetched) == (2, 2)
    assert lock(indexes=indexes(wheels), wheels="house").answer.fetched == 0
    restored = sync(python="env", wheels="house").answer
    assert restored.proof is not None
    assert (restored.packages, restored.proof.packages, restored.proof.unproven) == (2, 2, ())
    assert check_lock(python="env").answer.verdict == "same"
    site = next((place / "env/lib").glob("python*")) / "site-packages"
    (site / "lib.py").write_text("version = '9.9'\n")
    write(site, package("planted"))
    shutil.rmtree(next(site.glob("app-*.dist-info")))
    (place / "pyproject.toml").write_text('[project]\nname = "mine"\ndependencies = []\n')
    found = check_lock(python="env")
    assert {(each.kind, each.package) for each in found.answer.drifts} == {
        ("missing", "app"),
        ("extra", "planted"),
        ("changed", "lib"),
    }
    assert "has changed since" in found.answer.stale
    assert sync(python="env", wheels="house").answer.verdict == "restored"
    assert check_lock(python="env").answer.drifts == ()


def test_a_failure_leaves_what_was_there(place: Path, wheels: Path) -> None:
    lock(indexes=indexes(wheels), wheels="house")
    sync(python="env", wheels="house")
    (place / "env/mark").touch()
    broken = place / "house/lib-2.0-py3-none-any.whl"
    broken.write_bytes(broken.read_bytes()[:-30])
    with pytest.raises(CannotRestore) as caught:
        sync(python="env", wheels="house")
    assert "what was there before is still there" in caught.value.way_out
    assert (place / "env/mark").exists()
    assert [path.name for path in place.iterdir() if "airworthy-" in path.name] == []
    with pytest.raises(CannotRestore, match="no virtual environment"):
        sync(python="house", wheels="house")


def test_an_interrupted_swap_is_taken_back(place: Path, wheels: Path) -> None:
    lock(indexes=indexes(wheels), wheels="house")
    sync(python="env", wheels="house")
    (place / "env").rename(beside(place / "env", "old"))
    beside(place / "env", "new").mkdir()
    answer = sync(python="env", wheels="house").answer
    assert answer.recovered
    assert check_lock(python="env").answer.verdict == "same"


def test_no_room_is_said_before_anything_is_made(place: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(indexes=indexes(wheels), wheels="house")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(CannotRestore, match="1000 B are free"):
        sync(python="env", wheels="house")
    assert not (place / "env").exists()


def test_a_replaced_file_is_not_kept(place: Path, wheels: Path) -> None:
    mine = place / "index"
    shutil.copytree(wheels, mine)
    lock(indexes=indexes(mine))
    make_wheel(place, package("lib", "2.0", "tool"))
    (place / "lib-2.0-py3-none-any.whl").replace(mine / "lib-2.0-py3-none-any.whl")
    from airworthy.environment.wheelhouse import all_files, fill

    packages = parse_lock((place / "airworthy.lock/pylock.toml").read_bytes())
    with pytest.raises(FileUnavailable, match="its hash is"):
        fill(place / "house", [file for each in packages for file in all_files(each)], place)
    assert sorted(path.name for path in (place / "house").iterdir()) == ["app-1.0-py3-none-any.whl"]


def test_an_environment_as_it_is(place: Path, wheels: Path) -> None:
    lock(indexes=indexes(wheels), wheels="house")
    sync(python="env", wheels="house")
    again = lock(from_environment=True, python="env", output="again.lock", indexes=indexes(wheels)).answer
    assert (again.packages, again.platforms) == (2, ())
    assert diff_locks("airworthy.lock", "again.lock").answer.differences == ()


def test_a_folder_that_is_no_lock_is_left_alone(place: Path, wheels: Path) -> None:
    (place / "airworthy.lock").mkdir()
    (place / "airworthy.lock/mine").touch()
    with pytest.raises(OutputFailed, match="is no lock"):
        lock(indexes=indexes(wheels))
    assert [path.name for path in (place / "airworthy.lock").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lock", "none.in"], "none.in does not exist"),
        (["lock", "--accelerator", "cuda"], "known: cpu"),
        (["lock", "--check", "--diff", "a", "b"], "give one"),
        (["lock", "--all-platforms"], "goes with --wheelhouse"),
        (["sync", "none.lock"], "does not exist"),
        (["lock", "--index", "http://127.0.0.1:9/simple"], "uv could not lock"),
        (["lock", "pyproject.toml", "--extra", "gpu"], "no extra named 'gpu'"),
        (["lock", "--check", "--python", sys.executable], "does not exist"),
    ],
)
def test_bad_input_is_one_message(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_twenty_planted_drifts_are_all_named(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    index = tmp_path_factory.mktemp("many")
    for number in range(22):
        make_wheel(index, package(f"p{number}", "1.0"))
    (place / "r.in").write_text("".join(f"p{number}\n" for number in range(22)))
    lock("r.in", indexes=indexes(index), wheels="house")
    sync(python="env", wheels="house")
    assert check_lock(python="env").answer.verdict == "same"
    site = next((place / "env/lib").glob("python*")) / "site-packages"
    planted = set()
    for number in range(4):
        (site / f"p{number}.py").write_text("patched\n")
        planted.add(("changed", f"p{number}"))
        (site / f"p{number + 4}.py").unlink()
        planted.add(("file-missing", f"p{number + 4}"))
        shutil.rmtree(next(site.glob(f"p{number + 8}-*.dist-info")))
        planted.add(("missing", f"p{number + 8}"))
        info = next(site.glob(f"p{number + 12}-*.dist-info"))
        (info / "METADATA").write_text(f"Name: p{number + 12}\nVersion: 2.0\n")
        planted.add(("version", f"p{number + 12}"))
    write(site, package("more"))
    planted.add(("extra", "more"))
    write(site, package("p16", "3.0"))
    planted.add(("twice", "p16"))
    (next(site.glob("p17-*.dist-info")) / "RECORD").unlink()
    planted.add(("no-record", "p17"))
    (place / "r.in").write_text("p0\n")
    found = check_lock(python="env").answer
    assert {(each.kind, each.package) for each in found.drifts} == planted
    assert "r.in has changed" in found.stale


def another_python() -> str:
    """An interpreter of another version that runs; empty if there is none."""
    for minor in (12, 10, 13, 14):
        path = shutil.which(f"python3.{minor}")
        if path and minor != sys.version_info[1]:
            done = subprocess.run([path, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
            if done.returncode == 0:
                return done.stdout.strip()
    return ""


@pytest.mark.slow
def test_restored_on_another_python_offline_and_the_model_answers_the_same(place: Path) -> None:
    """Needs an index: ONNX Runtime and NumPy are fetched once, then everything is offline."""
    import models

    other = another_python()
    if not other:
        pytest.skip("there is no other Python here")

    models.linear(place / "linear.onnx")
    program = (
        "import numpy, onnxruntime as o; s = o.InferenceSession('linear.onnx', providers=['CPUExecutionProvider']);"
        "i = s.get_inputs()[0]; n = [d if isinstance(d, int) else 2 for d in i.shape];"
        "print(s.run(None, {i.name: numpy.arange(numpy.prod(n), dtype='float32').reshape(n)})[0].tolist())"
    )
    (place / "r.in").write_text("onnxruntime\nnumpy\n")
    lock("r.in", python_version="3.10")
    answers = []
    for name, python in (("here", sys.executable), ("there", other)):
        lock("r.in", python_version="3.10", python=python, wheels=f"{name}-wheels")
        restored = sync(python=name, base=python, wheels=f"{name}-wheels").answer
        assert restored.proof is not None
        assert not restored.proof.unproven
        assert check_lock(python=name).answer.verdict == "same"
        done = subprocess.run([f"{name}/bin/python", "-c", program], capture_output=True, text=True, check=True)
        answers.append(done.stdout)
    assert answers[0] == answers[1] != ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes as POSIX has them")
def test_killed_at_any_moment_what_was_there_is_there(place: Path, wheels: Path) -> None:
    import signal
    import time

    lock(indexes=indexes(wheels), wheels="house")
    began = time.monotonic()
    sync(python="env", wheels="house")
    whole = 2 * (time.monotonic() - began)
    command = [sys.executable, "-m", "airworthy", "sync", "--python", "env", "--wheelhouse", "house"]
    for step in range(8):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(whole * step / 8)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL if step % 2 else signal.SIGINT)
        process.wait(60)
        assert check_lock(python="env").answer.verdict == "same", step
    sync(python="env", wheels="house")
    assert [path.name for path in place.iterdir() if "airworthy-" in path.name] == []

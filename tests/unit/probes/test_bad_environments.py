"""Environments and tools as bad as they come, on this machine's real file system and with real processes."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from airworthy.causes.prediction import predict
from airworthy.causes.registry import CAUSES
from airworthy.core.facts import Known
from airworthy.core.finding import Severity
from airworthy.core.keys import DISTRIBUTIONS, DISTRIBUTIONS_DAMAGED, HIDDEN_MODULES, LINK_FAULTS
from airworthy.core.report import CheckResult, Crashed, Failed
from airworthy.knowledge import Knowledge
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter
from airworthy.probes.seam.local import LocalHost
from elf_files import make_elf

ENVIRONMENT = ("distributions", "frameworks", "binaries", "numpy-uses", "link-faults", "installation", "hidden-modules")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="links and permissions as Linux has them")


class There(LocalHost):
    """This machine with another environment."""

    def __init__(self, site: Path) -> None:
        super().__init__()
        self._site = site

    def interpreter(self) -> Interpreter:
        return Interpreter("3.11.9", "/gone/python", "/gone", (str(self._site),))


def install(site: Path, name: str, files: dict[str, bytes], metadata: str | None = None) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n" if metadata is None else metadata)
    (info / "RECORD").write_text("".join(f"{path},sha256=x,{len(data)}\n" for path, data in files.items()))
    for path, data in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)


def test_ten_thousand_distributions_stay_quick() -> None:
    """In memory: so many files on a disk take longer to make and remove than to look at."""
    files: dict[str, bytes | str] = {}
    for number in range(10_000):
        info = f"/site/p{number}-1.0.dist-info"
        files[f"{info}/METADATA"] = f"Name: p{number}\nVersion: 1.0\nRequires-Dist: p{(number + 1) % 10_000}\n"
        files[f"{info}/RECORD"] = f"p{number}.py,sha256=x,1\np{number}.abi3.so,sha256=x,1\n"
        files |= {f"/site/p{number}.py": "", f"/site/p{number}.abi3.so": make_elf(())}
    host = FakeHost(files, interpreter=Interpreter("3.11.9", "/v/bin/python", "/v", ("/site",)))
    start = time.monotonic()
    facts = gather(host, [PROBES.get(name) for name in ENVIRONMENT], strict=True)
    assert len(facts.value(DISTRIBUTIONS)) == 10_000
    assert facts.value(DISTRIBUTIONS_DAMAGED) == ()
    results = predict(facts, CAUSES, Knowledge())
    assert not [each for each in results if isinstance(each, (Crashed, Failed))]
    assert time.monotonic() - start < 20


def test_circular_links_and_pipes_among_packages(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "whole", {"whole/__init__.py": b"x", "whole/_x.abi3.so": make_elf(())})
    install(site, "ring", {"ring/__init__.py": b"x", "ring/a.abi3.so": b"", "ring/pipe.abi3.so": b""})
    for one, other in (("a", "b"), ("b", "a")):
        (site / f"ring/{one}.abi3.so").unlink(missing_ok=True)
        (site / f"ring/{one}.abi3.so").symlink_to(f"{other}.abi3.so")
    (site / "ring/pipe.abi3.so").unlink()
    os.mkfifo(site / "ring/pipe.abi3.so")
    (site / "itself").symlink_to(site)
    (site / "loop-1.0.dist-info").symlink_to("loop-1.0.dist-info")
    facts = gather(There(site), [PROBES.get(name) for name in ENVIRONMENT], strict=True)
    assert {each.name for each in facts.value(DISTRIBUTIONS)} >= {"whole", "ring"}
    assert facts.value(LINK_FAULTS) == ()
    assert {each.distribution for each in facts.value(DISTRIBUTIONS_DAMAGED)} <= {"ring", "loop"}


@pytest.mark.parametrize("metadata", ["", "\0" * 1000, "Name: \nVersion: \n", "Version: one\nName: x", "ÿ" * 5000])
def test_broken_descriptions_claim_nothing_of_others(tmp_path: Path, metadata: str) -> None:
    install(tmp_path, "good", {"good.py": b"x"})
    install(tmp_path, "bad", {"bad.py": b"x"}, metadata)
    (tmp_path / "empty-2.dist-info").mkdir()
    (tmp_path / "file-3.dist-info").write_text("no directory")
    facts = gather(There(tmp_path), [PROBES.get(name) for name in ENVIRONMENT], strict=True)
    assert "good" in {each.name for each in facts.value(DISTRIBUTIONS)}
    assert not [each for each in facts.value(DISTRIBUTIONS_DAMAGED) if each.distribution == "good"]
    results = predict(facts, CAUSES, Knowledge())
    assert not [each for each in results if isinstance(each, Crashed)]
    assert not [
        f for each in results if isinstance(each, Failed) for f in each.findings if f.severity is Severity.ERROR
    ]


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    facts = gather(There(tmp_path), [PROBES.get("hidden-modules")])
    assert not isinstance(facts.fact(HIDDEN_MODULES), Known)


TOOLS = (
    *("nvidia-smi", "rocm-smi", "amd-smi", "npu-smi", "cnmon", "mthreads-gmi", "ixsmi", "hy-smi", "mx-smi", "xpu-smi"),
    *("xpu_smi", "bm-smi", "efsmi", "nvcc", "ldd", "dmesg", "system_profiler", "sysctl", "uname"),
)
SAID = {
    "garbage": "head -c 200000 /dev/urandom",
    "another_language": "echo '未找到命令 驱动程序版本 550.100 | 显卡 0 | 温度 正常'",
    "another_layout": 'printf \'{"version": 99, "cards": {"card0": null}}\\n| x | y |\\n\'',
    "only_errors": "echo 'Fehler: Gerät nicht gefunden' >&2; exit 3",
    "a_crash": "kill -SEGV $$",
    "nothing": "true",
}


def _tools(folder: Path, script: str) -> None:
    folder.mkdir()
    for name in TOOLS:
        (folder / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (folder / name).chmod(0o755 | stat.S_IXUSR)


@pytest.fixture(scope="module")
def quiet() -> tuple[CheckResult, ...]:
    """The checks of this machine as it is."""
    return predict(gather(LocalHost(), list(PROBES)), CAUSES, Knowledge())


@pytest.mark.parametrize("said", SAID)
def test_tools_that_print_what_they_like_decide_nothing(
    said: str, quiet: tuple[CheckResult, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tools(tmp_path / "bin", SAID[said])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    start = time.monotonic()
    noisy = predict(gather(LocalHost(), list(PROBES), strict=True), CAUSES, Knowledge())
    assert time.monotonic() - start < 15
    assert not [each for each in noisy if isinstance(each, Crashed)]
    known = {each.check for each in quiet if isinstance(each, Failed)}
    assert {each.check for each in noisy if isinstance(each, Failed)} <= known


def test_tools_that_hang_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tools(tmp_path / "bin", "exec sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    start = time.monotonic()
    facts = gather(LocalHost(), list(PROBES), time_limit=1.0)
    assert time.monotonic() - start < 4
    assert facts.value(DISTRIBUTIONS), "what needs no tool is known all the same"

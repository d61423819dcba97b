"""Input of sizes and states that nobody plans for: sparse files of gigabytes, thousands of files, unreadable ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import model_files
import models
from airworthy.artifacts.formats.registry import STORED
from airworthy.artifacts.identify import inspect
from airworthy.cli.main import main
from airworthy.core.keys import MODEL_DEFECTS
from permissions import as_nobody, open_to_all

HUGE = 20 << 30
"""Bytes of a sparse file."""
MANY = 10_000
"""Files of a folder."""
SAMPLES: dict[str, Callable[[Path], Path]] = {
    "model.onnx": models.linear,
    "model.safetensors": models.safetensors,
    "model.pt": models.torch_zip,
    "legacy.pt": models.torch_legacy,
    "model.pkl": models.plain_pickle,
    "model.gguf": model_files.gguf,
    "w.npy": model_files.npy,
    "w.npz": model_files.npz,
    "model.h5": model_files.hdf5,
    "model.keras": model_files.keras,
    "model.tflite": model_files.tflite,
    "model.plan": model_files.tensorrt,
    "model.mlmodel": model_files.coreml,
    "model.xml": model_files.openvino,
}
_MEASURED = """
import re, sys
from pathlib import Path
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import NotAModel
for name in sys.argv[1:]:
    try:
        inspect(name)
    except NotAModel:
        pass
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder in which a file of many gigabytes takes none."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(HUGE)
    if path.stat().st_blocks > 1024:
        pytest.skip("this file system has no sparse files")
    path.unlink()
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_twenty_sparse_gigabytes_behind_every_format_are_not_read(room: Path) -> None:
    paths = []
    for name, make in SAMPLES.items():
        path = room / name
        make(path)
        with path.open("r+b") as file:
            file.truncate(HUGE)
        paths.append(path)
    begun = time.monotonic()
    run = [sys.executable, "-c", _MEASURED, *map(str, paths)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 256 * 1024
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("start", [b"", b"GGUF\x03\0\0\0" + b"\xff" * 16, b"\x80\x02", b"PK\x03\x04", b"\x08\x08"])
def test_twenty_gigabytes_of_nothing_end_soon(room: Path, start: bytes) -> None:
    path = room / "model.bin"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(HUGE)
    begun = time.monotonic()
    assert main(["inspect", str(path)]) in (1, 2)
    assert time.monotonic() - begun < 10


def test_a_sparse_model_of_a_hundred_gigabytes_is_told_at_once(room: Path) -> None:
    size = 5 << 30
    names = [f"model-{n:05}-of-00020.safetensors" for n in range(1, 21)]
    for name in names:
        entry = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}
        header = json.dumps({f"{name}.weight": entry})
        with (room / name).open("wb") as file:
            file.write(models.safetensors_bytes(header))
            file.truncate(8 + len(header) + size)
    weight_map = {f"{name}.weight": name for name in names}
    (room / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (room / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    inspect(room)
    begun = time.perf_counter()
    found = inspect(room)
    # The benchmark measures it; here only what reading weights would take is told apart.
    assert time.perf_counter() - begun < 1
    assert found.model.size > 100 << 30
    assert not found.facts.value(MODEL_DEFECTS)


def test_ten_thousand_files_beside_a_model_are_told_soon(tmp_path: Path) -> None:
    models.text_folder(tmp_path)
    for number in range(MANY):
        (tmp_path / f"shard-{number:05}.json").write_bytes(b"{}")
    begun = time.monotonic()
    found = inspect(tmp_path)
    assert time.monotonic() - begun < 10
    assert len(found.model.files) <= MANY + 10
    assert found.model.entry.endswith("model.onnx")


def test_ten_thousand_files_without_a_model_are_told_soon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(MANY):
        (tmp_path / f"{number:05}.safetensors").write_bytes(b"")
    begun = time.monotonic()
    assert main(["inspect", str(tmp_path)]) == 2
    assert time.monotonic() - begun < 10
    assert len(capsys.readouterr().err) < 2000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize("unreadable", ["model.onnx", "config.json", "tokenizer.json"])
def test_an_unreadable_member_is_one_clear_error_or_a_finding(
    unreadable: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models.text_folder(tmp_path)
    open_to_all(tmp_path)
    assert main(["inspect", str(tmp_path), "--hash"]) == 0  # imports what it needs while that may be read
    capsys.readouterr()
    (tmp_path / unreadable).chmod(0)
    with as_nobody():
        status = main(["inspect", str(tmp_path), "--hash"])
    told = capsys.readouterr()
    assert status in (1, 2)
    assert unreadable in told.err
    assert "bug" not in told.err


def test_a_member_that_cannot_be_unpacked_breaks_no_reader(tmp_path: Path) -> None:
    """What fuzzing found: a directory that points past a member's header."""
    for name, make, format_ in (
        ("m.keras", model_files.keras, "keras"),
        ("p.pt2", model_files.exported, "pytorch"),
        ("w.npz", model_files.npz, "numpy"),
        ("t.pt", models.torch_zip, "pytorch"),
    ):
        path = tmp_path / name
        make(path)
        whole = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            headers = [info.header_offset for info in archive.infolist()]
        for header in headers:
            for at in (header, header + 18, header + 26):
                path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
                inspect(path)
                list(STORED.get(format_)(path))


@pytest.mark.slow
def test_the_tool_that_fuzzes_runs_every_parser(tmp_path: Path) -> None:
    tool = Path(__file__).parents[2] / "tools" / "fuzz.py"
    run = [sys.executable, str(tool), "--seconds", "1", "--only", "onnx", "--keep", str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=100, env={**os.environ})
    assert re.search(r"onnx +[1-9]\d* runs", done.stdout), done.stdout + done.stderr
    assert done.returncode == 0

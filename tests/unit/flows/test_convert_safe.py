"""Pickle checkpoints rewritten as safetensors: bit by bit, without loading, by a child that may do nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile
import models
from airworthy.artifacts.conversion import sandbox
from airworthy.artifacts.conversion.to_safetensors import Refused, choose
from airworthy.artifacts.encodings.pickle_values import TensorRef, TorchStorage, is_contiguous
from airworthy.cli.main import main
from airworthy.flows.inspect import Looking, inspect

VALUES = np.arange(12, dtype=np.float32)


def tensor(key: str, shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0, count: int = 12) -> models.Call:
    hooks = models.Call("collections.OrderedDict")
    return models.Call(
        "torch._utils._rebuild_tensor_v2", models.Stored(key, count), offset, shape, stride, False, hooks
    )


def checkpoint(path: Path, state: Any, *storages: bytes, byteorder: str = "little") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", models.torch_pickle(state))
        archive.writestr("archive/byteorder", byteorder)
        for number, content in enumerate(storages or (VALUES.tobytes(),)):
            archive.writestr(f"archive/data/{number}", content)
        archive.writestr("archive/version", "3\n")
    return path


def convert(path: Path, target: Path, *, force: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = inspect(path, looking=Looking(str(target), force)).data["conversion"]
    return made


def read(path: Path) -> dict[str, np.ndarray]:
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    found = {}
    for name, each in header.items():
        begin, end = (8 + length + at for at in each["data_offsets"])
        assert each["dtype"] == "F32"
        found[name] = np.frombuffer(raw[begin:end], np.float32).reshape(each["shape"])
    return found


def test_views_strides_and_shared_storages_come_out_as_their_numbers(tmp_path: Path) -> None:
    state = {
        "whole": tensor("0", (3, 4), (4, 1)),
        "tied": tensor("0", (3, 4), (4, 1)),
        "turned": tensor("0", (4, 3), (1, 4)),
        "slice": tensor("0", (2, 2), (4, 2), 5),
        "spread": tensor("0", (5, 2), (0, 1), 3),
        "scalar": tensor("0", (), (), 7),
        "none": tensor("0", (0, 3), (3, 1)),
    }
    made = convert(checkpoint(tmp_path / "m.pt", state), tmp_path / "m.safetensors")
    found = read(tmp_path / "m.safetensors")
    rows = VALUES.reshape(3, 4)
    wanted = {"whole": rows, "tied": rows, "turned": rows.T, "slice": rows[1:3, 1:4:2], "scalar": VALUES[7]}
    wanted |= {"spread": np.broadcast_to(VALUES[3:5], (5, 2)), "none": np.zeros((0, 3), np.float32)}
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)
    (written,) = made["written"]
    assert (written["tensors"], len(written["copied"]), made["refused"]) == (7, 6, "")
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_the_other_byte_order_and_the_older_container(tmp_path: Path) -> None:
    big = checkpoint(
        tmp_path / "b.pt", {"w": tensor("0", (12,), (1,))}, VALUES.astype(">f4").tobytes(), byteorder="big"
    )
    convert(big, tmp_path / "b.safetensors")
    np.testing.assert_array_equal(read(tmp_path / "b.safetensors")["w"], VALUES)


def test_an_optimiser_is_left_out(tmp_path: Path) -> None:
    state = {"state_dict": {"w": tensor("0", (12,), (1,))}, "optimizer": {"m": tensor("0", (6,), (1,))}, "epoch": 3}
    (written,) = convert(checkpoint(tmp_path / "m.ckpt", state), tmp_path / "m.safetensors")["written"]
    assert (list(read(tmp_path / "m.safetensors")), written["left_out"]) == (["w"], 1)


def test_shards_keep_their_names_and_get_an_index(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    names = [f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)]
    for number, name in enumerate(names):
        checkpoint(folder / name, {f"w{number}": tensor("0", (3, 4), (4, 1))})
    weight_map = {"w0": names[0], "w1": names[1]}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text("{}")
    convert(folder, tmp_path / "safe")
    index = json.loads((tmp_path / "safe" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == {f"w{n}": f"model-0000{n + 1}-of-00002.safetensors" for n in (0, 1)}
    assert inspect(tmp_path / "safe").data["model"]["tensors"] == 2


@pytest.mark.parametrize(
    ("state", "storages", "told"),
    [
        ({"w": tensor("0", (13,), (1,), 0, 13)}, (), "damaged"),
        ({"w": tensor("0", (12,), (1,), 1)}, (), "past the end"),
        ({"w": tensor("0", (2**30, 2**20), (0, 0))}, (), "far more than the file has"),
        ({"w": tensor("0", (3, 4), (4,))}, (), "more sizes than strides"),
        ({"w": tensor("7", (3, 4), (4, 1))}, (), "damaged"),
        ({"a": {"b": tensor("0", (12,), (1,))}, "a.b": tensor("0", (12,), (1,))}, (), "two tensors"),
        ({"n": 1}, (), "no tensors"),
    ],
)
def test_what_cannot_be_faithful_is_refused(
    tmp_path: Path, state: Any, storages: tuple[bytes, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoint(tmp_path / "m.pt", state, *storages)
    assert main(["inspect", str(path), "--convert-safe", str(tmp_path / "out.safetensors")]) == 2
    assert told in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["m.pt"]


@pytest.mark.parametrize("kind", ["torch.ComplexFloatStorage", "torch.QInt8Storage", "torch.QUInt4x2Storage", "x.Y"])
def test_types_without_a_faithful_place_are_refused(kind: str) -> None:
    with pytest.raises(Refused, match="which safetensors lacks"):
        choose([TensorRef("w", TorchStorage(kind, "0", 4), 0, (4,), (1,))])


def test_contiguous_is_what_needs_no_gathering() -> None:
    def ref(shape: tuple[int, ...], stride: tuple[int, ...]) -> TensorRef:
        return TensorRef("w", TorchStorage("torch.FloatStorage", "0", 99), 0, shape, stride)

    assert is_contiguous(ref((2, 3), (3, 1)))
    assert is_contiguous(ref((1, 3), (77, 1)))
    assert is_contiguous(ref((), ()))
    assert not is_contiguous(ref((2, 3), (1, 2)))
    assert not is_contiguous(ref((2, 3), (4, 1)))


def test_nothing_is_overwritten_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = checkpoint(tmp_path / "m.pt", {"w": tensor("0", (12,), (1,))}), tmp_path / "out.safetensors"
    out.write_text("mine")
    assert main(["inspect", str(path), "--convert-safe", str(out)]) == 2
    assert (out.read_text(), "--force" in capsys.readouterr().err) == ("mine", True)
    assert main(["inspect", str(path), "--convert-safe", str(out), "--force"]) == 0
    assert list(read(out)) == ["w"]


def test_another_format_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = models.safetensors(tmp_path / "m.safetensors")
    assert main(["inspect", str(path), "--convert-safe", str(tmp_path / "o")]) == 2
    assert "only PyTorch files" in capsys.readouterr().err


SAMPLES = [sample for sample in hostile.samples() if sample[2] in ("pt", "bin", "pth", "ckpt")]


def test_there_are_hostile_samples() -> None:
    assert len(SAMPLES) > 10


@pytest.mark.parametrize("sample", SAMPLES[::6], ids=lambda sample: f"{sample[0]}-{sample[1]}")
def test_hostile_pickles_write_nothing_and_are_findings(tmp_path: Path, sample: hostile.Sample) -> None:
    path = hostile.write(sample, tmp_path)
    out = tmp_path / "out.safetensors"
    assert main(["inspect", str(path), "--convert-safe", str(out), "--format", "json"]) != 0
    assert not out.exists()


@pytest.mark.parametrize("sample", SAMPLES[::15], ids=lambda sample: f"{sample[0]}-{sample[1]}")
def test_the_child_refuses_hostile_pickles_by_itself(tmp_path: Path, sample: hostile.Sample) -> None:
    path = hostile.write(sample, tmp_path)
    with path.open("rb", buffering=0) as source, (tmp_path / "out").open("wb", buffering=0) as target:
        answer = sandbox.run("airworthy.artifacts.conversion.to_safetensors:job", source, target, path.name, 1 << 20)
    assert answer.refused
    assert not answer.done
    assert (tmp_path / "out").stat().st_size == 0


_ATTEMPTS = """
import os, socket, sys
def job(file, target, name):
    tried = {}
    for what, act in {
        "open": lambda: open("/etc/passwd"), "write": lambda: open("/tmp/airworthy-escaped", "w"),
        "connect": lambda: socket.socket(), "fork": os.fork, "exec": lambda: os.execv("/bin/true", ["true"]),
        "list": lambda: os.listdir("/"), "kill": lambda: os.kill(os.getppid(), 0),
        "environment": lambda: os.environ["HOME"], "memory": lambda: bytearray(64 << 30),
        "output": lambda: os.pwrite(target, b"x", 1 << 40),
    }.items():
        try:
            act()
            tried[what] = "done"
        except (OSError, KeyError, MemoryError) as error:
            tried[what] = type(error).__name__
    return tried
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such filter")
@pytest.mark.skipif(os.uname().machine not in sandbox._CALLS, reason="no table of system calls for this machine")
def test_the_child_can_do_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attempts.py").write_text(_ATTEMPTS)
    bootstrap = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n" + sandbox._BOOTSTRAP
    monkeypatch.setattr(sandbox, "_BOOTSTRAP", bootstrap)
    (tmp_path / "in").write_bytes(b"")
    with (tmp_path / "in").open("rb", buffering=0) as source, (tmp_path / "out").open("wb", buffering=0) as target:
        answer = sandbox.run("attempts:job", source, target, "x", 1 << 20)
    assert answer.refused == ""
    assert "done" not in answer.done.values(), answer.done
    assert {"opening files, starting programs, all other system calls", "gaining privileges"} <= {*answer.given_up}


def test_a_child_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attempts.py").write_text("def job(file, target, name):\n    while True: pass\n")
    bootstrap = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n" + sandbox._BOOTSTRAP
    monkeypatch.setattr(sandbox, "_BOOTSTRAP", bootstrap)
    monkeypatch.setattr(sandbox, "LEAST_SECONDS", 1)
    (tmp_path / "in").write_bytes(b"")
    with (tmp_path / "in").open("rb", buffering=0) as source, (tmp_path / "out").open("wb", buffering=0) as target:
        answer = sandbox.run("attempts:job", source, target, "x", 1 << 20)
    assert answer.refused


_TORCH = """
import sys, torch
from safetensors.torch import load_file
torch.manual_seed(0)
base = torch.randn(64, 32)
state = {"a": base, "tied": base, "slice": base[3:10, ::2], "turned": base.t(), "spread": torch.ones(1, 4).expand(6, 4)}
state |= {"parameter": torch.nn.Parameter(torch.randn(3, 2, 2).permute(2, 0, 1)), "scalar": torch.tensor(3.5)}
state |= {"empty": torch.empty(0, 3), "yes": torch.tensor([True, False])}
state |= {str(kind): torch.randn(5, 7).mul(9).to(kind) for kind in (torch.float64, torch.float16, torch.bfloat16,
          torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)}
if sys.argv[1] == "save":
    if sys.argv[3] == "zip":
        small = {str(kind): torch.randn(5, 7).to(kind) for kind in (torch.float8_e4m3fn, torch.float8_e5m2)}
        state |= small
    torch.save(state, sys.argv[2], _use_new_zipfile_serialization=sys.argv[3] == "zip")
else:
    ours, theirs = load_file(sys.argv[3]), torch.load(sys.argv[2], weights_only=True)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert (tensor.dtype, tensor.shape) == (ours[name].dtype, ours[name].shape), name
        one, other = (each.detach().contiguous().flatten() for each in (tensor, ours[name]))
        assert not one.numel() or torch.equal(one.view(torch.uint8), other.view(torch.uint8)), name
    print(len(ours))
"""


@pytest.mark.torch
@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_every_tensor_is_what_pytorch_loads(tmp_path: Path, container: str) -> None:
    python = os.environ.get("PYTORCH", sys.executable)
    path, out = tmp_path / "m.pt", tmp_path / "m.safetensors"
    run = [python, "-c", _TORCH]
    subprocess.run([*run, "save", path, container], check=True, timeout=100)
    convert(path, out)
    done = subprocess.run([*run, "compare", path, out], check=True, timeout=100, capture_output=True, text=True)
    assert int(done.stdout) == (19 if container == "zip" else 17)

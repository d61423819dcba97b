"""How PyTorch lays out what it stores besides plain checkpoints: traced modules, packages, shared storages."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile
import models
from airworthy.artifacts.identify import inspect
from airworthy.artifacts.weights.health import stored_in
from airworthy.core.keys import MODEL_CODE, MODEL_DEFECTS
from airworthy.flows.inspect import inspect as report_of


def tensor(key: str, elements: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...] = ()) -> models.Call:
    stride = stride or tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    hooks = models.Call("collections.OrderedDict")
    stored = models.Stored(key, elements)
    return models.Call("torch._utils._rebuild_tensor_v2", stored, offset, shape, stride, False, hooks)


def archive(path: Path, value: Any, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", models.torch_pickle(value))
        for name, content in {"m/version": b"3\n", **members}.items():
            file.writestr(name, content)
    return path


def rows(path: Path) -> list[tuple[str, tuple[int, ...], list[float]]]:
    data = path.read_bytes()
    return [
        (each.name, each.shape, np.frombuffer(data[each.offset : each.offset + each.size], "<f4").tolist())
        for each in stored_in(inspect(path).model)
    ]


OUTSIDE = [
    ("past the end", (0, (13,), (1,))),
    ("from an offset", (1, (12,), (1,))),
    ("a scalar", (12, (), ())),
    ("by its strides", (0, (3, 4), (5, 1))),
    ("far", (0, (1 << 40,), (1,))),
]
WITHIN = [
    ("all", (0, (3, 4), (4, 1))),
    ("the last", (11, (), ())),
    ("one number many times", (11, (1000, 1000), (0, 0))),
    ("nothing", (100, (0, 5), (5, 1))),
    ("turned", (0, (4, 3), (1, 4))),
]


def laid_out(layout: tuple[int, tuple[int, ...], tuple[int, ...]], builder: str) -> models.Call:
    offset, shape, stride = layout
    return models.Call(f"torch._utils.{builder}", models.Stored("0", 12), offset, shape, stride, False, None)


@pytest.mark.parametrize("builder", ["_rebuild_tensor_v2", "_rebuild_qtensor"])
@pytest.mark.parametrize(("layout", "fits"), [(e, False) for _, e in OUTSIDE] + [(e, True) for _, e in WITHIN])
def test_tensors_lie_within_their_storages(
    tmp_path: Path, layout: tuple[int, tuple[int, ...], tuple[int, ...]], fits: bool, builder: str
) -> None:
    """What `torch.load` refuses; a loader that did not ask would read other memory."""
    path = archive(tmp_path / "m.pt", {"w": laid_out(layout, builder)}, **{"m/data/0": NUMBERS.tobytes()})
    assert [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)] == ([] if fits else ["bounds"])


@pytest.mark.parametrize("layout", [(-1, (2,), (1,)), (3, (2,), (-1,)), (0, (2, 2), (1,))])
def test_an_impossible_layout_is_damage(tmp_path: Path, layout: tuple[int, tuple[int, ...], tuple[int, ...]]) -> None:
    value = {"w": laid_out(layout, "_rebuild_tensor_v2")}
    path = archive(tmp_path / "m.pt", value, **{"m/data/0": NUMBERS.tobytes()})
    assert [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)] == ["structure"]


NUMBERS = np.arange(12, dtype=np.float32)


def test_inputs_of_tracing_are_no_weights(tmp_path: Path) -> None:
    """They are kept with their sizes and without elements, in a folder of their own."""
    inputs = models.Call("torch.jit._pickle.restore_type_tag", [tensor("0", 192, 0, (192,))], "List[Tensor]")
    members = {
        "m/data/0": NUMBERS.tobytes(),
        "m/constants.pkl": b"\x80\x02).",
        "m/code/__torch__.py": b"class Net(Module):\n  pass\n",
        "m/traced_inputs.pkl": models.torch_pickle(inputs),
        "m/traced_inputs/0": b"",
    }
    path = archive(tmp_path / "m.pt", {"w": tensor("0", 12, 0, (3, 4))}, **members)
    report = report_of(path)
    assert report.findings == ()
    assert (report.answer.model["parameters"], report.answer.model["tensors"]) == (12, 1)
    assert rows(path) == [("w", (3, 4), NUMBERS.tolist())]


def test_what_inputs_of_tracing_import_counts(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.pt", {}, **{"m/traced_inputs.pkl": hostile.call("os.system")})
    assert "treat it as an attack" in report_of(path).findings[0].message


def package(path: Path, pickled: bytes, *modules: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("p/.data/extern_modules", "torch._utils\ntorch\ncollections\n")
        file.writestr("p/.data/version", "6\n")
        file.writestr("p/.data/0.storage", NUMBERS.tobytes())
        file.writestr("p/model/weights.pkl", pickled)
        for module in modules:
            file.writestr(f"p/{module}", "class Net: ...\n")
    return path


def test_a_package_is_read(tmp_path: Path) -> None:
    stored = tensor("0", 12, 0, (12,))
    storage = stored.args[0]
    kind, name, _, *rest = storage.value
    storage.value = (kind, name, 0, *rest)
    path = package(tmp_path / "p.pt", models.torch_pickle({"w": stored}))
    found = inspect(path)
    assert report_of(path).findings == ()
    assert found.facts.value(MODEL_DEFECTS) == found.facts.value(MODEL_CODE) == ()
    assert (found.model.metadata["kind"], found.model.parameters) == ("torch.package", 12)
    assert rows(path) == [("w", (12,), NUMBERS.tolist())]


def test_python_in_a_package_is_told(tmp_path: Path) -> None:
    path = package(tmp_path / "p.pt", pickle.dumps({}), "ours/net.py", "ours/__init__.py")
    code = inspect(path).facts.value(MODEL_CODE)
    assert [(each.kind, each.name) for each in code] == [("torch-package", "ours.net"), ("torch-package", "ours")]


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_that_share_a_storage_have_a_row_each(tmp_path: Path, legacy: bool) -> None:
    parts = {"a": (0, (2, 3)), "b": (6, (4,)), "c": (10, (2,))}
    value = {name: tensor("0", 12, at, shape) for name, (at, shape) in parts.items()}
    path = _saved(tmp_path / "m.pt", value, legacy=legacy)
    expected = [(name, shape, NUMBERS[at : at + int(np.prod(shape))].tolist()) for name, (at, shape) in parts.items()]
    assert rows(path) == expected


@pytest.mark.parametrize("legacy", [False, True])
def test_a_tensor_that_fills_a_storage_stands_for_the_views_of_it(tmp_path: Path, legacy: bool) -> None:
    value = {
        "view": tensor("0", 12, 6, (6,)),
        "turned": tensor("0", 12, 0, (4, 3), (1, 4)),
        "w": tensor("0", 12, 0, (3, 4)),
    }
    assert rows(_saved(tmp_path / "m.pt", value, legacy=legacy)) == [("w", (3, 4), NUMBERS.tolist())]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_storage_without_a_plain_tensor_is_measured_whole(tmp_path: Path, legacy: bool) -> None:
    value = {"turned": tensor("0", 12, 0, (4, 3), (1, 4))}
    assert rows(_saved(tmp_path / "m.pt", value, legacy=legacy)) == [("turned", (12,), NUMBERS.tolist())]


def _saved(path: Path, value: dict[str, models.Call], *, legacy: bool) -> Path:
    if not legacy:
        return archive(path, value, **{"m/data/0": NUMBERS.tobytes()})
    for each in value.values():
        each.args[0].value = (*each.args[0].value, None)
    parts = [pickle.dumps(each, protocol=2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    parts += [models.torch_pickle(value), pickle.dumps(["0"], protocol=2)]
    path.write_bytes(b"".join(parts) + (12).to_bytes(8, "little") + NUMBERS.tobytes())
    return path

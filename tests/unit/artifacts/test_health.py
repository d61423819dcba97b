"""Weights in one pass: figures against NumPy's own, what is remarkable, damage, and the limits of memory."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import model_files
import models
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.identify import inspect
from airworthy.artifacts.weights import streaming
from airworthy.artifacts.weights.health import Health, look, stored_in
from airworthy.artifacts.weights.measure import CHUNK, Meter

RANDOM = np.random.default_rng(3)
DTYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint8": "U8", "int8": "I8"}


def measured(path: Path) -> Health:
    return look(stored_in(inspect(path).model), [], lambda _: [])


def kinds(health: Health) -> list[tuple[str, str]]:
    return [(each.tensor, each.kind) for each in health.faults]


def safetensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> Path:
    entries: dict[str, Any] = {}
    at = 0
    for name, (dtype, array) in tensors.items():
        shape = list(array.shape)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    path.write_bytes(models.safetensors_bytes(json.dumps(entries), b"".join(a.tobytes() for _, a in tensors.values())))
    return path


def brain(values: np.ndarray) -> np.ndarray:
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def sound(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) * 0.02).astype(np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (300, 700), (CHUNK + 1,), (2, 3, 4, 5)])
def test_figures_are_those_of_numpy(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = (RANDOM.standard_normal(shape) * 50).astype(dtype)
    (tensor,) = measured(safetensors(tmp_path / "m.safetensors", {"w": (DTYPES[dtype], array)})).tensors
    wide = array.astype(np.float64)
    assert tensor.mean == pytest.approx(wide.mean(), rel=1e-4, abs=1e-4)
    assert tensor.deviation == pytest.approx(wide.std(), rel=1e-4)
    assert (tensor.low, tensor.high) == (wide.min(), wide.max())
    # Each piece begins its count anew, so that there may be a few more.
    assert sum(tensor.histogram) == pytest.approx(array.size / max(1, array.size // 16384), rel=0.01, abs=1)


EXTREMES: dict[str, tuple[str, np.ndarray]] = {
    "far from zero": ("F32", (1000 + 0.001 * RANDOM.standard_normal(CHUNK + 77)).astype(np.float32)),
    "very far": ("F64", 1e9 + RANDOM.standard_normal(5000)),
    "large": ("F64", np.array([1e200, 1.0])),
    "the largest": ("F64", np.array([1.7e308, -1.7e308, 1.7e308])),
    "small": ("F64", np.array([1e-200, 3e-200])),
    "the largest single": ("F32", np.array([3e38, -3e38, 3e38], np.float32)),
    "subnormal": ("F32", np.array([1e-40, 3e-40], np.float32)),
    "bytes": ("U8", RANDOM.integers(0, 256, CHUNK + 5).astype(np.uint8)),
    "one number": ("F32", np.full(5000, 0.1, np.float32)),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_moments_hold_at_extremes(tmp_path: Path, case: str) -> None:
    """Joined over pieces, they are those of NumPy's widest floats."""
    dtype, array = EXTREMES[case]
    (tensor,) = measured(safetensors(tmp_path / "m.safetensors", {"w": (dtype, array)})).tensors
    wide = array.astype(np.longdouble)
    deviation = np.sqrt(((wide - wide.mean()) ** 2).mean())
    assert tensor.mean == pytest.approx(float(wide.mean()), rel=1e-6)
    assert tensor.deviation == pytest.approx(float(deviation), rel=1e-6, abs=0)
    assert (tensor.low, tensor.high) == (float(array.min()), float(array.max()))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("I64", np.array([2**53 + 1, 2**62 + 1, -(2**63)], np.int64)),
        ("U64", np.array([2**64 - 1, 2**63 + 1], np.uint64)),
        ("I64", RANDOM.integers(-(2**63), 2**63 - 1, 5000)),
        ("I32", RANDOM.integers(-(2**31), 2**31 - 1, CHUNK + 9).astype(np.int32)),
        ("U16", RANDOM.integers(0, 2**16, 5000).astype(np.uint16)),
    ],
)
def test_whole_numbers_are_exact(tmp_path: Path, dtype: str, values: np.ndarray) -> None:
    (tensor,) = measured(safetensors(tmp_path / "m.safetensors", {"w": (dtype, values)})).tensors
    exact = [int(each) for each in values]
    assert (tensor.low, tensor.high) == (min(exact), max(exact))
    assert tensor.mean == sum(exact) / len(exact)
    assert tensor.deviation == pytest.approx(float(values.astype(np.longdouble).std()), rel=1e-9)


def test_a_mask_of_infinities_is_no_broken_weight(tmp_path: Path) -> None:
    mask = np.triu(np.full((40, 40), -np.inf, np.float32), 1)
    start, broken = np.float32([-np.inf]), sound(40, 40)
    broken[3, 4] = np.inf
    tensors = {"mask": ("F32", mask), "start": ("F32", start), "broken": ("F32", broken)}
    assert kinds(measured(safetensors(tmp_path / "m.safetensors", tensors))) == [("broken", "infinite")]


def test_what_is_not_measured_is_said(tmp_path: Path) -> None:
    """Elements that are packed one by one, or chunks of a dataset, have a row that says so."""
    weight = helper.make_tensor("n", TensorProto.INT64, [3], [1, 2, 3])
    graph = helper.make_graph([helper.make_node("Identity", ["n"], ["y"])], "g", [], [], [weight])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    (tensor,) = measured(path).tensors
    assert (tensor.name, tensor.mean) == ("n", None)
    assert "varying number of bytes" in tensor.note


@pytest.mark.parametrize("sign", [1, -1])
def test_extremes_of_halves_with_one_sign(tmp_path: Path, sign: int) -> None:
    array = (sign * np.arange(1, 20)).astype(np.float16)
    (tensor,) = measured(safetensors(tmp_path / "m.safetensors", {"w": ("F16", array)})).tensors
    assert (tensor.low, tensor.high) == (float(array.min()), float(array.max()))


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64", "F8_E4M3", "F8_E5M2"])
def test_what_is_no_number_is_counted(tmp_path: Path, dtype: str) -> None:
    array = sound(40, 50)
    nans, infinities = ((3, 4), (39, 49)), ((7, 8),)
    for place in nans:
        array[place] = np.nan
    for place in infinities:
        array[place] = -np.inf
    if dtype.startswith("F8"):
        import ml_dtypes

        stored = array.astype(ml_dtypes.float8_e4m3fn if dtype == "F8_E4M3" else ml_dtypes.float8_e5m2)
    else:
        kept = {"F32": array, "F16": array.astype(np.float16), "BF16": brain(array), "F64": array.astype(np.float64)}
        stored = kept[dtype]
    health = measured(safetensors(tmp_path / "m.safetensors", {"w": (dtype, stored)}))
    (tensor,) = health.tensors
    # The 8-bit type without infinities writes them as numbers that are none.
    assert (tensor.nans, tensor.infinities) == ((3, 0) if dtype == "F8_E4M3" else (2, 1))
    assert ("w", "nan") in kinds(health)
    assert tensor.low is not None
    assert -1 < tensor.low < tensor.mean < tensor.high < 1  # type: ignore[operator]


def test_all_nan_has_no_figures(tmp_path: Path) -> None:
    health = measured(safetensors(tmp_path / "m.safetensors", {"w": ("F32", np.full((20, 20), np.nan, np.float32))}))
    assert (health.tensors[0].mean, health.tensors[0].nans, kinds(health)) == (None, 400, [("w", "nan")])


def test_what_is_remarkable_is_named(tmp_path: Path) -> None:
    twin = sound(64, 64)
    rows = sound(100, 64)
    rows[10:20] = 0.5
    tensors = {
        "sound": sound(64, 64),
        "bias": np.zeros(64, np.float32),
        "norm": np.ones(64, np.float32),
        "zero": np.zeros((64, 64), np.float32),
        "constant": np.full((64, 64), 0.25, np.float32),
        "rows": rows,
        "large": sound(64, 64) * np.float32(1e7),
        "tiny": sound(64, 64) * np.float32(1e-38),
        "twin": twin,
        "other": twin.copy(),
    }
    path = safetensors(tmp_path / "m.safetensors", {name: ("F32", array) for name, array in tensors.items()})
    assert kinds(measured(path)) == [
        ("zero", "zero"),
        ("constant", "constant"),
        ("rows", "constant-rows"),
        ("large", "scale"),
        ("tiny", "subnormal"),
        ("other", "duplicate"),
    ]


def test_a_padding_row_is_no_fault(tmp_path: Path) -> None:
    array = sound(1000, 32)
    array[0] = 0
    assert kinds(measured(safetensors(tmp_path / "m.safetensors", {"embed": ("F32", array)}))) == []


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_rows_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 1000)
    array = sound(100, 40)
    array[[3, 57, 99]] = 0.125
    kept = {"F32": array, "F16": array.astype(np.float16), "BF16": brain(array)}[dtype]
    (tensor,) = measured(safetensors(tmp_path / "m.safetensors", {"w": (dtype, kept)})).tensors
    assert tensor.constant_rows == 3
    assert tensor.mean == pytest.approx(float(array.mean()), abs=1e-3)


def test_quantised_blocks_are_measured(tmp_path: Path) -> None:
    scale = np.array([[0.5], [np.nan]], np.float16).view(np.uint8)
    raw = np.concatenate([scale, np.full((2, 32), 2, np.uint8)], axis=1)
    path = model_files.gguf(tmp_path / "m.gguf", None, {"blk.0.w": ((2, 32), 8, raw.tobytes())})
    health = measured(path)
    assert (health.tensors[0].high, health.tensors[0].nans) == (1.0, 32)
    assert kinds(health) == [("blk.0.w", "nan")]
    path = model_files.gguf(tmp_path / "m.gguf", None, {"w": ((1, 256), 16, bytes(66))})
    assert measured(path).tensors[0].note == "scales only"
    path = model_files.gguf(tmp_path / "m.gguf", None, {"w": ((1, 256), 29, bytes(56))})
    assert "IQ1_M" in measured(path).tensors[0].note


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (model_files.gguf, ["output_norm.weight", "token_embd.weight"]),
        (lambda p: model_files.gguf(p, order=">"), ["output_norm.weight", "token_embd.weight"]),
        (model_files.npy, ["array"]),
        (model_files.npz, ["b", "w"]),
        (model_files.hdf5, ["model_weights/dense/bias:0", "model_weights/dense/kernel:0"]),
        (model_files.keras, ["layers/dense/vars/0", "layers/dense/vars/1"]),
        (model_files.tflite, ["w"]),
        (model_files.openvino, ["w"]),
        (model_files.exported, ["l.weight"]),
        (models.torch_zip, ["bias", "weight"]),
        (models.torch_legacy, ["bias", "weight"]),
        (models.linear, ["b", "w"]),
        (models.external, ["b", "w"]),
        (models.sharded, ["a", "b"]),
        (model_files.lora, ["lora_A"]),
        (lambda p: model_files.gguf_split(p).parent, ["t0", "t1"]),
    ],
)
def test_tensors_are_found_in_every_format(tmp_path: Path, make: Any, names: list[str]) -> None:
    suffixes = {"npy": ".npy", "npz": ".npz", "openvino": ".xml"}
    health = measured(make(tmp_path / f"m{suffixes.get(getattr(make, '__name__', ''), '')}"))
    assert sorted(each.name for each in health.tensors) == names
    weight = next((each for each in health.tensors if each.high == 2.0), None)
    if "weight" in names or "w" in names:
        assert weight is not None
        assert weight.mean == pytest.approx(float(models.LINEAR_WEIGHT.mean()))


def test_packed_arrays_are_measured(tmp_path: Path) -> None:
    array = sound(500, 400)
    array[7, 7] = np.nan
    np.savez_compressed(tmp_path / "m.npz", w=array)
    health = measured(tmp_path / "m.npz")
    assert (health.tensors[0].nans, kinds(health)) == (1, [("w", "nan")])
    assert health.tensors[0].deviation == pytest.approx(0.02, rel=0.05)


def test_the_other_byte_order_is_turned_around(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", sound(50, 60).astype(">f4"))
    (tensor,) = measured(tmp_path / "m.npy").tensors
    assert tensor.deviation == pytest.approx(0.02, rel=0.05)


def test_tied_and_strided_tensors_keep_their_names(tmp_path: Path) -> None:
    tensor = models.Call(
        "torch._utils._rebuild_tensor_v2",
        models.Stored("0", 6),
        0,
        (2, 3),
        (3, 1),
        False,
        models.Call("collections.OrderedDict"),
    )
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        value = {"model": {"embed": tensor, "head": tensor}, "step": 3}
        archive.writestr("a/data.pkl", models.torch_pickle(value))
        archive.writestr("a/data/0", models.LINEAR_WEIGHT.tobytes())
    (found,) = measured(tmp_path / "m.pt").tensors
    assert (found.name, found.shape) == ("model.embed", (2, 3))


def test_an_untyped_storage_has_its_tensors_type(tmp_path: Path) -> None:
    storage = models.Stored("0", 8)
    storage.value = ("storage", models.Name("torch.storage.UntypedStorage"), "0", "cpu", 8)
    hooks = models.Call("collections.OrderedDict")
    dtype = models.Name("torch.float8_e4m3fn")
    tensor = models.Call("torch._utils._rebuild_tensor_v3", storage, 0, (2, 4), (4, 1), False, hooks, dtype)
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("a/data.pkl", models.torch_pickle({"w": tensor}))
        archive.writestr("a/data/0", bytes([0x38] * 8))  # ones
    (found,) = measured(tmp_path / "m.pt").tensors
    assert (found.name, found.datatype, found.shape, found.mean) == ("w", "F8_E4M3", (2, 4), 1.0)


def test_tensors_that_share_bytes_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(bytes(4000))
    stored = [Stored(f"t{n}", "FP32", (1000,), path, 0, 4000) for n in range(50)]
    health = look(stored, [], lambda _: [])
    assert health.bytes == 4000
    assert sum(bool(each.note) for each in health.tensors) == 49


def test_memory_stays_small_whatever_the_size(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "m.safetensors", {"w": ("F32", sound(4))})
    header = json.dumps({"w": {"dtype": "F32", "shape": [64, 1 << 20], "data_offsets": [0, 64 * 4 << 20]}})
    path.write_bytes(models.safetensors_bytes(header))
    with path.open("r+b") as file:
        file.truncate(8 + len(header) + (64 * 4 << 20))  # a quarter of a gigabyte, and a hole
    tracemalloc.start()
    health = measured(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kinds(health) == [("w", "zero")]
    assert most < 96 * 1024 * 1024


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 200), min_size=6, max_size=6),
    width=st.integers(1, 40),
    whole=st.booleans(),
)
def test_every_byte_is_planned_exactly_once(sizes: list[int], gaps: list[int], width: int, whole: bool) -> None:
    at = 0
    tensors = []
    for number, (rows, gap) in enumerate(zip(sizes, gaps, strict=False)):
        at += gap
        shape = (rows, width)
        stored = Stored(str(number), "FP32", shape, Path("x"), at, rows * width * 4)
        tensors.append((number, stored, Meter("FP32", shape, big_endian=False)))
        at += stored.size
    size = at + 77
    kept = streaming.BLOCK
    try:
        streaming.BLOCK = 512
        blocks = list(streaming.plan(tensors, size, whole=whole))
    finally:
        streaming.BLOCK = kept
    seen = np.zeros(size, int)
    parts = dict.fromkeys(range(len(tensors)), 0)
    for block in blocks:
        seen[block.offset : block.offset + block.size] += 1
        for segment in block.segments:
            start = tensors[segment.tensor][1].offset
            assert block.offset + segment.start == start + parts[segment.tensor]
            parts[segment.tensor] += segment.size
            assert segment.start + segment.size <= block.size
    assert {number: each.size for number, each, _ in tensors} == parts
    assert seen.max() == 1
    if whole:
        assert seen.min() == 1
        assert [b.offset for b in blocks] == sorted(b.offset for b in blocks)

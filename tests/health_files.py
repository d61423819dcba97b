"""Twelve files of eight formats with the numbers that are in them, to compare figures of a pass with NumPy's own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import model_files
import models

Arrays = dict[str, np.ndarray]
RANDOM = np.random.default_rng(20261201)


def weights(*shape: int, dtype: str = "float32", mean: float = 0.0, spread: float = 0.02) -> np.ndarray:
    """Numbers as trained weights have them."""
    return (mean + spread * RANDOM.standard_normal(shape)).astype(dtype)


EXTREMES: Arrays = {
    "far": weights(700_000, mean=1000, spread=0.001),
    "large": np.array([1e200, 1.0, -1e199]),
    "largest": np.array([1.7e308, -1.7e308, 1.7e308]),
    "small": np.array([1e-200, 3e-200]),
    "subnormal": np.array([1e-40, 3e-40], np.float32),
    "wide": np.array([3e38, -3e38, 3e38], np.float32),
    "one": np.full(3000, 0.1, np.float32),
}
WHOLE: Arrays = {
    "exact": np.array([2**53 + 1, 2**62 + 1, -(2**63)]),
    "spread": RANDOM.integers(-(2**63), 2**63 - 1, 9000),
    "positions": np.arange(600_000),
}


def _safetensors(path: Path, arrays: Arrays) -> None:
    codes = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint8": "U8", "int8": "I8"}
    entries: dict[str, Any] = {}
    at = 0
    for name, array in arrays.items():
        place = [at, at + array.nbytes]
        entries[name] = {"dtype": codes[array.dtype.name], "shape": list(array.shape), "data_offsets": place}
        at += array.nbytes
    data = b"".join(array.tobytes() for array in arrays.values())
    path.write_bytes(models.safetensors_bytes(json.dumps(entries), data))


def _gguf(path: Path, arrays: Arrays) -> None:
    types = {"float32": 0, "float16": 1, "int8": 24, "float64": 28, "int64": 27}
    tensors = {name: (array.shape, types[array.dtype.name], array.tobytes()) for name, array in arrays.items()}
    model_files.gguf(path, {}, tensors)


def _blocks(path: Path, arrays: Arrays) -> None:
    """Quantised to Q8_0 and Q4_0; what is in the file is what the package gguf makes of the blocks again."""
    from gguf import GGMLQuantizationType, dequantize, quantize

    tensors = {}
    for name, kind in (("q8", GGMLQuantizationType.Q8_0), ("q4", GGMLQuantizationType.Q4_0)):
        made = quantize(arrays[name], kind)
        tensors[name] = (arrays[name].shape, int(kind), made.tobytes())
        arrays[name] = dequantize(made, kind)
    model_files.gguf(path, {}, tensors)


def _npz(path: Path, arrays: Arrays) -> None:
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _hdf5(path: Path, arrays: Arrays) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def _keras(path: Path, arrays: Arrays) -> None:
    inner = path.with_suffix(".h5")
    _hdf5(inner, arrays)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", json.dumps(model_files.keras_config()))
        file.write(inner, "model.weights.h5")


def _onnx(path: Path, arrays: Arrays) -> None:
    from onnx import helper, numpy_helper

    weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}/out"]) for name in arrays]
    made = helper.make_model(helper.make_graph(nodes, "g", [], [], weights))
    path.write_bytes(made.SerializeToString())


def _torch(path: Path, arrays: Arrays, *, old: bool = False) -> None:
    hooks = models.Call("collections.OrderedDict")
    state = {}
    for key, (name, array) in enumerate(arrays.items()):
        stride = tuple(int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim))
        stored = models.Stored(str(key), array.size, legacy=old)
        state[name] = models.Call("torch._utils._rebuild_tensor_v2", stored, 0, array.shape, stride, False, hooks)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", models.torch_pickle(state))
        for key, array in enumerate(arrays.values()):
            file.writestr(f"m/data/{key}", array.tobytes())
        file.writestr("m/version", "3\n")


def _openvino(path: Path, arrays: Arrays) -> None:
    kinds = {"float32": "f32", "float16": "f16", "int64": "i64", "float64": "f64"}
    layers, data = [], b""
    for number, (name, array) in enumerate(arrays.items()):
        shape = ", ".join(map(str, array.shape))
        kind = kinds[array.dtype.name]
        layers.append(
            f'<layer id="{number}" name="{name}" type="Const"><data element_type="{kind}" shape="{shape}" '
            f'offset="{len(data)}" size="{array.nbytes}"/></layer>'
        )
        data += array.tobytes()
    path.write_text(f'<net name="n" version="11"><layers>{"".join(layers)}</layers></net>')
    path.with_suffix(".bin").write_bytes(data)


FILES: dict[str, tuple[Callable[[Path, Arrays], None], Callable[[], Arrays]]] = {
    "extremes.safetensors": (_safetensors, lambda: dict(EXTREMES)),
    "whole.safetensors": (_safetensors, lambda: dict(WHOLE)),
    "halves.safetensors": (_safetensors, lambda: {"h": weights(900, 700, dtype="float16"), "b": weights(5)}),
    "plain.gguf": (_gguf, lambda: {"w": weights(600, 512), "far": weights(900, mean=50, spread=1e-3), **_whole(64)}),
    "blocks.gguf": (_blocks, lambda: {"q8": weights(64, 512), "q4": weights(64, 512)}),
    "one.npy": (lambda path, arrays: np.save(path, arrays["array"]), lambda: {"array": EXTREMES["large"]}),
    "packed.npz": (_npz, lambda: {"w": weights(400, 300), **EXTREMES, **WHOLE}),
    "weights.h5": (_hdf5, lambda: {"kernel": weights(300, 400), "far": EXTREMES["far"], "large": EXTREMES["large"]}),
    "model.keras": (_keras, lambda: {"kernel": weights(30, 40), "moving_mean": weights(40, mean=9, spread=1e-4)}),
    "model.onnx": (_onnx, lambda: {"w": weights(256, 256), **EXTREMES, **WHOLE}),
    "model.pt": (_torch, lambda: {"w": weights(256, 300), "far": EXTREMES["far"], "wide": EXTREMES["wide"]}),
    "graph.xml": (_openvino, lambda: {"w": weights(64, 99), **EXTREMES, **WHOLE}),
}
"""Names of files → what writes them, and what is in them."""


def _whole(size: int) -> Arrays:
    return {"i8": RANDOM.integers(-128, 128, size).astype(np.int8)}


def errors(name: str, folder: Path) -> dict[str, float]:
    """By tensor of a file: the largest relative difference of mean, deviation, lowest and highest from NumPy's own.

    NumPy works in its widest floats. The mean of numbers around zero is compared with their deviation.
    """
    from airworthy.artifacts.identify import inspect
    from airworthy.artifacts.weights.health import look, stored_in

    write, make = FILES[name]
    arrays = make()
    path = folder / name
    write(path, arrays)
    found = {
        each.name.rpartition("/")[2]: each for each in look(stored_in(inspect(path).model), [], lambda _: []).tensors
    }
    assert found.keys() == arrays.keys(), (found.keys(), arrays.keys())
    worst = {}
    for key, array in arrays.items():
        wide = array.astype(np.longdouble).ravel()
        mean = wide.mean()
        deviation = np.sqrt(((wide - mean) ** 2).mean())
        figures = found[key]
        assert None not in (figures.mean, figures.deviation, figures.low, figures.high), figures
        compared = (
            (figures.mean, mean, max(abs(mean), deviation)),
            (figures.deviation, deviation, deviation),
            (figures.low, wide.min(), abs(wide.min())),
            (figures.high, wide.max(), abs(wide.max())),
        )
        worst[key] = max(float(abs(np.longdouble(told) - truth) / (scale or 1)) for told, truth, scale in compared)
    return worst

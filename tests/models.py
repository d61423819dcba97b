"""Model files for tests, made on the spot: small, each with one property that a test is about."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, FLOAT16, INT32, INT64, STRING, BF16 = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BFLOAT16,
)


def save_graph(
    path: Path,
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    weights: dict[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
    ir: int = 8,
    **model: Any,
) -> Path:
    """An ONNX file of these nodes; a value is `(name, element type, shape)`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir,
        producer_name="airworthy-tests",
        producer_version="1",
        **model,
    )
    path.write_bytes(made.SerializeToString())
    return path


LINEAR_WEIGHT = np.array([[1, 0, -1], [0, 2, 0.5]], dtype=np.float32)
LINEAR_BIAS = np.array([0.25, 0, -1], dtype=np.float32)


def linear(path: Path, *, batch: int | str = "batch", opset: int = 17, ir: int = 8) -> Path:
    """`y = x · w + b`: two numbers a row in, three out."""
    return save_graph(
        path,
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        [("x", FLOAT, [batch, 2])],
        [("y", FLOAT, [batch, 3])],
        {"w": LINEAR_WEIGHT, "b": LINEAR_BIAS},
        opset=opset,
        ir=ir,
    )


def opset_too_new(path: Path) -> Path:
    """The linear model, with an operator set that no runtime has yet."""
    return linear(path, opset=99)


def external(folder: Path) -> Path:
    """The linear model with its weights in `weights.bin` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = onnx.load(linear(folder / "model.onnx"))
    onnx.save(
        made,
        folder / "model.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="weights.bin",
        size_threshold=0,
    )
    return folder / "model.onnx"


def simple(path: Path) -> Path:
    """Sum and difference of two INT32 inputs of shape [1, 16]: the model that tritonclient's examples ask for."""
    shape = [1, 16]
    return save_graph(
        path,
        [
            helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
            helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
        ],
        [("INPUT0", INT32, shape), ("INPUT1", INT32, shape)],
        [("OUTPUT0", INT32, shape), ("OUTPUT1", INT32, shape)],
    )


VOCABULARY, WIDTH = 100, 4


def text_table() -> np.ndarray:
    """The token vectors of `text`."""
    return np.random.default_rng(5).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)


def text(path: Path) -> Path:
    """A sentence embedding with a batch and a length that vary: the mean of the vectors of unmasked tokens."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weight"]),
        helper.make_node("Mul", ["vectors", "weight"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "length"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["weight", "length"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["sentence_embedding"]),
    ]
    tokens = ["batch", "sequence"]
    weights = {"table": text_table(), "last": np.array([2]), "length": np.array([1])}
    return save_graph(
        path,
        nodes,
        [("input_ids", INT64, tokens), ("attention_mask", INT64, tokens)],
        [("sentence_embedding", FLOAT, ["batch", WIDTH])],
        weights,
    )


def text_folder(folder: Path, **config: Any) -> Path:
    """The text model as a Hugging Face folder; its tokenizer knows the words `w0` to `w99`."""
    folder.mkdir(parents=True, exist_ok=True)
    text(folder / "model.onnx")
    return _with_tokenizer(folder, None, {"architectures": ["TinyModel"], **config})


def pair_scorer(path: Path) -> Path:
    """A cross-encoder: the sum of the tokens' numbers in the second text less three for each in the first, over 100."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=FLOAT),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        helper.make_node("Mul", ["second", "four"], ["weight"]),
        helper.make_node("Sub", ["weight", "three"], ["signed"]),
        helper.make_node("Mul", ["ids", "signed"], ["weighted"]),
        helper.make_node("Mul", ["weighted", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "length"], ["sum"], keepdims=1),
        helper.make_node("Div", ["sum", "hundred"], ["logits"]),
    ]
    tokens = ["batch", "sequence"]
    weights = {"four": np.float32(4), "three": np.float32(3), "hundred": np.float32(100), "length": np.array([1])}
    return save_graph(
        path,
        nodes,
        [(name, INT64, tokens) for name in ("input_ids", "attention_mask", "token_type_ids")],
        [("logits", FLOAT, ["batch", 1])],
        {name: np.asarray(value) for name, value in weights.items()},
    )


def pair_score(first: list[int], second: list[int]) -> float:
    """What the cross-encoder gives for the words `w<number>` of two texts, between 0 and 1."""
    return float(1 / (1 + np.exp(-(sum(second) - 3 * sum(first)) / 100)))


def pair_folder(folder: Path) -> Path:
    """The cross-encoder as a Hugging Face folder; a pair is the first text, `w0`, the second text."""
    folder.mkdir(parents=True, exist_ok=True)
    pair_scorer(folder / "model.onnx")
    separator = {"SpecialToken": {"id": "w0", "type_id": 0}}
    texts = [{"Sequence": {"id": name, "type_id": n}} for n, name in enumerate("AB")]
    template = {
        "type": "TemplateProcessing",
        "single": texts[:1],
        "pair": [texts[0], separator, texts[1]],
        "special_tokens": {"w0": {"id": "w0", "ids": [0], "tokens": ["w0"]}},
    }
    return _with_tokenizer(folder, template, {"architectures": ["TinyForSequenceClassification"]})


def _with_tokenizer(folder: Path, post_processor: Any, config: dict[str, Any]) -> Path:
    vocabulary = {"[UNK]": 0, **{f"w{n}": n for n in range(1, VOCABULARY)}}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": post_processor,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 32, **config}))
    return folder


def strings(path: Path) -> Path:
    """Texts that come back as they went in."""
    return save_graph(
        path,
        [helper.make_node("Identity", ["text"], ["same"])],
        [("text", STRING, ["batch", 1])],
        [("same", STRING, ["batch", 1])],
    )


def float16(path: Path) -> Path:
    """float16 numbers that come back as they went in."""
    return save_graph(
        path,
        [helper.make_node("Identity", ["x"], ["same"])],
        [("x", FLOAT16, ["batch", 2])],
        [("same", FLOAT16, ["batch", 2])],
    )


def bfloat16(path: Path) -> Path:
    """bfloat16 numbers that come back as they went in."""
    return save_graph(
        path,
        [helper.make_node("Identity", ["x"], ["same"])],
        [("x", BF16, ["batch", 2])],
        [("same", BF16, ["batch", 2])],
        ir=9,
    )


@functools.cache
def digits_classifier() -> tuple[Any, np.ndarray]:
    """A logistic regression on the first 500 of scikit-learn's digits, and the other rows."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = load_digits(return_X_y=True)
    rows = rows.astype(np.float32)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(rows[:500], labels[:500]), rows[500:]


def digits(path: Path) -> Path:
    """That classifier as ONNX: `label` and `probabilities`, no ZipMap."""
    from skl2onnx import to_onnx

    model, rows = digits_classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations are not ours to end
        made = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    path.write_bytes(made.SerializeToString())
    return path


def safetensors(
    path: Path, tensors: dict[str, np.ndarray] | None = None, metadata: dict[str, str] | None = None
) -> Path:
    """A safetensors file, written by its specification."""
    dtypes = {"float32": "F32", "float16": "F16", "int64": "I64"}
    tensors = {"w": LINEAR_WEIGHT, "n": np.arange(4)} if tensors is None else tensors
    entries: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, array in tensors.items():
        place = [at, at + array.nbytes]
        entries[name] = {"dtype": dtypes[array.dtype.name], "shape": list(array.shape), "data_offsets": place}
        at = place[1]
    path.write_bytes(safetensors_bytes(json.dumps(entries), b"".join(array.tobytes() for array in tensors.values())))
    return path


def safetensors_bytes(header: str | bytes, data: bytes = b"") -> bytes:
    """A safetensors file of a given header."""
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw)) + raw + data


def sharded(folder: Path) -> Path:
    """A folder with safetensors in two files and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    safetensors(folder / names[0], {"a": LINEAR_WEIGHT})
    safetensors(folder / names[1], {"b": LINEAR_BIAS})
    index = {"metadata": {"total_size": 36}, "weight_map": {"a": names[0], "b": names[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({"architectures": ["TinyModel"]}))
    return folder


class _TorchPickler(pickle._Pickler):  # the C one can't write names of modules that aren't there
    write: Callable[[bytes], int]

    def persistent_id(self, obj: Any) -> Any:
        return obj.value if isinstance(obj, Stored) else None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Name):
            module, _, name = obj.rpartition(".")
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        elif isinstance(obj, Call):
            self.save(Name(obj.name))
            self.save(obj.args)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


class Name(str):
    """A name that a pickle imports."""

    __slots__ = ()


class Call:
    """A call that a pickle makes."""

    def __init__(self, name: str, *args: Any) -> None:
        self.name, self.args = name, args


class Stored:
    """A storage by its persistent id."""

    def __init__(self, key: str, count: int, *, legacy: bool = False) -> None:
        self.value = ("storage", Name("torch.FloatStorage"), key, "cpu", count) + ((None,) if legacy else ())


def torch_pickle(value: Any) -> bytes:
    """A pickle as PyTorch writes it, without PyTorch."""
    file = io.BytesIO()
    _TorchPickler(file, protocol=2).dump(value)
    return file.getvalue()


def _state(*, legacy: bool) -> dict[str, Any]:
    def tensor(key: str, *shape: int) -> Call:
        count = int(np.prod(shape))
        hooks = Call("collections.OrderedDict")
        stride = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
        return Call(
            "torch._utils._rebuild_tensor_v2", Stored(key, count, legacy=legacy), 0, shape, stride, False, hooks
        )

    return {"weight": tensor("0", 2, 3), "bias": tensor("1", 3)}


def torch_zip(path: Path, pickled: bytes | None = None, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """A PyTorch archive with two float tensors, of six and three elements."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", torch_pickle(_state(legacy=False)) if pickled is None else pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", LINEAR_WEIGHT.tobytes())
        archive.writestr("archive/data/1", LINEAR_BIAS.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def torch_legacy(path: Path) -> Path:
    """The same tensors as PyTorch wrote them before 1.6: five pickles, then the storages."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    parts += [torch_pickle(_state(legacy=True)), pickle.dumps(["0", "1"], protocol=2)]
    for array in (LINEAR_WEIGHT, LINEAR_BIAS):
        parts.append(struct.pack("<q", array.size) + array.tobytes())
    path.write_bytes(b"".join(parts))
    return path


def plain_pickle(path: Path, protocol: int = 4) -> Path:
    """A pickle of containers and numbers."""
    path.write_bytes(pickle.dumps({"a": [1, 2.5, "x"], "b": OrderedDict(c=(1, 2, 3))}, protocol=protocol))
    return path


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 90868376\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>404: Not Found</title></head><body>gone</body></html>\n"

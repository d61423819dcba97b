"""Models of texts that a library's files complete: token vectors with sentence-transformers' modules, a classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from models import VOCABULARY, WIDTH, _with_tokenizer, save_graph, text_table

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
TOKENS = ["batch_size", "sequence_length"]
CLASSES = 3
DENSE = 3


def token_vectors(path: Path, *, opset: int = 17, name: str = "last_hidden_state") -> Path:
    """A model that gives each token its vector: nothing is pooled."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_graph(
        path,
        [helper.make_node("Gather", ["table", "input_ids"], [name])],
        [("input_ids", INT64, TOKENS), ("attention_mask", INT64, TOKENS)],
        [(name, FLOAT, [*TOKENS, WIDTH])],
        {"table": text_table()},
        opset=opset,
    )


def dense_weights() -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the dense layer, [out, in] and [out]."""
    random = np.random.default_rng(6)
    return random.normal(size=(DENSE, WIDTH)).astype(np.float32), random.normal(size=DENSE).astype(np.float32)


def sentence_folder(
    folder: Path, pooling: dict[str, Any] | None, *after: str, prompts: dict[str, Any] | None = None, opset: int = 17
) -> Path:
    """Token vectors in sentence-transformers' layout: `onnx/model.onnx`, modules beside it."""
    token_vectors(folder / "onnx" / "model.onnx", opset=opset)
    _with_tokenizer(folder, None, {"architectures": ["TinyModel"]})
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16, "do_lower_case": True}))
    if prompts is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    if pooling is None:
        return folder
    kinds = ["Transformer", "Pooling", *after]
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds[1:], 1))]
    rows = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(zip(paths, kinds, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    for path in paths[1:]:
        (folder / path).mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH, **pooling}))
    if "Dense" in after:
        place = folder / f"{kinds.index('Dense')}_Dense"
        _save_dense(place)
    return folder


def _save_dense(place: Path) -> None:
    weight, bias = dense_weights()
    settings: dict[str, Any] = {"in_features": WIDTH, "out_features": DENSE, "bias": True}
    settings["activation_function"] = "torch.nn.modules.activation.Tanh"
    (place / "config.json").write_text(json.dumps(settings))
    header = {
        "linear.weight": {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [0, weight.nbytes]},
        "linear.bias": {
            "dtype": "F32",
            "shape": list(bias.shape),
            "data_offsets": [weight.nbytes, weight.nbytes + bias.nbytes],
        },
    }
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + weight.tobytes() + bias.tobytes()
    (place / "model.safetensors").write_bytes(data)


def classifier_folder(folder: Path, labels: list[str] | None = None, **config: Any) -> Path:
    """A classifier of texts: the mean of its words' numbers, its negative, and 1, as the logits of three classes."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        helper.make_node("Mul", ["ids", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "length"], ["sum"], keepdims=1),
        helper.make_node("ReduceSum", ["mask", "length"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "turned"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["logits"]),
    ]
    weights = {
        "length": np.array([1]),
        "turned": np.array([[0.1, -0.1, 0.0]], np.float32),
        "shift": np.array([0, 0, 1], np.float32),
    }
    save_graph(
        folder / "model.onnx",
        nodes,
        [("input_ids", INT64, TOKENS), ("attention_mask", INT64, TOKENS)],
        [("logits", FLOAT, ["batch_size", CLASSES])],
        weights,
    )
    named = {} if labels is None else {"id2label": {str(number): label for number, label in enumerate(labels)}}
    return _with_tokenizer(folder, None, {"architectures": ["TinyForSequenceClassification"], **named, **config})


def class_logits(words: list[int]) -> np.ndarray:
    """The logits of the classifier for the words `w<number>`."""
    mean = float(np.mean(words))
    return np.array([0.1 * mean, -0.1 * mean, 1.0])


def vectors(words: list[int]) -> np.ndarray:
    """The token vectors of the words `w<number>`."""
    assert max(words) < VOCABULARY
    return text_table()[words]

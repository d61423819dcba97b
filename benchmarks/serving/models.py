"""The two models and what they are asked: made once into the benchmark's folder, the same for every server."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from serving import environments, texts
from serving.peers import Table

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "examples" / "minilm" / "build" / "minilm"
"""Where the example puts its export."""
ITEMS = 256


class NoModel(Exception):
    """A model is not there and could not be made; says how to get it."""


def path(home: Path, model: str) -> Path:
    """What a server is given: a file, or the folder of a model with a tokenizer."""
    folder = home / "models" / model
    return folder if model == "minilm" else folder / "model.onnx"


def items(home: Path, model: str) -> list:
    """What is asked about, in order."""
    return json.loads((home / "models" / f"{model}-items.json").read_text(encoding="utf-8"))


def prepare(home: Path, model: str, export: Path | None = None) -> None:
    """Make what a run needs of one model, where it isn't there.

    Raises:
        NoModel: an export of MiniLM is neither there nor given.
    """
    asked = home / "models" / f"{model}-items.json"
    if (home / "models" / model / "model.onnx").exists() and asked.exists():
        return
    asked.parent.mkdir(parents=True, exist_ok=True)
    made: list[list[float]] | list[str]
    if model == "digits":
        made = _digits(home / "models" / model)
    else:
        _copy(home / "models" / model, export)
        made = texts.collect(home / "models" / model / "tokenizer.json", ITEMS)
    asked.write_text(json.dumps(made), encoding="utf-8")


def _digits(folder: Path) -> list[list[float]]:
    """64 numbers, one layer of 128, ten probabilities, as bare as such a graph can be; and rows that it hasn't seen."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    rows, labels = load_digits(return_X_y=True)
    rows = (rows / 16).astype(np.float32)
    seen = len(rows) - ITEMS
    trained = MLPClassifier((128,), max_iter=500, random_state=0).fit(rows[:seen], labels[:seen])
    layers = zip(trained.coefs_, trained.intercepts_, strict=True)
    weights = [
        numpy_helper.from_array(array.astype(np.float32), f"{kind}{n}")
        for n, layer in enumerate(layers)
        for kind, array in zip("wb", layer, strict=True)
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["bent"]),
        helper.make_node("Gemm", ["bent", "w1", "b1"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, ["batch", 64])]
    outputs = [value("probabilities", TensorProto.FLOAT, ["batch", 10])]
    graph = helper.make_graph(nodes, "digits", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(made, folder / "model.onnx")
    return [[round(float(number), 4) for number in row] for row in rows[seen:]]


def _copy(folder: Path, export: Path | None) -> None:
    """Take an export of MiniLM that is there: the one given, or the example's."""
    source = export or BUILT
    if (folder / "model.onnx").exists() and export is None:
        return
    if not (source / "model.onnx").exists() or not (source / "tokenizer.json").exists():
        raise NoModel(
            f"no export of MiniLM in {source}: give one with --minilm FOLDER, or make it with "
            f"`{environments.COMMAND} minilm`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        shutil.copyfile(file, folder / file.name)


def make_export(table: Table, home: Path) -> None:
    """Build MiniLM's export with examples/minilm, in an environment of its own."""
    import subprocess

    example = ROOT / "examples" / "minilm"
    venv = environments.folder(home, "export")
    steps = [[table.export["torch"]], ["-r", str(example / "requirements.txt")], ["--no-deps", table.export["weights"]]]
    environments.make_with(venv, steps)
    target = home / "models" / "minilm"
    subprocess.run([venv / "bin" / "python", example / "build.py", target], check=True, stdout=sys.stderr)

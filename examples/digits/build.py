"""Trains a small classifier on scikit-learn's handwritten digits and exports it as ONNX, with rows it has not seen."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from onnx import ModelProto
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 0
OPSETS = {"": 17, "ai.onnx.ml": 3}


def train(rows: np.ndarray, labels: np.ndarray) -> Pipeline:
    """Scaling, 64 inputs, one layer of 128, ten classes; the seed makes every run the same."""
    classifier = MLPClassifier((128,), max_iter=300, random_state=SEED)
    return make_pipeline(StandardScaler(), classifier).fit(rows, labels)


def export(model: Pipeline, rows: np.ndarray) -> ModelProto:
    """The graph: `x` FP32 [batch, 64] in, `label` INT64 [batch] and `probabilities` FP32 [batch, 10] out.

    Without `zipmap=False` the probabilities would be a list of dictionaries, which no tensor protocol carries.
    """
    made = to_onnx(model, rows[:1], options={"zipmap": False}, target_opset=OPSETS, name="digits")
    names = {made.graph.input[0].name: "x"} | dict(
        zip((o.name for o in made.graph.output), ("label", "probabilities"), strict=True)
    )
    for node in made.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*made.graph.input, *made.graph.output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    made.graph.output[1].type.tensor_type.shape.dim[1].dim_value = len(model.classes_)
    return made


def main() -> None:
    """Train, export, and write the held-back rows for requests and checks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "build")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    rows, labels = load_digits(return_X_y=True)
    rows = rows.astype(np.float32)
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        rows, labels, test_size=0.25, random_state=SEED, stratify=labels
    )
    model = train(train_rows, train_labels)
    made = export(model, train_rows)
    (folder / "digits.onnx").write_bytes(made.SerializeToString())
    np.savez(folder / "digits-test.npz", x=test_rows, label=test_labels)
    held_back = {"x": test_rows.tolist(), "label": test_labels.tolist()}
    (folder / "digits-test.json").write_text(json.dumps(held_back), encoding="utf-8")
    print(f"accuracy on {len(test_rows)} held-back rows: {model.score(test_rows, test_labels):.4f}")
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>10,} bytes  {path.name}")


if __name__ == "__main__":
    main()

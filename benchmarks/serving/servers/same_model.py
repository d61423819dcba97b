"""The models as every peer runs them: the same files, session options and tokenizer, by the variables of the run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

MODEL = os.environ["BENCH_MODEL"]
"""`digits` or `minilm`."""
FOLDER = Path(os.environ["BENCH_MODELS"])
PORT = int(os.environ.get("BENCH_PORT", "0"))
MAX_BATCH = int(os.environ.get("BENCH_MAX_BATCH", "32"))
DELAY_MS = float(os.environ.get("BENCH_DELAY_MS", "2"))
COPIES = int(os.environ.get("BENCH_COPIES", "1"))
"""Processes that hold the model, where the server has such a setting."""
FIELD = "text" if MODEL == "minilm" else "input"
"""The input's name in requests that are the server's own shape."""
MAX_TOKENS = 256


def session(path: Path) -> onnxruntime.InferenceSession:
    """A session with the run's threads; they don't spin, which would take the other processes' time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Digits:
    """Rows of 64 numbers to rows of 10 probabilities."""

    def __init__(self) -> None:
        self.session = session(FOLDER / "digits" / "model.onnx")

    def run(self, rows: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
        """One run of the graph."""
        return self.session.run(None, {"x": np.asarray(rows, dtype=np.float32)})[0]


class MiniLM:
    """Texts to embeddings of 384 numbers."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(FOLDER / "minilm" / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        self.session = session(FOLDER / "minilm" / "model.onnx")

    def run(self, texts: Sequence[str]) -> np.ndarray:
        """Tokenise, and one run of the graph."""
        encoded = self.tokenizer.encode_batch(list(texts)) if len(texts) > 1 else [self.tokenizer.encode(texts[0])]
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def load() -> Digits | MiniLM:
    """The model of this run."""
    return MiniLM() if MODEL == "minilm" else Digits()

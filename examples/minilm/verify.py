"""Compares the exported folder with the original model: the smallest cosine over varied texts must reach 0.9999."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from build import embedder, source_folder

LEAST = 0.9999
TEXTS = [
    "a",
    "Hello, world!",
    "The quick brown fox jumps over the lazy dog.",
    "How do I reset my password?",
    "I forgot my login credentials and need a new password.",
    "Die Katze sitzt auf der Matte.",
    "El veloz murciélago hindú comía feliz cardillo y kiwi.",
    "适航意味着可以安全飞行。",
    "日本語の文章も入力できます。",
    "Привет, как дела?",
    "emoji are text as well 🚀🔥✈️",
    "UPPER CASE AND lower case AND MiXeD",
    "numbers: 3.14159, 42, 1e-9, 0x7f, 2026-11-20",
    "def mean(xs):\n    return sum(xs) / len(xs)",
    "SELECT name FROM users WHERE id = 7;",
    "<html><body><p>Markup</p></body></html>",
    "   leading and trailing spaces   ",
    "tabs\tand\nnew\nlines",
    "!!! ??? ...",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "An error page was saved in place of the model file.",
    "The driver is older than the CUDA runtime needs.",
    "Paris is the capital of France.",
    "Water boils at one hundred degrees at sea level.",
    "She sells sea shells by the sea shore.",
]
TEXTS += [" ".join(TEXTS[:n]) for n in range(2, 14)]
TEXTS += ["token " * n for n in (3, 10, 30, 60, 100, 126, 200, 300, 500)]
TEXTS += [f"{word} " * 5 + "then it ends" for word in ("alpha", "beta", "gamma", "delta")]
BATCHES = (1, 2, 7, 16)
SERVED = 256
"""Tokens that the service takes; it refuses what the original would cut."""


def served(url: str, texts: list[str]) -> list[list[float]]:
    """The embeddings that a service gives for texts, all asked for at once."""
    with urllib.request.urlopen(f"{url}/v1/models", timeout=10) as answer:
        model = json.load(answer)["data"][0]["id"]
    body = json.dumps({"model": model, "input": texts}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/embeddings", body), timeout=120) as answer:
        return [each["embedding"] for each in json.load(answer)["data"]]


def main() -> None:
    """Embed every text alone and in batches with padding, by both, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "build" / "minilm")
    parser.add_argument("--url", help="a service that serves the folder: its answers are compared as well")
    options = parser.parse_args()
    folder: Path = options.folder

    import numpy as np
    import onnxruntime
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source_folder())
    original = embedder(source_folder())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def reference(texts: list[str]) -> np.ndarray:
        encoded = tokenizer(texts, padding=True, truncation=True, max_length=512, return_tensors="pt")
        with torch.no_grad():
            return original(encoded["input_ids"], encoded["attention_mask"]).numpy()

    def exported(texts: list[str]) -> np.ndarray:
        encoded = tokenizer(texts, padding=True, truncation=True, max_length=512, return_tensors="np")
        feed = {name: encoded[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        return session.run(["sentence_embedding"], feed)[0]

    # The truth is the original, one text at a time: no padding takes part in it.
    truth = np.concatenate([reference([text]) for text in TEXTS])
    worst = 1.0
    for size in BATCHES:
        answers = np.concatenate([exported(TEXTS[i : i + size]) for i in range(0, len(TEXTS), size)])
        if answers.shape != truth.shape:
            sys.exit(f"shape {answers.shape}, expected {truth.shape}")
        cosine = (answers * truth).sum(axis=1) / np.linalg.norm(answers, axis=1) / np.linalg.norm(truth, axis=1)
        print(f"{len(TEXTS)} texts in batches of {size:>2}: smallest cosine {cosine.min():.8f}")
        worst = min(worst, float(cosine.min()))
    if options.url:
        fitting = [n for n, text in enumerate(TEXTS) if len(tokenizer(text)["input_ids"]) <= SERVED]
        answers = np.array(served(options.url, [TEXTS[n] for n in fitting]), np.float32)
        cosine = (answers * truth[fitting]).sum(axis=1) / np.linalg.norm(answers, axis=1)
        print(f"{len(fitting)} texts over HTTP: smallest cosine {cosine.min():.8f}")
        worst = min(worst, float(cosine.min()))
    if not worst >= LEAST:  # a NaN fails as well
        sys.exit(f"smallest cosine {worst:.8f} is below {LEAST}")


if __name__ == "__main__":
    main()

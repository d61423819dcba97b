"""Engines answer alike: after given tokens, the log-probability of each engine's choice beside the reference's.

Greedy texts part at near ties, so it is not texts that are compared. The reference is PyTorch in float32 on the same
weights; other engines compute quantised weights with 8-bit activations.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import language_models
from airworthy.artifacts.identify import inspect
from airworthy.engines.generation import GenerationRequest, GeneratorRunner, Sampling, TextDelta, TokenLogprob
from airworthy.engines.interface import RunnerOptions
from airworthy.engines.registry import ENGINES

pytestmark = pytest.mark.torch
LIBRARIES = {"llamacpp": "xllamacpp", "openvino": "openvino_genai"}
TEXTS = (
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "def add(a, b):\n    return a + b\n",
    "Water boils at one hundred degrees, and freezes at zero.",
    "In the beginning there was nothing, which exploded.",
)


@contextlib.contextmanager
def loaded(engine: str, path: Path) -> Iterator[GeneratorRunner]:
    maker: Any = ENGINES.get(engine)
    runner = maker.load(inspect(path).model, RunnerOptions(threads=2, slots=1, context=512))
    try:
        yield runner
    finally:
        runner.close()


def after(runner: GeneratorRunner, ids: Sequence[int]) -> TokenLogprob:
    """The engine's choice after these tokens."""
    found: list[TokenLogprob] = []

    def emit(event: object) -> bool:
        if isinstance(event, TextDelta):
            found.extend(event.logprobs)
        return True

    request = GenerationRequest(
        prompt_ids=tuple(ids), max_tokens=1, top_logprobs=0, sampling=Sampling(temperature=0.0), ignore_end=True
    )
    runner.generate(request, emit)
    return found[0]


def differences(engine: str, path: Path, folder: Path, shortest: int = 3) -> list[float]:
    """For each beginning of each text, how far the log-probability of the engine's choice is from the reference's."""
    import torch
    import transformers

    network = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    far = []
    with loaded(engine, path) as runner, torch.inference_mode():
        for text in TEXTS:
            ids = runner.tokenize(text)
            reference = torch.log_softmax(network(torch.tensor([ids])).logits[0], -1)
            for count in range(shortest, len(ids)):
                choice = after(runner, ids[:count])
                (token,) = runner.tokenize(choice.token)
                far.append(abs(choice.logprob - float(reference[count - 1, token])))
    return far


@pytest.mark.parametrize(
    ("engine", "matrices", "most"),
    [
        ("transformers", "F32", 0.001),
        ("llamacpp", "F32", 0.02),
        # The little model is sharper than real ones, so that roundings show more.
        ("llamacpp", "Q8_0", 0.2),
        ("openvino", "Q8_0", 0.2),
        ("openvino", "Q4_0", 0.2),
    ],
)
def test_on_the_same_weights(engine: str, matrices: str, most: float, tmp_path: Path) -> None:
    if engine in LIBRARIES:
        pytest.importorskip(LIBRARIES[engine], reason="its extra is not installed")
    path = language_models.tiny(tmp_path / "tiny.gguf", matrices=matrices, merged=True)
    folder = language_models.as_folder(path, tmp_path / "tiny")
    found = differences(engine, folder if engine == "transformers" else path, folder, shortest=40)
    assert len(found) > 20
    assert max(found) < most


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["transformers", "llamacpp", "openvino"])
def test_on_a_real_model(engine: str, tmp_path: Path) -> None:
    if engine in LIBRARIES:
        pytest.importorskip(LIBRARIES[engine], reason="its extra is not installed")
    path = language_models.smollm2()
    if path is None:
        pytest.skip("the model is not here: python examples/language_model/fetch.py")
    path = language_models.requantised(path, tmp_path / "model.gguf", "Q8_0")
    folder = language_models.as_folder(path, tmp_path / "smollm2")
    found = sorted(differences(engine, folder if engine == "transformers" else path, folder))
    mean = sum(found) / len(found)
    print(
        f"{engine}: {len(found)} positions, mean {mean:.4f}, median {found[len(found) // 2]:.4f}, most {found[-1]:.4f}"
    )
    assert mean < 0.1
    assert found[-1] < 1.0

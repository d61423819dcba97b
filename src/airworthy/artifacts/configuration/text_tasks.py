"""What a model of texts answers, from its graph's inputs and outputs and the files beside it."""

from __future__ import annotations

import msgspec

from airworthy.artifacts.configuration.companions import Companions
from airworthy.artifacts.configuration.sentence_modules import SentenceModules
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.sentence import SENTENCE_OUTPUT, SentenceLayer, SentencePooling

_FLOATS = ("FP32", "FP16", "FP64", "BF16")
_POOLED = ("FP32", "FP16", "FP64")
_TEXT_INPUTS = {"input_ids", "attention_mask"}
_CLASSIFIER = "ForSequenceClassification"
_TOKEN_OUTPUTS = ("token_embeddings", "last_hidden_state", "output")
_WITHOUT_RECIPE = "no 1_Pooling/config.json says how its token vectors become one; choose with --pooling mean"


def with_task(model: ModelInfo, companions: Companions) -> ModelInfo:
    """A model with what it answers; its outputs gain the sentence embedding that pooling makes."""
    if not model.inputs or not model.outputs:
        return model
    modules = companions.sentence or SentenceModules()
    model = msgspec.structs.replace(
        model, prompts=modules.prompts, prompt=modules.prompt, lower_case=modules.lower_case
    )
    if not takes_texts(model):
        return msgspec.structs.replace(model, task="tensors")
    first = model.outputs[0]
    if companions.architecture.endswith(_CLASSIFIER):
        if not _is_flat(first):
            return msgspec.structs.replace(model, task="tensors")
        count = first.shape[1]
        if count == 1:
            return msgspec.structs.replace(model, task="rerank")
        labels = companions.labels if len(companions.labels) == count else _numbered(count)
        return msgspec.structs.replace(model, task="classification", labels=labels, multi_label=companions.multi_label)
    if _is_flat(first) or any(spec.name == SENTENCE_OUTPUT and _is_flat(spec) for spec in model.outputs):
        return msgspec.structs.replace(model, task="embedding", pooling=None)
    if companions.sentence is None or modules.problem or not modules.modes:
        problem = modules.problem or (say(_WITHOUT_RECIPE) if _token_output(model) is not None else "")
        return msgspec.structs.replace(model, task="tensors", task_problem=problem)
    return pooled(model, modules.modes, modules.layers)


def takes_texts(model: ModelInfo) -> bool:
    """Whether it takes token ids, and its tokenizer lies beside it."""
    return bool(model.tokenizer) and {spec.name for spec in model.inputs} >= _TEXT_INPUTS


def pooled(
    model: ModelInfo,
    modes: tuple[str, ...],
    layers: tuple[SentenceLayer, ...] = (SentenceLayer(kind="normalize"),),
) -> ModelInfo:
    """A model of token vectors with pooling behind it; as it is, with the reason, where that can't be.

    Args:
        model: the model.
        modes: how token vectors are pooled.
        layers: what follows.
    """
    spec = _token_output(model)
    if spec is None:
        problem = say("none of its outputs has one vector a token")
        return msgspec.structs.replace(model, task_problem=problem)
    size = spec.shape[2] * len(modes)
    for layer in layers:
        if layer.weight is not None:
            if layer.weight.shape[1] != size:
                problem = say(
                    "its dense layer takes {wanted} numbers, not {size}", wanted=layer.weight.shape[1], size=size
                )
                return msgspec.structs.replace(model, task_problem=problem)
            size = layer.weight.shape[0]
    made = TensorSpec(SENTENCE_OUTPUT, "FP32", (-1, size), (spec.symbols[0] if spec.symbols else "", ""))
    outputs = (*(each for each in model.outputs if each.name != SENTENCE_OUTPUT), made)
    recipe = SentencePooling(tokens=spec.name, modes=modes, layers=layers, size=size)
    return msgspec.structs.replace(model, task="embedding", outputs=outputs, pooling=recipe, task_problem="")


def _is_flat(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 and spec.shape[1] > 0 and spec.datatype in _FLOATS


def _token_output(model: ModelInfo) -> TensorSpec | None:
    """The output with one vector a token; None where there is none, or several and nothing says which."""
    found = [
        spec
        for spec in model.outputs
        if len(spec.shape) == 3 and spec.shape[2] > 0 and spec.datatype in _POOLED and not spec.name.endswith("logits")
    ]
    named = [spec for name in _TOKEN_OUTPUTS for spec in found if spec.name == name]
    return named[0] if named else found[0] if len(found) == 1 else None


def _numbered(count: int) -> tuple[str, ...]:
    """What Transformers calls classes without names."""
    return tuple(f"LABEL_{number}" for number in range(count))

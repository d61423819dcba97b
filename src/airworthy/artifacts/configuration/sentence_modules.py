"""The files of sentence-transformers beside a model: `modules.json`, `1_Pooling/config.json`, prompts.

The order of modules and the names in their configurations are those of sentence-transformers 2.0 to 6.2
(https://github.com/huggingface/sentence-transformers, `base/modules`, read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.sentence import ACTIVATIONS, POOLING_MODES, SentenceLayer, StoredWeights

MOST_MODULES = 20
"""Modules that are read."""
MOST_PROMPTS = 100
"""Named prompts that are kept."""
LONGEST_PROMPT = 4000
"""Characters of a prompt that is kept."""
MODULES = "modules.json"
"""The list of a model's modules."""
_POOLING = "1_Pooling"
# Keys of configurations that were written before `pooling_mode` took names.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_SENTENCE = "sentence_embedding"
_CLASSES = ("Transformer", "Pooling", "Dense", "Normalize", "Dropout")


class SentenceModules(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say."""

    modes: tuple[str, ...] = ()
    """How token vectors are pooled; none where nothing says so."""
    layers: tuple[SentenceLayer, ...] = ()
    """What follows."""
    prompts: dict[str, str] = msgspec.field(default_factory=dict)
    """What texts may begin with, by name."""
    prompt: str = ""
    """What texts begin with unless another prompt is named."""
    lower_case: bool = False
    """Whether texts are made lower case first."""
    problem: str = ""
    """Why no vectors can be made by these files, one line; empty where they can."""


class NotSupported(Exception):
    """A module that can't be followed; the text says which and why."""


def read_modules(folder: Path, config: Callable[[str], dict[str, Any]], listed: object) -> SentenceModules | None:
    """What sentence-transformers' files in a folder say; None where there are none.

    Args:
        folder: the model's folder.
        config: reads a JSON object by its path within the folder; an empty one where there is none.
        listed: what `modules.json` holds; None without it.
    """
    pooling: dict[str, Any] = {}
    modules = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if not modules:
        if not (folder / _POOLING / "config.json").is_file():
            return None
        modules = [{"type": "Transformer", "path": ""}, {"type": "Pooling", "path": _POOLING}]
    modes: tuple[str, ...] = ()
    layers: list[SentenceLayer] = []
    problem = ""
    try:
        for number, module in enumerate(modules[:MOST_MODULES]):
            kind, path = str(module.get("type", "")).rpartition(".")[2], str(module.get("path", ""))
            if kind not in _CLASSES or (number == 0) != (kind == "Transformer"):
                raise NotSupported(say("its module {name!r} is not one that is known", name=kind[:60]))
            if kind == "Pooling":
                pooling = config(_inside(path, "config.json"))
                modes = pooling_modes(pooling)
            elif kind == "Normalize":
                layers.append(SentenceLayer(kind="normalize"))
            elif kind == "Dense":
                layers.append(_dense(folder, path, config(_inside(path, "config.json"))))
    except NotSupported as error:
        problem = str(error)
    told = config("config_sentence_transformers.json")
    prompts = _prompts(told.get("prompts"))
    named = told.get("default_prompt_name")
    prompt = prompts.get(named, "") if isinstance(named, str) else ""
    if prompt and pooling.get("include_prompt") is False:
        problem = problem or say("it leaves its prompt out of pooling, which is not supported")
    lower_case = config("sentence_bert_config.json").get("do_lower_case") is True
    return SentenceModules(
        modes=modes, layers=tuple(layers), prompts=prompts, prompt=prompt, lower_case=lower_case, problem=problem
    )


def pooling_modes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The ways to pool that a configuration names; `mean` where it names none, as the library has it.

    Raises:
        NotSupported: it names one that is not known.
    """
    named = config.get("pooling_mode")
    if named is None:
        return tuple(mode for flag, mode in _FLAGS.items() if config.get(flag) is True) or ("mean",)
    found = (named,) if isinstance(named, str) else tuple(named) if isinstance(named, list) else ()
    if not found or not all(mode in POOLING_MODES for mode in found):
        raise NotSupported(say("its pooling {name!r} is not one that is known", name=str(named)[:60]))
    return found


def _inside(path: str, name: str) -> str:
    """A file of a module's folder, which lies in the model's own.

    Raises:
        NotSupported: it leads elsewhere.
    """
    if path.startswith(("/", "\\")) or ".." in path or "\0" in path or ":" in path:
        raise NotSupported(say("a module lies at {path!r}, outside of its folder", path=path[:100]))
    return f"{path}/{name}" if path else name


def _dense(folder: Path, path: str, config: Mapping[str, Any]) -> SentenceLayer:
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise NotSupported(say("the function {name!r} after its dense layer is not supported", name=activation[:60]))
    inputs = (config.get("module_input_name", _SENTENCE), config.get("module_output_name") or _SENTENCE)
    if config.get("use_residual") or inputs != (_SENTENCE, _SENTENCE):
        raise NotSupported(say("its dense layer takes more than the pooled vector"))
    file = folder / _inside(path, "model.safetensors")
    if not file.is_file():
        raise NotSupported(say("its dense layer has no {name}", name=_inside(path, file.name)))
    from airworthy.artifacts.formats.safetensors import stored

    try:
        found = {each.name: each for each in stored(file)}
    except Exception as error:  # noqa: BLE001 - of a damaged file, whatever its reader raises
        raise NotSupported(say("{name} cannot be read: {problem}", name=file.name, problem=error)) from None
    placed = {}
    for name, rank in (("linear.weight", 2), ("linear.bias", 1)):
        each = found.get(name)
        if each is None and name == "linear.bias" and config.get("bias") is False:
            continue
        if each is None or each.datatype != "FP32" or len(each.shape) != rank:
            raise NotSupported(say("{file} has no {name} in FP32", file=_inside(path, file.name), name=name))
        placed[name] = StoredWeights(str(file.absolute()), each.offset, each.size, each.shape)
    return SentenceLayer(
        kind="dense", activation=activation, weight=placed["linear.weight"], bias=placed.get("linear.bias")
    )


def _prompts(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    texts = [(name, text) for name, text in given.items() if isinstance(name, str) and isinstance(text, str)]
    return {name[:100]: text for name, text in texts[:MOST_PROMPTS] if text and len(text) <= LONGEST_PROMPT}

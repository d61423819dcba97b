"""A model and its use as a person or a log describes them: the keys of a configuration, the type, context, batch.

What is missing is assumed and listed; what contradicts itself is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from airworthy.artifacts.configuration import attention, shape
from airworthy.artifacts.configuration.numbers import flat, number, numbers
from airworthy.artifacts.configuration.recurrent import state_numbers
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Known
from airworthy.core.messages import say
from airworthy.core.values import AttentionCache, ModelShape
from airworthy.fit import weights
from airworthy.fit.parts import MIB, Interval, exactly
from airworthy.fit.question import DEFAULT_CONTEXT, FitModel, Use
from airworthy.knowledge.cache import SIZES
from airworthy.knowledge.families import family_of

RECENT_BUILD = 9450
"""The build of llama.cpp from which on a server keeps room for one token's scores of each sequence (#23861)."""
CHUNKED_ABOVE = 32_768
"""Tokens of context from which on vLLM before 0.8 read prompts in pieces of 2048; below, a whole one at once."""
USUAL_WINDOW = 512
"""Tokens of a window where none is given: Gemma 3's smaller ones."""
SINCE_RECENT = "2026"
"""Families that came out from then on are taken to run in a recent build."""
NAME_ROUNDS = 0.12
"""The share by which a name's number of parameters may be rounded."""
MOST = 1 << 40
"""The largest number that a description may hold."""
_TYPES = re.compile(r"(?<![a-z0-9])(f32|f16|fp16|bf16|fp8|q8_0|q5_1|q5_0|q4_1|q4_0|iq4_nl|int8)(?![a-z0-9])")
_BUILD = re.compile(r"(?<![a-z0-9])b(\d{3,6})(?!\d)")
_ENGINES = (("vllm", "vllm"), ("sglang", "vllm"), ("onnx", "onnxruntime"), ("openvino", "openvino"))
_PYTORCH = ("transformers", "torch", "hugging")


class DescriptionInvalid(AirworthyError):
    """A description of a model with a value of the wrong kind, or one that contradicts another."""

    code = "description-invalid"
    message = "the description of the model: {problem}"
    hint = "{suggestion}"


class Described(NamedTuple):
    """What a description says."""

    engine: str
    """The engine that it names, or the usual one."""
    model: FitModel
    """The model."""
    use: Use
    """How it is used."""
    assumed: tuple[str, ...]
    """What was assumed, one sentence each."""


def described(given: Mapping[str, Any]) -> Described:
    """A model, its engine and its use.

    Args:
        given: `config` with the sizes, or the sizes themselves; `quant`, `kv_type`, `context`, `batch`, `flash_attn`,
            `n_gpus`, `tp`, `engine`, `model`, `params`, `weights_mib` and what else a log of a load holds.

    Raises:
        DescriptionInvalid: a value of the wrong kind, or numbers that contradict each other.
    """
    config = given.get("config", given)
    if not isinstance(config, Mapping):
        raise _wrong("config", config, say("an object of sizes"))
    told = flat(config)
    name = _text(given, "model") or _text(told, "_name_or_path")
    assumed: list[str] = []
    shape_, cache = _network(told, name, assumed)
    engine = _engine(given, assumed)
    model = FitModel(name=name or say("the described model"), shape=shape_, cache=cache)
    model = _with_weights(model, {**told, **given}, assumed)
    use = _use(given, engine, model, assumed)
    return Described(engine, model, use, tuple(assumed))


def _network(told: Mapping[str, Any], name: str, assumed: list[str]) -> tuple[ModelShape | None, AttentionCache | None]:
    _contradictions(told)
    found = shape.of_configuration(told, name=name)
    shape_ = found.value if isinstance(found, Known) else None
    generates = shape_ is None or shape_.kind in ("decoder", "encoder-decoder")
    # A log of a load names no class: it is taken for a text generator.
    kept = attention.of_configuration(told, generator=generates)
    cache = kept.value if isinstance(kept, Known) else _states_alone(told, assumed) if generates else None
    if shape_ is None:
        assumed.append(say("the architecture is not known: weights alone, and a share of them for buffers"))
    elif cache is None and generates:
        assumed.append(say("what it keeps of a token is not known: keys and values are left out"))
    if cache is not None and cache.windowed and not cache.window:
        assumed.append(say("a window of {size} tokens: none is given", size=USUAL_WINDOW))
        cache = msgspec.structs.replace(cache, window=USUAL_WINDOW)
    return shape_, _two_sides(told, cache)


def _states_alone(told: Mapping[str, Any], assumed: list[str]) -> AttentionCache | None:
    """The states of recurrent layers, where what the others keep is not known."""
    count, state = number(told, "recurrent_layers"), state_numbers(told)
    if not count or not state:
        return None
    assumed.append(say("the heads of attention are not given: the states of {count} layers alone", count=count))
    return AttentionCache(0, 0, 0, recurrent=count, recurrent_numbers=state)


def _two_sides(told: Mapping[str, Any], cache: AttentionCache | None) -> AttentionCache | None:
    """A cache whose keys and values are given as whole rows."""
    key, value = number(told, "n_embd_k_gqa"), number(told, "n_embd_v_gqa")
    if cache is None or not key or cache.latent:
        return cache
    return msgspec.structs.replace(cache, heads=1, head_size=key, value_size=value if value != key else 0)


def _contradictions(told: Mapping[str, Any]) -> None:
    layers = number(told, *attention.LAYERS)
    counted = sum(number(told, each) for each in ("full_layers", "swa_layers", "recurrent_layers"))
    if layers and counted > layers:
        problem = say("{counted} layers by kind, and {layers} in all", counted=counted, layers=layers)
        raise DescriptionInvalid(problem=problem, suggestion=say("correct one of the numbers"))
    heads = number(told, *attention.HEADS)
    listed = numbers(told, "n_head_kv", "num_key_value_heads")
    shared = max(listed) if listed else number(told, "num_key_value_heads", "n_head_kv")
    if heads and shared > heads:
        problem = say("{shared} key and value heads, and {heads} query heads", shared=shared, heads=heads)
        raise DescriptionInvalid(problem=problem, suggestion=say("there are at most as many as query heads"))
    listed_kinds = told.get("layer_types")
    if isinstance(listed_kinds, list) and layers and len(listed_kinds) not in (0, layers):
        problem = say("{count} entries of layer_types, and {layers} layers", count=len(listed_kinds), layers=layers)
        raise DescriptionInvalid(problem=problem, suggestion=say("list each layer once"))


def _engine(given: Mapping[str, Any], assumed: list[str]) -> str:
    text = _text(given, "engine").lower()
    for part, engine in _ENGINES:
        if part in text:
            return engine
    if any(part in text for part in _PYTORCH):
        return "pytorch"
    if not text:
        assumed.append(say("the engine is not given: llama.cpp"))
    return "llamacpp"


def _with_weights(model: FitModel, given: Mapping[str, Any], assumed: list[str]) -> FitModel:
    """The bytes of the weights, from whatever says them best."""
    known = _number(given, "weights_mib", "file_size_mib")
    size = known * MIB if known else _number(given, "weights_bytes", "file_size", "size_bytes")
    if size:
        return msgspec.structs.replace(model, weights=exactly(size), weights_basis=say("as given"))
    quant = (
        _text(given, "quant") or _text(given, "quantization") or _text(given, "torch_dtype") or _text(given, "dtype")
    )
    parameters = _number(given, "params", "n_params", "parameters", "num_parameters")
    billions = _number(given, "params_b", "n_params_b", "parameters_b")
    counted = bool(parameters or billions)
    parameters = parameters or (billions * 1e9 if billions else 0)
    if 0 < parameters < 5000:  # in thousands of millions, as people write it
        parameters *= 1e9
    if not parameters:
        named = weights.parameters_in_name(model.name) or 0
        made = (weights.count_parameters(model.shape, model.cache) or 0) if model.shape is not None else 0
        # A name rounds; sizes of which some are assumed may be far off: then the name decides.
        exact = made and model.shape is not None and not model.shape.assumed
        if exact or not named or abs(made - named) < NAME_ROUNDS * named:
            parameters = made
            why = say("worked out from the sizes")
        else:
            parameters = named
            why = say("what the name says")
        if parameters:
            assumed.append(say("{count:count} parameters: {why}", count=parameters, why=why))
    each = _number(given, "bpw", "bits_per_weight", "bits_per_param")
    if parameters and each:
        basis = say("{count:count} parameters of {bits:g} bits", count=parameters, bits=each)
        spread = 0.005 if counted else 0.06
        low, point, high = (parameters * each / 8 * (1 + side * spread) for side in (-1, 0, 1))
        return msgspec.structs.replace(
            model, weights=Interval(low, point, high), weights_basis=basis, parameters=parameters
        )
    found = weights.stored(parameters, quant, counted=counted, shape=model.shape) if parameters and quant else None
    if found is None:
        assumed.append(say("the size of the weights can't be worked out: give `params` and `quant`, or `weights_mib`"))
        return msgspec.structs.replace(model, parameters=parameters or None, quantization=quant)
    return msgspec.structs.replace(
        model, weights=found[0], weights_basis=found[1], parameters=parameters, quantization=quant
    )


def _use(given: Mapping[str, Any], engine: str, model: FitModel, assumed: list[str]) -> Use:
    batch = given.get("batch") or {}
    if not isinstance(batch, Mapping):
        raise _wrong("batch", batch, say("an object such as {{'n_ubatch': 512}}"))
    context = int(_number(given, "context", "n_ctx", "max_model_len"))
    if not context:
        longest = model.cache.longest if model.cache is not None else 0
        context = min(longest or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        assumed.append(say("a context of {tokens} tokens: none is given", tokens=context))
    sequences = int(_number(batch, "n_seq_max", "n_parallel", "users") or _number(given, "users", "n_seq_max") or 1)
    unified = batch.get("kv_unified") is True
    key, value = _kv_types(given, assumed)
    if engine == "llamacpp" and not unified:
        # llama.cpp divides the context that it is given among its sequences.
        context = max(1, -(-context // sequences))
    build = _BUILD.search(_text(given, "engine"))
    text = _text(given, "engine").lower()
    flash = given.get("flash_attn")
    if not isinstance(flash, bool):
        flash = {"on": True, "off": False, "1": True, "0": False}.get(str(flash).lower())
    if flash is None and text.startswith("ik_llama"):
        flash = False
        assumed.append(say("flash attention is off: the default of ik_llama.cpp"))
    ubatch = int(_number(batch, "n_ubatch", "ubatch") or _number(given, "n_ubatch"))
    if not ubatch:
        ubatch = 512
        if engine == "llamacpp":
            assumed.append(say("512 tokens are computed at once: the default of llama.cpp"))
    return Use(
        context=context,
        users=sequences,
        unified=unified,
        key_type=key,
        value_type=value,
        ubatch=min(ubatch, int(_number(batch, "n_batch")) or ubatch),
        batched_tokens=int(_number(batch, "max_num_batched_tokens")) or _first_engine_tokens(text, context),
        sequences=int(_number(batch, "max_num_seqs")),
        sampled=not (_is_first_engine(text) and context > CHUNKED_ABOVE),
        flash=flash,
        all_outputs=_all_outputs(build, model),
        devices=int(_number(given, "n_gpus", "gpus") or 1),
        parallel=int(_number(given, "tp", "tensor_parallel_size") or 1),
        graphs=given.get("enforce_eager") is not True,
        share=_number(given, "gpu_memory_utilization"),
        device_total=int(_number(given, "gpu_total_mib") * MIB),
        accelerator=given.get("device") != "cpu",
    )


def _is_first_engine(text: str) -> bool:
    """Whether it is vLLM with its first engine, the default before 0.8."""
    version = re.search(r"vllm\s+v?0\.(\d+)", text)
    return "vllm" in text and (
        re.search(r"(?<![a-z0-9])v0(?![.\d])", text) is not None
        or (version is not None and int(version[1]) < 8 and "v1" not in text)
    )


def _first_engine_tokens(text: str, context: int) -> int:
    return max(2048, context) if _is_first_engine(text) and context <= CHUNKED_ABOVE else 0


def _all_outputs(build: re.Match[str] | None, model: FitModel) -> bool | None:
    """Whether room for all tokens' scores is kept: by the build, else by when the model came out."""
    if build is not None:
        return int(build[1]) < RECENT_BUILD
    family = family_of(model.name)
    return False if family is not None and family.released >= SINCE_RECENT else None


def _kv_types(given: Mapping[str, Any], assumed: list[str]) -> tuple[str, str]:
    text = _text(given, "kv_type").lower() or _text(given, "kv_cache_dtype").lower()
    found = [each for each in _TYPES.findall(text) if each in SIZES]
    if not found:
        if text and text != "auto":
            assumed.append(say("keys and values in f16: {text!r} is not a type that is known", text=text))
        elif not text:
            assumed.append(say("keys and values in f16: no type is given"))
        return "f16", "f16"
    return found[0], found[1] if len(found) > 1 else found[0]


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value.strip()[:200] if isinstance(value, str) else ""


def _number(given: Mapping[str, Any], *names: str) -> float:
    """The first of these that is a number; 0 where none is there."""
    for name in names:
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MOST:
            raise _wrong(name, value, say("a number that is not negative"))
        return float(value)
    return 0.0


def _wrong(key: str, value: Any, wanted: str) -> DescriptionInvalid:
    problem = say("{key} is {value!r}, and {wanted} is wanted", key=key, value=str(value)[:60], wanted=wanted)
    return DescriptionInvalid(problem=problem, suggestion=say("see docs/fit.md for the keys"))

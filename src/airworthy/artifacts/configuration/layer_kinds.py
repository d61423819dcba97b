"""Which layers of a model look back at everything, which at a window, and which keep a state of fixed size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from airworthy.artifacts.configuration.numbers import MAX_LAYERS, number, numbers
from airworthy.knowledge.layer_patterns import window_period

FULL, WINDOW, STATE, NOTHING = "full", "window", "state", "nothing"
"""What a layer keeps."""
_BY_NAME = {
    "full_attention": FULL,
    "attention": FULL,
    "global_attention": FULL,
    "global": FULL,
    "sliding_attention": WINDOW,
    "chunked_attention": WINDOW,
    "local": WINDOW,
    "local_attention": WINDOW,
    "linear_attention": STATE,
    "mamba": STATE,
    "mamba2": STATE,
    "recurrent": STATE,
    "hybrid": FULL,
    "mlp": NOTHING,
    "moe": NOTHING,
}
_LETTERS = {"M": STATE, "*": FULL, "-": NOTHING, "E": NOTHING}


class LayerKinds(NamedTuple):
    """How many layers are of each kind."""

    full: int
    """Those that look back at everything."""
    windowed: int
    """Those that look back at a window."""
    recurrent: int
    """Those that keep a state."""
    window: int
    """Tokens of the window; 0 without one."""


def of_configuration(config: Mapping[str, Any], layers: int) -> LayerKinds | None:
    """The kinds by a `config.json`; None where it has layers of several kinds and does not say which are which."""
    window = number(config, "sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size")
    kinds = _listed(config, layers, window)
    if kinds is None:
        return None
    shared = number(config, "num_kv_shared_layers")
    # The last layers of some models read the keys and values of an earlier one (Gemma 3n).
    kinds = kinds[: max(1, len(kinds) - shared)]
    return _counted(kinds, window)


def of_metadata(told: Mapping[str, Any], architecture: str, layers: int) -> tuple[LayerKinds | None, bool]:
    """The kinds by GGUF's metadata, and whether it says all that is needed for them."""
    window = number(told, "attention.sliding_window", "attention.chunk_size")
    heads = numbers(told, "attention.head_count_kv")
    interval = number(told, "full_attention_interval")
    kinds = [FULL] * layers
    sure = True
    if heads is not None and len(heads) == layers and 0 in heads:
        state = any(key.startswith("ssm.") for key in told)
        kinds = [FULL if each else (STATE if state else NOTHING) for each in heads]
    elif interval:
        kinds = [STATE if (index + 1) % interval else FULL for index in range(layers)]
    elif any(key.startswith("wkv.") for key in told):
        return None, False
    elif any(key.startswith("ssm.") for key in told):
        if heads is not None or number(told, "attention.head_count"):
            return None, False
        kinds = [STATE] * layers
    if window:
        pattern = numbers(told, "attention.sliding_window_pattern")
        period = number(told, "attention.sliding_window_pattern") or window_period(architecture)
        if pattern is not None and len(pattern) == layers:
            kinds = [WINDOW if each and kind == FULL else kind for kind, each in zip(kinds, pattern, strict=True)]
        elif period is not None:
            kinds = [
                WINDOW if period and (index + 1) % period and kind == FULL else kind for index, kind in enumerate(kinds)
            ]
        else:
            # Which layers have the window is in the program that runs it: the least is claimed.
            sure = False
            kinds = [WINDOW if kind == FULL else kind for kind in kinds]
    shared = number(told, "attention.shared_kv_layers")
    return _counted(kinds[: max(1, len(kinds) - shared)], window), sure


def _listed(config: Mapping[str, Any], layers: int, window: int) -> list[str] | None:
    """What each layer keeps."""
    names = config.get("layer_types") or config.get("layers_block_type") or config.get("block_types")
    if isinstance(names, list) and 0 < len(names) <= MAX_LAYERS and all(isinstance(each, str) for each in names):
        repeated = [names[index % len(names)] for index in range(layers)]
        # Kinds of other names, such as `linear_attention`'s successors, keep a state that does not grow.
        kinds = [_BY_NAME.get(each, STATE) for each in repeated]
        return [FULL if kind == WINDOW and not window else kind for kind in kinds]
    letters = config.get("hybrid_override_pattern")
    if isinstance(letters, str) and letters:
        return [_LETTERS.get(letter, NOTHING) for letter in letters[:layers]]
    counted = _counts(config, layers)
    if counted is not None:
        return counted
    interval, period = number(config, "full_attention_interval"), number(config, "attn_layer_period")
    if interval and number(config, "linear_num_value_heads"):
        return [STATE if (index + 1) % interval else FULL for index in range(layers)]
    if period and number(config, "mamba_d_state"):
        offset = config.get("attn_layer_offset")
        at = offset if type(offset) is int and 0 <= offset < period else 0
        return [FULL if index % period == at else STATE for index in range(layers)]
    places = numbers(config, "attn_layer_indices", "full_attn_idxs", "attn_layers")
    if places is not None:
        return [FULL if index in set(places) else STATE for index in range(layers)]
    if interval or period or "ssm_cfg" in config:
        return None
    if number(config, "state_size") and not number(config, "num_attention_heads", "n_head"):
        return [STATE] * layers
    return _with_window(config, layers, window)


def _counts(config: Mapping[str, Any], layers: int) -> list[str] | None:
    """Descriptions by people count the layers of each kind."""
    names = ("full_layers", "swa_layers", "recurrent_layers")
    if not any(name in config for name in names):
        return None
    full, windowed, state = (number(config, name) for name in names)
    if "full_layers" not in config:
        full = max(0, layers - windowed - state)
    return [FULL] * min(full, MAX_LAYERS) + [WINDOW] * min(windowed, MAX_LAYERS) + [STATE] * min(state, MAX_LAYERS)


def _with_window(config: Mapping[str, Any], layers: int, window: int) -> list[str]:
    if not window or config.get("use_sliding_window") is False:
        return [FULL] * layers
    period = number(config, "sliding_window_pattern", "_sliding_window_pattern")
    if not period:
        period = window_period(_family(config)) or 0
    if period:
        return [WINDOW if (index + 1) % period else FULL for index in range(layers)]
    if config.get("use_sliding_window") is True and type(config.get("max_window_layers")) is int:
        first = config["max_window_layers"]
        return [WINDOW if index >= first else FULL for index in range(layers)]
    return [WINDOW] * layers


def _family(config: Mapping[str, Any]) -> str:
    name = config.get("model_type")
    return name.removesuffix("_text").replace("_", "-") if isinstance(name, str) else ""


def _counted(kinds: list[str], window: int) -> LayerKinds:
    windowed = kinds.count(WINDOW)
    return LayerKinds(kinds.count(FULL), windowed, kinds.count(STATE), window if windowed else 0)

"""The state of fixed size that a layer keeps for each sequence: Mamba's, and that of gated delta nets.

Of a convolution over the newest tokens a layer keeps all but one of them, of the recurrence a matrix for each head
(llama.cpp, src/llama-hparams.cpp: `n_embd_r`, `n_embd_s`; both in 32 bits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airworthy.artifacts.configuration.numbers import number


def state_numbers(config: Mapping[str, Any]) -> int:
    """Numbers in the state of one layer and one sequence, by a `config.json`; 0 where it does not say."""
    keys, values = number(config, "linear_num_key_heads"), number(config, "linear_num_value_heads")
    if keys and values:
        key, value = number(config, "linear_key_head_dim"), number(config, "linear_value_head_dim")
        convolution = number(config, "linear_conv_kernel_dim") or 1
        return (convolution - 1) * (2 * keys * key + values * value) + values * key * value
    state = number(config, "mamba_d_state", "ssm_state_size", "state_size")
    if not state:
        return 0
    width = number(config, "hidden_size", "d_model", "n_embd")
    heads, size = number(config, "mamba_n_heads", "mamba_num_heads"), number(config, "mamba_d_head", "mamba_head_dim")
    inner = heads * size or number(config, "mamba_d_ssm", "intermediate_size") or 2 * width
    if not heads and number(config, "mamba_expand", "expand"):
        inner = number(config, "mamba_expand", "expand") * width
    kernel = number(config, "mamba_d_conv", "conv_kernel") or 4
    groups = number(config, "mamba_n_groups", "n_groups") if heads else 0
    return (kernel - 1) * (inner + 2 * groups * state) + state * inner


def state_numbers_of_metadata(told: Mapping[str, Any]) -> int:
    """The same by the metadata of a GGUF file."""
    state, inner = number(told, "ssm.state_size"), number(told, "ssm.inner_size")
    kernel, groups = number(told, "ssm.conv_kernel"), number(told, "ssm.group_count")
    return (max(kernel, 1) - 1) * (inner + 2 * groups * state) + state * inner if state and inner else 0

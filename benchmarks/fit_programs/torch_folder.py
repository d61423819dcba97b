"""Makes a folder with a decoder of random weights: FOLDER LAYERS WIDTH FEED_FORWARD HEADS KEY_HEADS VOCABULARY."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder, *numbers = sys.argv[1:]
    layers, width, inner, heads, shared, vocabulary = map(int, numbers)
    torch.manual_seed(1)
    config = LlamaConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        intermediate_size=inner,
        num_attention_heads=heads,
        num_key_value_heads=shared,
        vocab_size=vocabulary,
        max_position_embeddings=2048,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


main()

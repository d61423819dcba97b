"""A folder in transformers: FOLDER BATCH LENGTH THREADS; a decoder also writes a few tokens."""

from __future__ import annotations

import sys
import time

from process import fastest, memory, report


def main() -> None:
    """Run it."""
    import torch
    import transformers

    folder, batch, length, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    began = memory()
    decoder = transformers.AutoConfig.from_pretrained(folder).model_type == "llama"
    kind = transformers.AutoModelForCausalLM if decoder else transformers.AutoModel
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    loaded = memory()
    tokens = torch.ones((batch, length), dtype=torch.long)
    times = {}
    with torch.inference_mode():
        times["seconds"] = fastest(lambda: model(tokens), 3)
        if decoder:
            started = time.perf_counter()
            model.generate(tokens, max_new_tokens=1, min_new_tokens=1)
            once = time.perf_counter()
            model.generate(tokens, max_new_tokens=33, min_new_tokens=33)
            times["each"] = (time.perf_counter() - once - (once - started)) / 32
    report(process=began, loaded=loaded, **times, **memory())


main()

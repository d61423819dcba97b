"""One process of the raw limit: the model in a loop over all items, without a server.

Called as `raw_loop.py BATCH ORDER SECONDS ITEMS`, says `ready`, waits for a line, and gives its rate as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import same_model


def batches(model: same_model.Digits | same_model.MiniLM, items: list, batch: int, order: str) -> list:
    """All items, cut into what runs together.

    `arrival` takes them as they come; `sorted` by length; `budget` by length, at most `batch` tokens with padding.
    """
    if isinstance(model, same_model.Digits):
        rows = np.asarray(items, dtype=np.float32)
        return [rows[n : n + batch] for n in range(0, len(rows), batch)]
    if order == "arrival":
        return [items[n : n + batch] for n in range(0, len(items), batch)]
    lengths = {text: len(model.tokenizer.encode(text).ids) for text in items}
    items = sorted(items, key=lengths.__getitem__)
    if order == "sorted":
        return [items[n : n + batch] for n in range(0, len(items), batch)]
    cut: list[list[str]] = [[]]
    for text in items:
        if cut[-1] and lengths[text] * (len(cut[-1]) + 1) > batch:
            cut.append([])
        cut[-1].append(text)
    return cut


def main() -> None:
    """Measure."""
    batch, order, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    model = same_model.load()
    cut = batches(model, json.loads(Path(sys.argv[4]).read_text(encoding="utf-8")), batch, order)
    for each in cut[:8]:
        model.run(each)
    print("ready", flush=True)
    sys.stdin.readline()
    taken, done, began = [], 0, time.perf_counter()
    # Texts differ in length, so only whole rounds count; rows are alike, and a round of them is short.
    while time.perf_counter() - began < seconds:
        for each in cut:
            at = time.perf_counter()
            model.run(each)
            taken.append(time.perf_counter() - at)
            done += len(each)
    passed = time.perf_counter() - began
    taken.sort()
    print(json.dumps({"rps": done / passed, "p50_ms": taken[len(taken) // 2] * 1000}))


if __name__ == "__main__":
    main()

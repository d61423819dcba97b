"""A GGUF model in llama.cpp, loaded as a worker of airworthy loads it: MODEL CONTEXT SLOTS TYPE THREADS."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from process import memory, report

from airworthy.artifacts.formats.registry import FORMATS
from airworthy.engines.generation import AnyEvent, GenerationRequest
from airworthy.engines.interface import RunnerOptions
from airworthy.engines.registry import ENGINES


def main() -> None:
    """Run it."""
    path, context, slots, kind, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
    model = FORMATS.get("gguf").inspect(Path(path)).model
    options = RunnerOptions(threads=threads, slots=slots, context=context, cache_type=kind)
    runner = ENGINES.get("llamacpp").load(model, options)
    loaded = memory()
    prompt = " ".join(["word"] * min(600, context // 2))
    times: dict[str, float] = {}

    def one(count: int, text: str, name: str = "") -> None:
        arrived: list[float] = []
        request = GenerationRequest(prompt=text, max_tokens=count, ignore_end=True)

        def emit(event: AnyEvent) -> bool:
            if type(event).__name__ == "TextDelta":
                arrived.append(time.perf_counter())
            return True

        began = time.perf_counter()
        runner.generate(request, emit)
        if name and len(arrived) > 2:
            times[name + "_first"] = arrived[0] - began
            times[name + "_each"] = (arrived[-1] - arrived[0]) / (len(arrived) - 1)

    one(8, "hello")
    one(64, "Write a long story about a machine that flies.", "short")
    one(32, prompt, "long")
    together = [threading.Thread(target=one, args=(32, prompt)) for _ in range(slots)]
    for each in together:
        each.start()
    for each in together:
        each.join()
    report(loaded=loaded, prompt_words=len(prompt.split()), **memory(), **times)
    runner.close()


main()

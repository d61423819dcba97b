"""A GGUF model in OpenVINO: MODEL CONTEXT SLOTS THREADS."""

from __future__ import annotations

import sys
import time

from process import memory, report


def main() -> None:
    """Run it."""
    import openvino_genai as genai

    path, context, slots, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    began = memory()
    scheduler = genai.SchedulerConfig()
    scheduler.num_kv_blocks = slots * -(-context // 32)
    scheduler.max_num_seqs = slots
    pipeline = genai.ContinuousBatchingPipeline(path, scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads})
    loaded = memory()
    config = genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample = 32, True, False
    prompt = " ".join(["word"] * min(600, context // 2))
    started = time.perf_counter()
    pipeline.generate([prompt] * slots, [config] * slots)
    report(process=began, loaded=loaded, seconds=time.perf_counter() - started, **memory())


main()

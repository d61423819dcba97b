"""Logs in which nothing is wrong: the collected ones, and a server's of any length."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "logs" / "healthy"


@functools.cache
def collected() -> dict[str, str]:
    """The collected logs by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.log"))}


@functools.cache
def server(lines: int = 20_000, seed: int = 7) -> tuple[str, ...]:
    """A server's log: it comes up, and then serves; the same for the same seed."""
    chance = random.Random(seed)
    start = collected()["vllm-v1"].splitlines()
    return (*start, *_serving(chance, lines - len(start)))


def _serving(chance: random.Random, lines: int) -> Iterator[str]:
    second = 9 * 3600 + 120
    for number in range(lines):
        second += chance.random() < 0.4
        clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
        client = f"10.2.{chance.randrange(256)}.{chance.randrange(1, 255)}:{chance.randrange(1024, 65535)}"
        path = chance.choice(("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/health", "/metrics"))
        kind = chance.random()
        if kind < 0.72:
            yield f'(APIServer pid=1) INFO:     {client} - "POST {path} HTTP/1.1" 200 OK'
        elif kind < 0.9:
            yield (
                f"(APIServer pid=1) INFO 11-20 {clock} [loggers.py:123] Engine 000: Avg prompt throughput: "
                f"{chance.uniform(0, 4000):.1f} tokens/s, "
                f"Avg generation throughput: {chance.uniform(0, 900):.1f} tokens/s, "
                f"Running: {chance.randrange(64)} reqs, Waiting: {chance.randrange(3)} reqs, "
                f"GPU KV cache usage: {chance.uniform(0, 90):.1f}%, Prefix cache hit rate: {chance.uniform(0, 80):.1f}%"
            )
        elif kind < 0.97:
            yield (
                f"(EngineCore_0 pid=271) DEBUG 11-20 {clock} [core.py:741] step {number}: batch "
                f"{chance.randrange(1, 64)}, {chance.randrange(1, 2048)} tokens, errors 0, retries 0"
            )
        else:
            yield (
                f"(APIServer pid=1) WARNING 11-20 {clock} [protocol.py:81] The following fields were present in the "
                f"request but ignored: {{'request_{chance.getrandbits(32):08x}'}}"
            )

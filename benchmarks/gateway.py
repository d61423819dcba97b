"""What the service costs: engine `null` behind the whole way, beside a bare ASGI function on uvicorn."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from timing import table

from airworthy.observe.load import LoadResult, closed_loop, http_request

HERE = Path(__file__).parent
SECONDS = 2.0
ROUNDS = 3
CONNECTIONS = (1, 8, 32, 128)


@contextlib.contextmanager
def served(model: Path) -> Iterator[int]:
    """Our service with the engine that computes nothing; its port."""
    command = [sys.executable, "-m", "airworthy", "serve", f"null={model}", "--engine", "null", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                found = re.search(r"serving\s+http://[^:]+:(\d+)", line)
                if found:
                    yield int(found.group(1))
                    return
            raise RuntimeError(f"the service ended with {process.wait()}")
        finally:
            process.terminate()


@contextlib.contextmanager
def bare() -> Iterator[int]:
    """The bare function; its port."""
    with subprocess.Popen([sys.executable, str(HERE / "bare.py")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def check(port: int, body: bytes) -> None:
    """Hold one answer against what the engine must give."""
    url = f"http://127.0.0.1:{port}/v2/models/null/infer"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
        (output,) = json.load(answer)["outputs"]
    if output["shape"] != [1, 3] or len(set(output["data"])) != 1:
        raise RuntimeError(f"a wrong answer: {output}")


def main() -> None:
    """Measure and print."""
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    node = helper.make_node("Gemm", ["x", "w"], ["y"])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [64, 3], [0.0] * 192)
    graph = helper.make_graph(
        [node],
        "null",
        [value("x", TensorProto.FLOAT, ["batch", 64])],
        [value("y", TensorProto.FLOAT, ["batch", 3])],
        [weights],
    )
    bodies = [
        json.dumps(
            {
                "inputs": [
                    {
                        "name": "x",
                        "shape": [1, 64],
                        "datatype": "FP32",
                        "data": [(n * k) % 17 / 16 for k in range(64)],
                    }
                ]
            }
        ).encode()
        for n in range(1, 65)
    ]
    rates: dict[tuple[str, int], list[LoadResult]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "null.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        with bare() as bare_port, served(path) as our_port:
            check(our_port, bodies[0])
            for _ in range(ROUNDS):
                for connections in CONNECTIONS:
                    for name, port in (("bare", bare_port), ("ours", our_port)):
                        requests = [http_request("127.0.0.1", "/v2/models/null/infer", body) for body in bodies]
                        result = closed_loop("127.0.0.1", port, requests, clients=connections, seconds=SECONDS)
                        if set(result.statuses) != {200}:
                            raise RuntimeError(f"{name}: {result.statuses}")
                        rates.setdefault((name, connections), []).append(result)
    rows = []
    for connections in CONNECTIONS:
        figures = {
            name: (
                statistics.median(result.rate for result in rates[name, connections]),
                statistics.median(result.percentile(0.5) for result in rates[name, connections]),
                statistics.median(result.percentile(0.99) for result in rates[name, connections]),
            )
            for name in ("bare", "ours")
        }
        (bare_rate, bare_p50, _), (rate, p50, p99) = figures["bare"], figures["ours"]
        rows.append(
            (
                connections,
                f"{bare_rate:,.0f}",
                f"{rate:,.0f}",
                f"{rate / bare_rate:.2f}",
                f"{bare_p50 * 1000:.2f}",
                f"{p50 * 1000:.2f}",
                f"{p99 * 1000:.2f}",
            )
        )
    head = ("clients", "bare req/s", "ours req/s", "ratio", "bare p50 ms", "ours p50 ms", "ours p99 ms")
    table(f"Gateway, 64 numbers a request, engine null, median of {ROUNDS}", head, rows)


if __name__ == "__main__":
    main()

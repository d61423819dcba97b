"""Hash and health of a large safetensors file in the page cache, beside what it has to be measured against.

Taking turns: `cat` to nothing followed by BLAKE3 on all cores; `airworthy inspect --hash --health`; and, where PYTORCH
names an interpreter with PyTorch and safetensors, the usual loop over tensors with `md5sum`.
"""

from __future__ import annotations

import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
SIZE = 1_200_000_000
"""Bytes of the file."""
ROUNDS = 3
_PLAIN = """
import subprocess, sys, time, blake3
begun = time.perf_counter()
subprocess.run(["sh", "-c", 'cat "$0" > /dev/null', sys.argv[1]], check=True)
blake3.blake3(max_threads=blake3.blake3.AUTO).update_mmap(sys.argv[1])
print(time.perf_counter() - begun)
"""
_NAIVE = """
import subprocess, sys, time, torch
from safetensors.torch import load_file
begun = time.perf_counter()
for tensor in load_file(sys.argv[1]).values():
    wide = tensor.float()
    bool(torch.isnan(wide).any()), bool(torch.isinf(wide).any()), wide.mean().item(), wide.std().item()
subprocess.run(["md5sum", sys.argv[1]], stdout=subprocess.DEVNULL, check=True)
print(time.perf_counter() - begun)
"""
# The loop and the hash alone, from imported modules, as the two above: a first small file has all of ours imported,
# the catalogue of causes among it. The command with its start is told apart.
_OURS = """
import struct, sys, tempfile, time
from airworthy.flows.inspect import inspect
from airworthy.flows.weights import Depth
import numpy, blake3
depth = Depth(algorithms=("blake3",), health=True)
with tempfile.NamedTemporaryFile(suffix=".safetensors") as small:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    small.write(struct.pack("<Q", len(header)) + header + bytes(4))
    small.flush()
    inspect(small.name, depth=depth)
begun = time.perf_counter()
inspect(sys.argv[1], depth=depth)
print(time.perf_counter() - begun)
"""


def write(path: Path, dtype: str) -> None:
    """A file of matrices of random weights, of the size above."""
    width = {"F32": 4, "F16": 2, "BF16": 2}[dtype]
    noise = np.random.default_rng(0).standard_normal(1 << 24, dtype=np.float32)
    entries = {}
    at = number = 0
    while at < SIZE:
        size = 4096 * 4096 * width
        entries[f"layers.{number}.weight"] = {"dtype": dtype, "shape": [4096, 4096], "data_offsets": [at, at + size]}
        at, number = at + size, number + 1
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for number in range(len(entries)):
            values = noise * np.float32(0.02 + number / 10_000)  # no tensor is the twin of another
            file.write(_as(values, dtype).tobytes())


def _as(values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return values.astype(np.float16) if dtype == "F16" else values


def run(python: str, code: str, path: Path) -> float:
    """Seconds that a program reports."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")} if python == sys.executable else None
    done = subprocess.run([python, "-c", code, str(path)], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def command(path: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak memory in bytes of the whole command, its start included."""
    arguments = [sys.executable, "-m", "airworthy", "inspect", "--hash", "--health", str(path)]
    begun = time.perf_counter()
    with subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def has_torch(python: str) -> bool:
    """Whether an interpreter can import torch."""
    return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def main() -> None:
    """Write the files, take turns, print seconds and ratios."""
    torch = os.environ.get("PYTORCH", sys.executable)
    naive = has_torch(torch)
    print(f"one file of {SIZE / 1e9:.1f} GB, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("F32", "BF16", "F16"):
            path = Path(folder) / f"{dtype}.safetensors"
            write(path, dtype)
            plain, ours, whole, loops = [], [], [], []
            for _ in range(ROUNDS):
                plain.append(run(sys.executable, _PLAIN, path))
                ours.append(run(sys.executable, _OURS, path))
                whole.append(command(path))
                if naive:
                    loops.append(run(torch, _NAIVE, path))
            ratio = statistics.median(a / b for a, b in zip(plain, ours, strict=True))
            text = f"{dtype:5} cat + BLAKE3 {min(plain):.2f} s  hash + health {min(ours):.2f} s  share {ratio:.2f}"
            wall, used, memory = min(w for w, _, _ in whole), min(u for _, u, _ in whole), max(m for _, _, m in whole)
            text += f"  command {wall:.2f} s ({used:.2f} s of processor), {memory / 1e6:.0f} MB"
            if loops:
                text += f"  torch loop + md5sum {min(loops):.2f} s ({min(loops) / min(ours):.1f} times)"
            print(text)
            path.unlink()


if __name__ == "__main__":
    main()

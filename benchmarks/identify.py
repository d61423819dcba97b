"""How long it takes to tell what a folder of a hundred gigabytes is, and a file of a million tensors; in what memory.

The folder is sparse: twenty shards of five gigabytes that take no room. Each round is a fresh interpreter; told apart
are the first identification, which imports the readers that it needs, and the next one.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARDS, SHARD = 20, 5_000_000_000
TENSORS = 1_000_000
ROUNDS = 5
_PROGRAM = """
import re, sys, time
from pathlib import Path
from airworthy.artifacts.identify import inspect
begun = time.perf_counter()
inspect(sys.argv[1])
first = time.perf_counter()
inspect(sys.argv[1])
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(first - begun, time.perf_counter() - first, int(peak[1]) * 1024)
"""


def write_folder(folder: Path) -> None:
    """Shards with forty tensors each, an index and a configuration."""
    weight_map = {}
    for shard in range(1, SHARDS + 1):
        name = f"model-{shard:05}-of-{SHARDS:05}.safetensors"
        size = SHARD // 40
        entries = {}
        for n in range(40):
            place = [n * size, (n + 1) * size]
            entries[f"layers.{shard}.{n}.weight"] = {"dtype": "BF16", "shape": [size // 2], "data_offsets": place}
        weight_map |= dict.fromkeys(entries, name)
        header = json.dumps(entries).encode()
        with (folder / name).open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + 40 * size)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))


def write_many(path: Path) -> None:
    """A million tensors of twelve bytes."""
    entries = (
        f'"model.layers.{n}.weight":{{"dtype":"F16","shape":[2,3],"data_offsets":[{12 * n},{12 * n + 12}]}}'
        for n in range(TENSORS)
    )
    header = ("{" + ",".join(entries) + "}").encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 12 * TENSORS)


def rounds(path: Path, count: int) -> str:
    """The best first and next times of several interpreters, and the largest memory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    told = []
    for _ in range(count):
        run = [sys.executable, "-c", _PROGRAM, str(path)]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
        told.append([float(each) for each in done.stdout.split()])
    first, again, peak = min(t[0] for t in told), min(t[1] for t in told), max(t[2] for t in told)
    return f"first {first * 1000:.0f} ms  next {again * 1000:.0f} ms  peak memory {peak / 1e6:.0f} MB"


def main() -> None:
    """Write both, measure, print."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "folder"
        folder.mkdir()
        write_folder(folder)
        print(f"folder of {SHARDS * SHARD / 1e9:.0f} GB    {rounds(folder, ROUNDS)}")
        many = Path(name) / "many.safetensors"
        write_many(many)
        print(f"{TENSORS} tensors in {many.stat().st_size / 1e6:.0f} MB    {rounds(many, 1)}")


if __name__ == "__main__":
    main()

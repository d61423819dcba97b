"""Hostile and benign pickles, by the classes of the tests, before four scanners side by side.

The others are looked for in the interpreter that SCANNERS names, this one without it, where they are installed
with `pip install picklescan modelscan fickling typing_extensions numpy`; one that is missing is told and left
out. Each runs in a process of its own over all files and answers as its own command does: something found, nothing
found, or the file could not be scanned (failed, skipped or not looked at).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
OTHERS = os.environ.get("SCANNERS", sys.executable)
FOUND, CLEAN, UNSCANNED = "found", "clean", "unscanned"

_LOOP = """
import contextlib, importlib.metadata, io, json, sys, time, warnings
warnings.simplefilter("ignore")
import logging; logging.disable(logging.CRITICAL)
def verdicts(scan):
    answers, begun = {}, time.perf_counter()
    for path in json.load(sys.stdin):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                answers[path] = scan(path)
            except BaseException as error:
                answers[path] = "unscanned"
    return {"answers": answers, "seconds": time.perf_counter() - begun, "version": importlib.metadata.version(NAME)}
"""
_PICKLESCAN = """
from picklescan.scanner import scan_file_path
def scan(path):
    r = scan_file_path(path, strict=STRICT)
    if r.infected_files or r.issues_count or (STRICT and r.suspicious_count):
        return "found"
    return "unscanned" if r.scan_err or not r.scanned_files else "clean"
"""
_MODELSCAN = """
from modelscan.modelscan import ModelScan
def scan(path):
    r = ModelScan().scan(path)
    if r["summary"]["total_issues"]:
        return "found"
    return "unscanned" if r["errors"] or not r["summary"]["scanned"]["total_scanned"] else "clean"
"""
_FICKLING = """
import fickling, zipfile
from fickling.analysis import Severity
def judged(r):
    if r.severity > Severity.LIKELY_SAFE:
        return "unscanned" if r.errors and not r.results else "found"
    return "unscanned" if r.errors else "clean"
def scan(path):
    if not zipfile.is_zipfile(path):
        return judged(fickling.scan_file(path, graceful=True))
    told = {judged(r) for r in fickling.scan_zip_archive(path, graceful=True).values()}
    return next((each for each in ("found", "unscanned", "clean") if each in told), "unscanned")
"""
_OURS = """
from airworthy import inspect
from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Severity
def scan(path):
    try:
        return "found" if inspect(path).blocks(Severity.ERROR) else "clean"
    except AirworthyError:
        return "unscanned"
"""
SCANNERS = {
    "airworthy": (sys.executable, "airworthy", _OURS),
    "picklescan": (OTHERS, "picklescan", "STRICT = False\n" + _PICKLESCAN),
    "picklescan --strict": (OTHERS, "picklescan", "STRICT = True\n" + _PICKLESCAN),
    "modelscan": (OTHERS, "modelscan", _MODELSCAN),
    "fickling": (OTHERS, "fickling", _FICKLING),
}


def run(name: str, paths: list[str]) -> dict[str, object] | None:
    """The answers of one scanner; None where it is not installed."""
    python, package, code = SCANNERS[name]
    program = f"NAME = {package!r}\n{_LOOP}\n{code}\nprint(json.dumps(verdicts(scan)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")} if package == "airworthy" else None
    try:
        done = subprocess.run(
            [python, "-c", program],
            input=json.dumps(paths),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env=environment,
        )
        return json.loads(done.stdout.splitlines()[-1])
    except (OSError, IndexError, ValueError):
        return None


def main() -> None:
    """Write the samples, run the scanners, print the table."""
    sys.path.insert(0, str(ROOT / "tests"))
    import hostile

    bad, good = list(hostile.samples()), list(hostile.benign())
    with tempfile.TemporaryDirectory() as folder:
        classes = {str(hostile.write(sample, Path(folder))): sample[0] for sample in bad + good}
        begun = time.perf_counter()
        results = {name: run(name, list(classes)) for name in SCANNERS}
        elapsed = time.perf_counter() - begun
    present = {name: result for name, result in results.items() if result is not None}
    for name in results.keys() - present.keys():
        print(f"{name}: not installed in {SCANNERS[name][0]}, left out")
    print(f"{len(bad)} hostile samples, {len(good)} benign ones; caught = found or refused as unscannable")
    titles = [f"{name} {result['version']}" for name, result in present.items()]
    widths = [max(len(title), 16) for title in titles]
    print("  ".join(["class".ljust(8), "samples".rjust(7), *(t.rjust(w) for t, w in zip(titles, widths, strict=True))]))
    groups = Counter(classes.values())
    for group in sorted(groups, key=lambda g: (g == "benign", int(g) if g.isdigit() else 0)):
        cells = []
        for result in present.values():
            told = Counter(result["answers"][path] for path, of in classes.items() if of == group)
            count = f"{told[FOUND]}" if group != "benign" else f"{told[CLEAN]} pass"
            cells.append(count + (f" + {told[UNSCANNED]} unscanned" if told[UNSCANNED] else ""))
        print(
            "  ".join(
                [group.ljust(8), f"{groups[group]}".rjust(7), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]
            )
        )
    totals = []
    for result in present.values():
        missed = sum(result["answers"][path] == CLEAN for path, of in classes.items() if of != "benign")
        totals.append(f"{missed} missed")
    print("  ".join(["called clean".ljust(17), *(t.rjust(w) for t, w in zip(totals, widths, strict=True))]))
    speeds = [f"{1000 * result['seconds'] / len(classes):.1f} ms a file" for result in present.values()]
    print("  ".join(["time".ljust(17), *(s.rjust(w) for s, w in zip(speeds, widths, strict=True))]))
    print(f"all in {elapsed:.0f} s")


if __name__ == "__main__":
    main()

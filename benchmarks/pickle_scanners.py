"""Hostile and benign pickles before five scanners side by side.

The hostile ones are those of the tests, by their classes, and pickles at random of which C's unpickler asks for
`os.system` or `eval`. The benign ones are those of the tests, plain values, and every estimator of scikit-learn by
pickle and by joblib, where the interpreter with the others has scikit-learn.

The others are looked for in the interpreter that SCANNERS names, this one without it, where they are installed with
`pip install picklescan modelscan fickling modelaudit typing_extensions scikit-learn joblib`; one that is missing is
reported and left out. Each runs in a process of its own over all files. Its answer is *attack* (its worst verdict),
*told* (a lesser one), *clean*, or *unscanned* (failed, skipped or refused).
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
OTHERS = os.environ.get("SCANNERS", sys.executable)
ATTACK, TOLD, CLEAN, UNSCANNED = "attack", "told", "clean", "unscanned"
AT_RANDOM = 60

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
    if r.infected_files or r.issues_count:
        return "attack"
    if STRICT and r.suspicious_count:
        return "told"
    return "unscanned" if r.scan_err or not r.scanned_files else "clean"
"""
_MODELSCAN = """
from modelscan.modelscan import ModelScan
def scan(path):
    r = ModelScan().scan(path)
    if r["summary"]["total_issues"]:
        return "attack" if r["summary"]["total_issues_by_severity"].get("CRITICAL") else "told"
    return "unscanned" if r["errors"] or not r["summary"]["scanned"]["total_scanned"] else "clean"
"""
_FICKLING = """
import fickling, zipfile
from fickling.analysis import Severity
def judged(r):
    if r.severity > Severity.LIKELY_SAFE:
        if r.errors and not r.results:
            return "unscanned"
        return "attack" if r.severity >= Severity.LIKELY_OVERTLY_MALICIOUS else "told"
    return "unscanned" if r.errors else "clean"
def scan(path):
    if not zipfile.is_zipfile(path):
        return judged(fickling.scan_file(path, graceful=True))
    told = {judged(r) for r in fickling.scan_zip_archive(path, graceful=True).values()}
    return next((each for each in ("attack", "told", "unscanned", "clean") if each in told), "unscanned")
"""
_MODELAUDIT = """
from modelaudit.core import scan_model_directory_or_file
def scan(path):
    r = scan_model_directory_or_file(path, skip_file_types=False, cache_enabled=False)
    severities = {issue.severity.value for issue in r.issues}
    if "critical" in severities:
        return "attack"
    if "warning" in severities:
        return "told"
    return "unscanned" if r.has_errors or not r.success or not r.files_scanned else "clean"
"""
_OURS = """
from airworthy import inspect
from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Severity
def scan(path):
    try:
        r = inspect(path)
    except AirworthyError:
        return "unscanned"
    if any(each.params.get("hostile") for each in r.findings):
        return "attack"
    return "told" if r.blocks(Severity.ERROR) else "clean"
"""
SCANNERS = {
    "airworthy": (sys.executable, "airworthy", _OURS),
    "picklescan": (OTHERS, "picklescan", "STRICT = False\n" + _PICKLESCAN),
    "picklescan --strict": (OTHERS, "picklescan", "STRICT = True\n" + _PICKLESCAN),
    "modelscan": (OTHERS, "modelscan", _MODELSCAN),
    "fickling": (OTHERS, "fickling", _FICKLING),
    "modelaudit": (OTHERS, "modelaudit", _MODELAUDIT),
}
_ESTIMATORS = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import joblib
from sklearn.utils import all_estimators
for name, kind in all_estimators():
    try:
        made = kind()
    except Exception:
        continue
    with open(f"{sys.argv[1]}/sklearn-{name}.pkl", "wb") as file:
        pickle.dump(made, file)
    joblib.dump(made, f"{sys.argv[1]}/sklearn-{name}.joblib")
"""


def run(name: str, paths: list[str]) -> dict[str, object] | None:
    """The answers of one scanner; None where it is not installed."""
    python, package, code = SCANNERS[name]
    program = f"NAME = {package!r}\n{_LOOP}\n{code}\nprint(json.dumps(verdicts(scan)))"
    # One of them reports what it scans to its maker.
    environment = {**os.environ, "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}
    if package == "airworthy":
        environment["PYTHONPATH"] = str(ROOT / "src")
    try:
        done = subprocess.run(
            [python, "-c", program],
            input=json.dumps(paths),
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
            env=environment,
        )
        return json.loads(done.stdout.splitlines()[-1])
    except (OSError, IndexError, ValueError):
        return None


def plain() -> Iterator[tuple[str, bytes]]:
    """Plain values of Python and NumPy by every protocol, under names for them."""
    import array
    import collections
    import datetime as dt
    import decimal
    import operator

    import numpy as np

    values = {
        "range": [range(3), slice(1, 2)],
        "singletons": [None, Ellipsis, NotImplemented, True],
        "exceptions": [ValueError("x"), KeyError, OSError(2, "no")],
        "functions": [len, hash],
        "getter": operator.itemgetter(1),
        "array": array.array("d", [1.0]),
        "dates": [dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc), dt.timedelta(1), dt.date(2024, 1, 2)],
        "numbers": [1, 2**80, 1.5, 1j, decimal.Decimal("1.5")],
        "containers": [collections.OrderedDict(a=1), collections.deque([1]), collections.defaultdict(list), {1, 2}],
        "named": [collections.Counter("hello"), frozenset((1,)), bytearray(b"x")],
        "matrix": np.ones((2, 2)).view(np.matrix),
        "masked": np.ma.masked_array([1, 2], [True, False]),
        "records": np.rec.array([(1, 2.0)], dtype=[("a", "i8"), ("b", "f8")]),
        "objects": np.array([1, "x", None, [2]], dtype=object),
        "scalars": [np.float32(1), np.datetime64("2024-01-01")],
    }
    for name, value in values.items():
        for protocol in range(6):
            yield f"plain-{name}-{protocol}.pkl", pickle.dumps(value, protocol=protocol)


def write(folder: Path) -> dict[str, str]:
    """Write all files; their paths and classes."""
    import hostile
    import hostile_carriers

    samples = [*hostile.samples(), *hostile_carriers.samples(), *hostile_carriers.at_random(AT_RANDOM, sys.executable)]
    classes = {str(hostile.write(sample, folder)): sample[0] for sample in (*samples, *hostile.benign())}
    for name, content in plain():
        (folder / name).write_bytes(content)
        classes[str(folder / name)] = "benign: values"
    subprocess.run([OTHERS, "-c", _ESTIMATORS, folder], capture_output=True, check=False, timeout=600)
    return classes | {str(path): "benign: scikit-learn" for path in folder.glob("sklearn-*")}


def main() -> None:
    """Write the samples, run the scanners, print the tables."""
    sys.path.insert(0, str(ROOT / "tests"))
    with tempfile.TemporaryDirectory() as folder:
        classes = write(Path(folder))
        begun = time.perf_counter()
        results = {name: run(name, list(classes)) for name in SCANNERS}
        elapsed = time.perf_counter() - begun
    present = {name: result for name, result in results.items() if result is not None}
    for name in results.keys() - present.keys():
        print(f"{name}: not installed in {SCANNERS[name][0]}, left out")
    groups = Counter(classes.values())
    good = {group for group in groups if group.startswith("benign")}
    titles = [f"{name} {result['version']}" for name, result in present.items()]
    widths = [max(len(title), 16) for title in titles]

    def row(first: str, count: str, cells: list[str]) -> None:
        print("  ".join([first.ljust(22), count.rjust(7), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]))

    bad = sum(count for group, count in groups.items() if group not in good)
    print(f"{bad} hostile files; found = attack or told, + those that a scanner could not scan")
    row("class", "files", titles)
    for group in sorted(groups.keys() - good, key=int):
        answers = [
            Counter(result["answers"][path] for path, of in classes.items() if of == group)
            for result in present.values()
        ]
        row(group, str(groups[group]), [f"{a[ATTACK] + a[TOLD]} + {a[UNSCANNED]}" for a in answers])
    answers = [
        Counter(result["answers"][path] for path, of in classes.items() if of not in good)
        for result in present.values()
    ]
    row("called clean", str(bad), [str(a[CLEAN]) for a in answers])
    row("not scanned", str(bad), [str(a[UNSCANNED]) for a in answers])
    print(f"\n{len(classes) - bad} benign files; attack / told / not scanned / clean")
    for group in sorted(good):
        answers = [
            Counter(result["answers"][path] for path, of in classes.items() if of == group)
            for result in present.values()
        ]
        row(group, str(groups[group]), [f"{a[ATTACK]} / {a[TOLD]} / {a[UNSCANNED]} / {a[CLEAN]}" for a in answers])
    row("time", "", [f"{1000 * result['seconds'] / len(classes):.1f} ms a file" for result in present.values()])
    print(f"all in {elapsed:.0f} s")


if __name__ == "__main__":
    main()

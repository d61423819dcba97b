"""Files that are what they seem: none may be called an attack, none damaged.

    python benchmarks/benign_files.py [FOLDER ...]

Made here: every estimator of scikit-learn, fitted and not, as pickle and as joblib, and, where PyTorch is installed,
values and state dicts of its types in both of its containers. Read: every file in the folders (the site-packages of
this interpreter where none is named) but programs. Prints counts and each file that is called an attack or damaged; the
exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import sys
import sysconfig
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent / "src")]

from airworthy.artifacts.identify import inspect
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Known
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PICKLE_IMPORTS
from airworthy.knowledge import pickle_actions

_DTYPES: tuple[str, ...] = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
    "complex64",
)
_DTYPES += ("float8_e4m3fn", "float8_e5m2")
WARNINGS = frozenset({"padded", "link", "missing"})
"""Defects that say nothing against the file itself."""


def judged(path: Path) -> tuple[str, str]:
    """`no model`, `clean`, `would import`, `attack` or `damaged`, with what it is called that for."""
    try:
        found = inspect(path)
    except AirworthyError:
        return "no model", ""
    fact = found.facts.fact(MODEL_PICKLE_IMPORTS)
    names = list(fact.value) if isinstance(fact, Known) else []
    acting = [each.name for each in names if not each.allowed and pickle_actions.acts(each.name)]
    if acting:
        return "attack", ", ".join(acting[:3])
    damage = [each for each in found.facts.get_value(MODEL_DEFECTS, ()) if each.kind not in WARNINGS]
    if damage:
        return "damaged", f"{damage[0].kind}: {damage[0].detail}"
    return ("would import" if any(not each.allowed for each in names) else "clean"), ""


def estimators(folder: Path) -> Iterator[Path]:
    """The estimators of scikit-learn, each made with its defaults and fitted where that is quick."""
    try:
        import joblib
        import numpy as np
        from sklearn.utils import all_estimators
    except ImportError:
        return
    chance = np.random.default_rng(0)
    table, labels = np.abs(chance.standard_normal((30, 4))), chance.integers(0, 2, 30)
    for name, kind in all_estimators():
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            made = kind()
            with contextlib.suppress(Exception):
                made.fit(table, labels)
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(made))
            yield folder / f"{name}.pkl"
            joblib.dump(made, folder / f"{name}.joblib")
            yield folder / f"{name}.joblib"


def tensors(folder: Path) -> Iterator[Path]:
    """Values of PyTorch's types, in both containers."""
    try:
        import torch
    except ImportError:
        return
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 4))
    values: dict[str, Any] = {}
    for name in _DTYPES:
        values[f"type-{name}"] = torch.zeros(3, 4).to(getattr(torch, name))
    values |= {"state": net.state_dict(), "parameters": list(net.parameters()), "size": net[0].weight.shape}
    values |= {"turned": torch.zeros(3, 4).T, "view": torch.zeros(9)[2:5], "device": torch.device("cpu")}
    values |= {"sparse": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "dtype": torch.float16}
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Rprop", "ASGD"):
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.01)
        net[0](torch.zeros(2, 4)).sum().backward()
        optimizer.step()
        values[f"optimizer-{name}"] = optimizer.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in values.items():
            for zipped in (True, False):
                path = folder / f"{name}-{'zip' if zipped else 'old'}.pt"
                torch.save(value, path, _use_new_zipfile_serialization=zipped)
                yield path
        for name, module in (
            ("scripted", torch.jit.script(net[0])),
            ("traced", torch.jit.trace(net[0], torch.ones(1, 4))),
        ):
            module.save(str(folder / f"{name}.pt"))
            yield folder / f"{name}.pt"


def installed(folders: list[Path]) -> Iterator[Path]:
    """All files below folders."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in sorted(names) if not name.endswith((".py", ".pyc", ".so")))


def main() -> int:
    """Run, print, and say by the exit status whether a file was called an attack or damaged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    folders = parser.parse_args().folders or [Path(sysconfig.get_path("purelib"))]
    wrong = []
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        for name, paths in (
            ("scikit-learn", estimators(root)),
            ("PyTorch", tensors(root)),
            ("installed", installed(folders)),
        ):
            counts: Counter[str] = Counter()
            packages = set()
            for path in paths:
                verdict, why = judged(path)
                counts[verdict] += 1
                folder = next((each for each in folders if path.is_relative_to(each)), root)
                packages.add((folder, path.relative_to(folder).parts[0]))
                if verdict in ("attack", "damaged"):
                    wrong.append(f"{verdict}: {path}: {why}")
            told = f"files in {len(packages)} packages" if name == "installed" else "files"
            print(f"{name}: {sum(counts.values())} {told}: {dict(counts.most_common())}")
    print(*wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

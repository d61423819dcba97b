"""The classes of the installed Keras beside the table of those that only compute.

    KERAS_BACKEND=numpy python benchmarks/keras_names.py

Prints the classes with `from_config` that are not in the table: each has to be one that acts or takes functions. The
exit status is 1 if another one is among them, or if one that acts is in the table.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent / "src")]
os.environ.setdefault("KERAS_BACKEND", "numpy")

from airworthy.knowledge import keras as known

keras: Any = importlib.import_module("keras")
ACTING = frozenset({"TFSMLayer", "Lambda", "FlaxLayer", "JaxLayer", "TorchModuleWrapper"})
"""Layers that run what a file or a name brings."""
TAKE_FUNCTIONS = frozenset({"AssociativeScan", "ForiLoop", "Map", "Scan", "VectorizedMap", "WhileLoop"})
"""Operations whose configuration holds functions."""
BASES = frozenset({"BackendOptimizer"})
"""Names of classes that are saved under another name."""


def classes() -> set[tuple[str, str]]:
    """Module and name of each class of Keras that a configuration can make."""
    package: Any = importlib.import_module("keras.src")
    for module in pkgutil.walk_packages(package.__path__, "keras.src."):
        if "test" not in module.name:
            try:
                importlib.import_module(module.name)
            except ImportError:  # of a backend that is not installed
                continue
    return {
        (value.__module__, value.__name__)
        for name, module in list(sys.modules.items())
        if name.startswith("keras.src")
        for value in list(vars(module).values())
        if inspect.isclass(value) and value.__module__.startswith("keras.src") and hasattr(value, "from_config")
    }


def main() -> int:
    """Compare, print, and say by the exit status whether the table is right."""
    found = classes()
    left_out = {name for module, name in found if not known.computes(module, name)}
    wrong = left_out - ACTING - TAKE_FUNCTIONS - BASES
    allowed = {name for module, name in found if name in ACTING and known.computes(module, name)}
    print(f"keras {keras.__version__}: {len(found)} classes, {len(left_out)} not in the table: {sorted(left_out)}")
    print(f"not in the table without a reason: {sorted(wrong)}; in it though they act: {sorted(allowed)}")
    return bool(wrong or allowed)


if __name__ == "__main__":
    sys.exit(main())

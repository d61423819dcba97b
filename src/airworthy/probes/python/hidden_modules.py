"""Files in the working directory that Python imports in place of a module by the same name.

`python script.py`, `python -m` and `python -c` look beside the script or in the working directory before everything
else, so that a `random.py` of one's own takes the place of Python's, and the framework that imports it fails.
"""

from __future__ import annotations

import sys

from airworthy.core.facts import Known
from airworthy.core.keys import HIDDEN_MODULES
from airworthy.core.messages import say
from airworthy.core.values import HiddenModule
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.python.distributions import environment
from airworthy.probes.seam.host import Host

PROJECT = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})
"""Files that mark a project's own folder: its package lies there on purpose, by the name that is installed."""
STANDARD_LIBRARY = "the standard library"
_NEVER_MISSED = frozenset({"test", "this", "antigravity", "idlelib", "turtledemo", "lib2to3", "site", "ensurepip"})
"""Modules that no library imports."""


def read(host: Host) -> Reading:
    """Read which names of the working directory hide another module."""
    here = host.resolve(".")
    names = host.list(here)
    paths = [path for path in environment(host).paths if host.resolve(path) != here]
    modules = {module: path for name in names if (module := _module(name)) and (path := _path(host, here, name))}
    found: dict[str, HiddenModule] = {}
    if here in {host.resolve(path) for path in environment(host).paths}:
        modules = {}  # a folder of the interpreter's own
    for module in sorted(modules):
        if module in sys.stdlib_module_names - _NEVER_MISSED - set(sys.builtin_module_names):
            found[module] = HiddenModule(module=module, path=modules[module], hides=say(STANDARD_LIBRARY))
    for path in paths if not PROJECT & set(names) else ():
        installed = set(host.list(path))
        for module in sorted(modules):
            if f"{module}.py" in installed or (module in installed and host.exists(f"{path}/{module}/__init__.py")):
                found.setdefault(module, HiddenModule(module=module, path=modules[module], hides=path))
    yield HIDDEN_MODULES, Known(tuple(found.values()), say("{path} and the import path", path=here))


def _module(name: str) -> str:
    module = name.removesuffix(".py")
    return module if module.isidentifier() and not module.startswith("_") else ""


def _path(host: Host, here: str, name: str) -> str:
    """The file or package; empty where it is neither: a folder without `__init__.py` gives way to any module."""
    if name.endswith(".py"):
        return f"{here}/{name}"
    init = f"{here}/{name}/__init__.py"
    return f"{here}/{name}" if host.exists(init) else ""


PROBE = Probe("hidden-modules", (HIDDEN_MODULES,), read)
"""Modules that the working directory hides."""

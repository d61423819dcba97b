"""The inspected Python interpreter, and its environment's directory."""

from __future__ import annotations

from airworthy.core.facts import Absent, Fact, Known
from airworthy.core.keys import PYTHON_EXECUTABLE, PYTHON_EXTERNALLY_MANAGED, PYTHON_PREFIX, PYTHON_VERSION
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, Interpreter
from airworthy.probes.seam.sharing import shared

MARKER = "EXTERNALLY-MANAGED"
"""The name of the file by which a distribution reserves its Python for its own package manager."""


def read(host: Host) -> Reading:
    """Read the interpreter's facts."""
    python = interpreter(host)
    source = "sys"
    active = host.env("VIRTUAL_ENV")
    if active and host.resolve(active) != host.resolve(python.prefix):
        source = say("sys; VIRTUAL_ENV names another environment, {active}", active=active)
    yield PYTHON_VERSION, Known(Version(python.version), source)
    yield PYTHON_EXECUTABLE, Known(python.executable, source)
    yield PYTHON_PREFIX, Known(python.prefix, source)
    yield PYTHON_EXTERNALLY_MANAGED, _externally_managed(host, python)


def _externally_managed(host: Host, python: Interpreter) -> Fact:
    """The marker of https://peps.python.org/pep-0668/, which lies in the standard library's directory."""
    settings = f"{python.prefix}/pyvenv.cfg"
    if host.exists(settings):
        return Absent(say("{path}: a virtual environment takes installs", path=settings))
    for path in python.paths:
        marker = f"{path}/{MARKER}"
        if host.exists(marker):
            return Known(marker, marker)
    return Absent(say("no {name} beside the standard library", name=MARKER))


def interpreter(host: Host) -> Interpreter:
    """The inspected interpreter, asked once a gathering."""
    return shared(host, _ask)


def _ask(host: Host) -> Interpreter:
    return host.interpreter()


PROBE = Probe("python-environment", (PYTHON_VERSION, PYTHON_EXECUTABLE, PYTHON_PREFIX, PYTHON_EXTERNALLY_MANAGED), read)
"""Version, path and environment of the interpreter."""

"""The CUDA toolkit by its header, and the marker of a Python that refuses installs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.facts import Absent, Known
from airworthy.core.keys import CUDA_TOOLKIT, PYTHON_EXTERNALLY_MANAGED
from airworthy.core.version import Version
from airworthy.probes.accelerators.cuda_toolkit import parse_header
from airworthy.probes.python.distributions import parse_metadata
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter

HEADER = b"#ifndef __cuda_cuda_h__\n/**\n * CUDA API version number\n */\n#define CUDA_VERSION 12040\n"
PYTHON = Interpreter("3.12.3", "/usr/bin/python3", "/usr", ("/usr/lib/python3.12", "/usr/lib/python3/dist-packages"))


def toolkit(host: FakeHost) -> object:
    return gather(host, [PROBES.get("cuda-toolkit")], strict=True).fact(CUDA_TOOLKIT)


def managed(host: FakeHost) -> object:
    return gather(host, [PROBES.get("python-environment")], strict=True).fact(PYTHON_EXTERNALLY_MANAGED)


def test_the_usual_place() -> None:
    host = FakeHost(files={"/usr/local/cuda/include/cuda.h": HEADER})
    assert toolkit(host) == Known(Version("12.4"), "/usr/local/cuda/include/cuda.h")


def test_the_place_that_the_environment_names() -> None:
    host = FakeHost(files={"/opt/cuda-11.8/include/cuda.h": HEADER}, env={"CUDA_HOME": "/opt/cuda-11.8/"})
    assert toolkit(host) == Known(Version("12.4"), "/opt/cuda-11.8/include/cuda.h")


def test_no_toolkit() -> None:
    assert isinstance(toolkit(FakeHost()), Absent)


def test_a_header_without_a_version() -> None:
    assert isinstance(toolkit(FakeHost(files={"/usr/local/cuda/include/cuda.h": b"#pragma once\n"})), Absent)


@given(st.text(max_size=300))
def test_any_text_is_taken_for_a_header(text: str) -> None:
    found = parse_header(text)
    assert found is None or found.major < 1000


def test_a_python_of_the_system() -> None:
    host = FakeHost(files={"/usr/lib/python3.12/EXTERNALLY-MANAGED": b"[externally-managed]\n"}, interpreter=PYTHON)
    marker = "/usr/lib/python3.12/EXTERNALLY-MANAGED"
    assert managed(host) == Known(marker, marker)


def test_a_virtual_environment_of_it_takes_installs() -> None:
    files = {"/usr/lib/python3.12/EXTERNALLY-MANAGED": b"", "/srv/venv/pyvenv.cfg": b"home = /usr/bin\n"}
    inside = PYTHON._replace(prefix="/srv/venv", executable="/srv/venv/bin/python")
    assert isinstance(managed(FakeHost(files=files, interpreter=inside)), Absent)


def test_a_python_of_nobody() -> None:
    assert isinstance(managed(FakeHost(interpreter=PYTHON)), Absent)


def test_the_pythons_that_a_package_is_made_for() -> None:
    text = "Name: vllm\nVersion: 0.8.2\nRequires-Python: <=3.12,>=3.9\nRequires-Dist: torch\n\nRequires-Python: >=2\n"
    assert parse_metadata(text).requires_python == "<=3.12,>=3.9"
    assert parse_metadata("Name: a\nVersion: 1\n").requires_python == ""

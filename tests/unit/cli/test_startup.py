"""Starting is quick: what a verb doesn't need is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

HEAVY = {
    "torch",
    "onnxruntime",
    "numpy",
    "starlette",
    "uvicorn",
    "httptools",
    "tokenizers",
    "prometheus_client",
    "asyncio",
    "rich",
}
CODE = """
import json, sys
from airworthy.cli.main import main
status = main(sys.argv[1:])
print(json.dumps({"status": status, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def _modules(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, timeout=60, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return told["status"], set(told["modules"])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["facts", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    status, modules = _modules(*arguments)
    assert status == 0
    assert not modules & HEAVY


def test_help_imports_no_verb() -> None:
    code = (
        "import sys; from airworthy.cli.main import main; main(['--help']); "
        "print([m for m in sys.modules if m.startswith('airworthy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(eval(done.stdout.splitlines()[-1]))
    assert loaded == {
        "airworthy",
        "airworthy.cli",
        "airworthy.cli.group",
        "airworthy.cli.main",
        "airworthy.cli.verbs",
        "airworthy.core",
        "airworthy.core.errors",
        "airworthy.core.messages",
    }


def test_check_imports_nothing_heavy() -> None:
    status, modules = _modules("check")
    assert status in (0, 1, 4)
    assert not modules & HEAVY


@pytest.mark.slow
def test_help_is_shown_in_a_tenth_of_a_second() -> None:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "airworthy", "--help"], capture_output=True, timeout=60, check=True)
        return time.perf_counter() - started

    assert min(once() for _ in range(5)) < 0.10

"""Models that pass the checks and do not load: real files that ONNX Runtime refuses, and workers that really die."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

import models
from server.running import environment

WORKER = """
import os, sys
if any("airworthy.serve.workers" in each for each in sys.orig_argv):
    {action}
"""
"""A `sitecustomize.py` that acts in worker processes alone."""


def run(verb: str, *arguments: str | Path, format_: str = "text", worker: str = "", folder: Path | None = None) -> Any:
    """Run a verb to its end: its process, with output and errors apart."""
    more: dict[str, str] = {}
    if folder is not None:
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(WORKER.format(action=worker))
        more["PYTHONPATH"] = os.pathsep.join((str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])))
        more["TMPDIR"] = str(folder)
    command = [sys.executable, "-m", "airworthy", verb, *map(str, arguments), "--port", "0", "--format", format_]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(**more), check=False)


def odd_operator(path: Path) -> Path:
    """A graph whose one operator exists nowhere."""
    return models.save_graph(
        path,
        [helper.make_node("NoSuchOperator", ["x"], ["y"])],
        [("x", models.FLOAT, ["batch", 2])],
        [("y", models.FLOAT, ["batch", 2])],
    )


def newer_ir(folder: Path) -> Path:
    return models.linear(folder / "model.onnx", ir=99)


def newer_opset(folder: Path) -> Path:
    return models.opset_too_new(folder / "model.onnx")


def unknown_operator(folder: Path) -> Path:
    return odd_operator(folder / "model.onnx")


def missing_weights(folder: Path) -> Path:
    path = models.external(folder / "model")
    (path.parent / "weights.bin").unlink()
    return path


REFUSED = [
    (newer_ir, "format-version-unsupported", r"99, and (?:onnxruntime \S+|the runtime) reads up to \d\d"),
    (newer_opset, "format-version-unsupported", r"99, and (?:onnxruntime \S+|the runtime) reads up to \d\d"),
    (unknown_operator, "op-not-implemented", "NoSuchOperator has no implementation here"),
    (missing_weights, "shard-missing", "weights.bin"),
]


@pytest.mark.parametrize("verb", ["up", "serve"])
@pytest.mark.parametrize(("make", "cause", "message"), REFUSED)
def test_what_the_runtime_refuses_is_told_by_its_cause(
    tmp_path: Path, verb: str, make: Any, cause: str, message: str
) -> None:
    """The check that would have predicted it is turned off, so that the runtime itself has to refuse the file."""
    model = make(tmp_path)
    done = run(verb, model, "--ignore", cause)
    assert done.returncode == 1, done
    assert f"\nCause\n  {cause}" in done.stdout
    assert re.search(message, re.sub(r"\s+", " ", done.stdout))
    assert "[ONNXRuntimeError]" in done.stdout or "line 1: " in done.stdout, "the runtime's own line is the evidence"
    assert "    -> " in done.stdout, "a remedy stands under it"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("verb", ["up", "serve"])
@pytest.mark.parametrize(
    ("make", "cause"), [(newer_ir, "format-version-unsupported"), (missing_weights, "shard-missing")]
)
def test_json_is_one_object_of_the_checks_and_the_failed_load(tmp_path: Path, verb: str, make: Any, cause: str) -> None:
    model = make(tmp_path)
    done = run(verb, model, "--ignore", cause, format_="json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["verb"]) == (1, verb)
    first = document["findings"][0]
    assert first["cause"] == cause
    assert any("[ONNXRuntimeError]" in str(item["value"]) for item in first["evidence"])
    assert first["remedies"]
    assert [each["outcome"] for each in document["results"] if each["check"] == cause] == ["failed"]
    assert any(each["outcome"] == "passed" for each in document["results"]), "the checks are in the same object"
    failure = document["load_failure"]
    assert (failure["engine"], failure["error"]) == ("onnxruntime", "load-failed")
    assert "[ONNXRuntimeError]" in failure["message"]


def test_a_worker_that_is_killed_while_it_loads_is_told_by_its_signal(tmp_path: Path) -> None:
    """The kernel ends a process that takes too much memory so: without a word."""
    model = models.linear(tmp_path / "line.onnx")
    done = run("up", model, format_="json", worker="os.kill(os.getpid(), 9)", folder=tmp_path)
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [each["cause"] for each in document["findings"]] == ["host-oom", "worker-died"]
    assert document["load_failure"]["exit_status"] == -9
    assert document["findings"][1]["message"] == "the worker of line ended with signal SIGKILL"


def test_a_worker_that_runs_out_of_memory_is_told_so(tmp_path: Path) -> None:
    """The weights are a hole of 4 GiB in a file; the worker may have 1 GB of address space."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 1 << 29], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", str(1 << 32))):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    value_info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "graph",
        [value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [value_info("y", TensorProto.FLOAT, ["batch", 1 << 29])],
        [weight],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    with (tmp_path / "w.bin").open("wb") as stream:
        stream.truncate(1 << 32)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))"
    done = run("up", tmp_path / "model.onnx", "--ignore", "host-oom", worker=limit, folder=tmp_path)
    assert done.returncode == 1, done
    assert "\nCause\n  host-oom" in done.stdout
    assert "    -> " in done.stdout


def test_what_is_not_recognised_is_quoted_with_the_next_step(tmp_path: Path) -> None:
    model = models.linear(tmp_path / "line.onnx")
    action = 'print("zorblatt: flux 0x17 out of phase", flush=True); os._exit(3)'
    done = run("serve", model, worker=action, folder=tmp_path)
    assert done.returncode == 1, done
    assert "zorblatt: flux 0x17 out of phase" in done.stdout, "the worker's own words"
    assert "the worker of line ended with status 3" in done.stdout
    log = re.search(r"-> airworthy diagnose (\S+)", done.stdout)
    assert log is not None, done.stdout
    assert "zorblatt: flux 0x17 out of phase" in Path(log[1]).read_text()
    assert Path(log[1]).stat().st_mode & 0o077 == 0, "others may not read it"
    assert f"-> airworthy inspect {model}" in done.stdout


def test_a_document_is_written_once_the_models_are_loaded(tmp_path: Path) -> None:
    """Not before: a failed load would make a second object of it."""
    from server.running import running

    model = models.linear(tmp_path / "model.onnx")
    with running("up", model, "--format", "json") as service:
        service.stop()
        printed = service.rest()
    document = json.loads(printed[printed.index("{") : printed.rindex("\n}") + 2])
    assert (document["verb"], document["findings"], "load_failure" in document) == ("up", [], False)

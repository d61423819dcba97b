"""`airworthy inspect MODEL --targets …`: the answer, its findings, the words for bad input, the runtime's own word."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

import graphs
import model_files
import models
from airworthy.artifacts.formats.onnx_graph import read_program
from airworthy.cli.main import main
from airworthy.core.finding import Severity
from airworthy.engines import assignment
from airworthy.flows import targets
from airworthy.flows.inspect import inspect
from airworthy.flows.targets import Against, asked
from airworthy.knowledge.operators import TARGETS
from airworthy.report.plain import builtins
from airworthy.report.views.targets import assigned_view
from airworthy.targets.comparison import compare
from airworthy.targets.judge import judge

ROOT = Path(__file__).parents[3]


def test_the_matrix_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(graphs.transformer(tmp_path / "m.onnx"))
    assert main(["inspect", path, "--targets", "cuda,nnapi", "--size", "sequence=16"]) == 0
    told = capsys.readouterr().out
    row = next(line.split() for line in told.splitlines() if line.split()[:1] == ["Erf"])
    assert row == ["Erf", "FP32", "2", "yes", "→cpu"]
    assert "batch = 1, sequence = 16" in told
    assert "nnapi lacks" in told


def test_the_answer_is_complete_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(graphs.convolutional(tmp_path / "m.onnx"))
    assert main(["inspect", path, "--targets", "all", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)["targets"]
    assert [share["target"] for share in answer["shares"]] == list(TARGETS)
    assert {"uses", "shares", "sizes", "arithmetic", "uncounted", "unheld", "beyond"} == set(answer)
    assert answer["beyond"] == ""
    assert sum(use["arithmetic"] for use in answer["uses"]) == answer["arithmetic"] > 0
    assert all(set(use["targets"]) == set(TARGETS) for use in answer["uses"])


def test_what_runs_nowhere_is_an_error_with_its_ways_out(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sin", (graphs.INT64, [2]))
    report = inspect(path, against=Against(("cuda",)))
    finding = next(each for each in report.findings if each.cause == "op-not-implemented")
    assert finding.severity == Severity.ERROR
    assert "Sin" in finding.message
    assert any("FP32" in remedy.why for remedy in finding.remedies)
    assert "looked up" in finding.evidence[0].source


def test_falling_back_is_told_once_a_target(tmp_path: Path) -> None:
    report = inspect(graphs.transformer(tmp_path / "m.onnx"), against=Against(("nnapi", "coreml", "cuda")))
    found = [each for each in report.findings if each.cause == "op-not-implemented"]
    assert sorted(each.subject for each in found) == ["coreml", "nnapi", "nnapi"]
    assert {each.severity for each in found} <= {Severity.INFO, Severity.WARNING}


def test_open_sizes_are_fixed_by_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graphs.transformer(tmp_path / "m.onnx")
    finding = inspect(path, against=Against(("qnn",))).findings[0]
    assert finding.severity == Severity.WARNING
    assert "batch, sequence are open" in finding.message
    monkeypatch.chdir(tmp_path)
    for command in finding.remedies[0].commands:
        words = shlex.split(command)
        subprocess.run([sys.executable, *words[1:]], check=True, timeout=100)
    report = inspect("fixed.onnx", against=Against(("qnn",)))
    assert not report.data["targets"]["shares"][0]["fixed_shapes"]
    assert all("are open" not in each.message for each in report.findings)


def test_without_targets_nothing_is_held(tmp_path: Path) -> None:
    report = inspect(graphs.one(tmp_path / "m.onnx", "Sin", (graphs.INT64, [2])))
    assert "targets" not in report.data
    assert not report.findings


def test_a_pytorch_program_is_held_against_dispatch_keys(tmp_path: Path) -> None:
    report = inspect(model_files.exported(tmp_path / "m.pt2"), against=Against(("cpu", "mps", "qnn")))
    answer = report.data["targets"]
    assert [use["operator"] for use in answer["uses"]] == ["linear.default"]
    assert answer["unheld"] == ["qnn"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--targets", "cuda,gpu"], "there is no target named 'gpu'"),
        (["--targets", "cpu", "--size", "batch"], "'batch' is no size"),
        (["--targets", "cpu", "--size", "batch=0"], "'batch=0' is no size"),
        (["--targets", "cpu", "--size", "batch=99999999999999"], "is no size"),
    ],
)
def test_what_cannot_be_asked_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["inspect", str(models.linear(tmp_path / "m.onnx")), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_weights_alone_have_no_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = models.safetensors(tmp_path / "m.safetensors", {"w": models.LINEAR_WEIGHT})
    assert main(["inspect", str(path), "--targets", "cpu"]) == 2
    assert "holds no graph that can be checked on targets" in capsys.readouterr().err


def test_a_damaged_graph_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = graphs.convolutional(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:1000])
    assert main(["inspect", str(path), "--targets", "cpu"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("make", [graphs.convolutional, graphs.transformer])
def test_the_runtime_assigns_what_was_judged(tmp_path: Path, make: Any) -> None:
    report = inspect(make(tmp_path / "m.onnx"), against=Against(("cpu",), ask_runtime=True))
    nodes = report.data["assigned"]["nodes"]
    uses = report.data["targets"]["uses"]
    assert len(nodes) == sum(use["nodes"] for use in uses)
    assert {node["provider"] for node in nodes} == {"CPUExecutionProvider"}
    for use in uses:
        same = [node for node in nodes if node["operator"] == use["operator"]]
        assert len(same) == sum(each["nodes"] for each in uses if each["operator"] == use["operator"])
        assert use["targets"]["cpu"]["verdict"] == "runs"
    assert report.data["assigned"]["agreeing"] == len(nodes)
    assert all(row["judged"] == row["assigned"] for row in report.data["assigned"]["compared"])


def test_differences_from_the_runtime_are_shown(tmp_path: Path) -> None:
    matrix = judge(read_program(graphs.convolutional(tmp_path / "m.onnx")), ("nnapi",))
    nodes = [{"domain": "", "operator": "Conv", "provider": "CPUExecutionProvider"}]
    nodes += [{"domain": "", "operator": "Cast", "provider": "CPUExecutionProvider"}]
    rows = compare(matrix, "nnapi", "NnapiExecutionProvider", nodes)
    told = {row.operator: (row.judged, row.assigned, row.agreeing) for row in rows}
    assert told["Conv"] == ({"NnapiExecutionProvider": 4}, {"CPUExecutionProvider": 1}, 0)
    assert told["Cast"] == ({}, {"CPUExecutionProvider": 1}, 0)
    shown = "\n".join(
        text
        for each in assigned_view(
            {
                "version": "1.0",
                "nodes": nodes,
                "target": "nnapi",
                "agreeing": 0,
                "compared": builtins(rows),
            }
        )
        for text, _ in each.pieces
    )
    assert "Nnapi 4" in shown


def test_a_model_that_the_runtime_refuses_is_told(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sin", (graphs.INT64, [2]))
    assert "problem" in assignment.assignment(str(path))
    report = inspect(path, against=Against(("cpu",), ask_runtime=True))
    assert "Sin" in report.data["assigned"]["problem"]


def test_the_runtime_is_asked_about_a_set_newer_than_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sin", (graphs.FLOAT, [2]), opset=18)
    assert "assigned" not in inspect(path, against=Against(("cpu",))).data
    monkeypatch.setattr("airworthy.knowledge.operators.newest_opset", lambda: 17)
    data = inspect(path, against=Against(("cpu",))).data
    assert {use["targets"]["cpu"]["verdict"] for use in data["targets"]["uses"]} == {"unknown"}
    assert {node["provider"] for node in data["assigned"]["nodes"]} == {"CPUExecutionProvider"}


def test_a_runtime_that_hangs_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "hangs"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(targets, "SECONDS", 0.3)
    model = inspect(models.linear(tmp_path / "m.onnx"), against=Against(("cpu",), ask_runtime=True))
    assert "did not answer" in model.data["assigned"]["problem"]


def test_a_runtime_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    report = inspect(models.linear(tmp_path / "m.onnx"), against=Against(("cpu",), ask_runtime=True))
    assert "ended with status 1" in report.data["assigned"]["problem"]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    report = inspect(models.linear(tmp_path / "m.onnx"), against=Against(("cpu",), ask_runtime=True))
    assert "could not be started" in report.data["assigned"]["problem"]


def test_the_child_bounds_its_memory(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import resource
        from airworthy.engines.assignment import ROOM, limit
        limit(1000)
        assert resource.getrlimit(resource.RLIMIT_AS) == (3000 + ROOM,) * 2
    """)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_all_names_and_doubles() -> None:
    assert asked("all", (), False).targets == TARGETS
    assert asked("CPU, cuda,cpu", ("batch=2",), True) == Against(("cpu", "cuda"), {"batch": 2}, True)


def test_tables_agree_with_the_installed_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of operators, forms and types, one node each: the runtime makes a session of what is judged to run.

    `benchmarks/operators.py` holds all of them and prints what differs.
    """
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import importlib

    benchmark = importlib.import_module("operators")
    agreeing, held, _, differences = benchmark.agreement(every=17)
    assert held > 150
    assert agreeing / held > 0.98, differences


def test_an_operator_of_a_set_newer_than_the_tables_is_open(tmp_path: Path) -> None:
    def verdicts(opset: int) -> set[str]:
        path = models.save_graph(
            tmp_path / "m.onnx",
            [helper.make_node("OperatorOfTheFuture", ["x"], ["y"])],
            [("x", models.FLOAT, ["batch", 2])],
            [("y", models.FLOAT, ["batch", 2])],
            opset=opset,
        )
        (use,) = judge(read_program(path), ("cpu", "cuda")).uses
        return {cell.verdict for cell in use.targets.values()}

    assert verdicts(99) == {"unknown"}
    assert verdicts(17) == {"missing"}


def test_an_operator_set_newer_than_the_tables_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(models.linear(tmp_path / "m.onnx", opset=99))
    main(["inspect", path, "--targets", "cpu", "--format", "json"])
    beyond = json.loads(capsys.readouterr().out)["targets"]["beyond"]
    assert "may not hold for operator set 99" in beyond
    main(["inspect", path, "--targets", "cpu"])
    assert "operator set 99" in capsys.readouterr().out

"""The tool that refreshes knowledge tables: on excerpts in each publisher's layout, and on pages that hold nothing."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.knowledge.tables import read_table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import tables

        yield tables
    finally:
        sys.path.remove(str(ROOT / "tools"))


RELEASE_NOTES = """
<p>2. <table class="docutils"><thead>
<tr><th rowspan="2">CUDA Toolkit</th><th colspan="2">Toolkit Driver Version</th></tr></thead>
</table>
<table><thead><tr class="row-odd"><th class="head"><p>CUDA Toolkit</p></th><th><p>Linux x86_64 Driver Version</p></th>
<th><p>Windows x86_64 Driver Version</p></th></tr></thead><tbody>
<tr><td><p>CUDA 99.1 Update 1</p></td><td><p>&gt;=990.48.01</p></td><td><p>N/A</p></td></tr>
<tr><td><p>CUDA 12.9 GA</p></td><td><p>&gt;=575.51.03</p></td><td><p>&gt;=576.02</p></td></tr>
<tr><td><p>CUDA 10.2.89</p></td><td><p>&gt;= 440.33</p></td><td><p>&gt;= 441.22</p></td></tr>
</tbody></table>
"""
FLOORS = """
| CUDA Toolkit | Linux x86_64 Minimum Required Driver Version | Windows Minimum Required Driver Version |
|---|---|---|
| CUDA 99.x | >= 990 | >= 990 |
| CUDA 12.x | >=525.60.13 | >=528.33 |
"""
MATRIX = """
<table><tr><th>Architecture</th><th>CUDA Capability</th><th>First CUDA Toolkit Support</th>
<th>Last CUDA Toolkit Support</th><th>Last Driver Support</th></tr>
<tr><td>Next</td><td>99.0<br>99.1</td><td>CUDA 99.0<br>CUDA 99.2</td><td>Ongoing<br>Ongoing</td><td>Ongoing</td></tr>
<tr><td>Pascal</td><td>6.0<br/>6.1</td><td>CUDA 8.0</td><td>CUDA 12.x<br>CUDA 12.x</td><td>R580</td></tr></table>
"""
DEVICES = """
<table><tr><th>Compute Capability</th><th>Data Center</th><th>Workstation/Consumer</th><th>Jetson</th></tr>
<tr><td>99.0</td><td>NVIDIA X1000<br>NVIDIA X900</td><td>NVIDIA RTX PRO 9 Next<br>GeForce RTX 9090</td><td></td></tr>
<tr><td>8.9</td><td>NVIDIA L4<br>NVIDIA L40</td><td>GeForce RTX 4090</td><td></td></tr></table>
"""
ASCEND = """
| TorchNPU package version | GitCode branch | PyTorch version | CANN version |
| --- | --- | --- | --- |
| 99.1.0 | v99.1.0-40.0.0 | 99.1.0 | CANN 20.0.0 |
| 2.12.0 | v2.12.0-26.1.0 | 2.12.0 | CANN 9.1.0 |
"""
ROCM = """
<table><tr><th>KMD</th><th>Tested user space versions</th></tr>
<tr><td>99.0.x</td><td>98.2.x, 99.0.x, 98.10.x</td></tr><tr><td>6.3.x</td><td>6.1.x, 6.2.x, 6.3.x</td></tr></table>
"""
VISION = """
| `torch`            | `torchvision`      | Python              |
| ------------------ | ------------------ | ------------------- |
| `main` / `nightly` | `main` / `nightly` | `>=3.10`, `<=3.14`  |
| `99.0`             | `88.0`             | `>=3.10`, `<=3.14`  |
| `2.1`              | `0.16`             | `>=3.8`, `<=3.11`   |
"""
ABI = "<li>GCC 13.2.0: GLIBCXX_3.4.32, CXXABI_1.3.14</li><li>GCC 99.1.0: GLIBCXX_3.4.99, CXXABI_1.3.99</li>"
ONNX = """
<table><tr><th>ONNX Runtime release version</th><th>ONNX release version</th><th>ONNX opset version</th>
<th>ONNX ML opset version</th><th>Supported ONNX IR version</th></tr>
<tr><td>99.0</td><td>9.9 down to 1.2</td><td>99</td><td>9</td><td>98</td></tr>
<tr><td>1.20.1</td><td>1.16 down to 1.2</td><td>21</td><td>5</td><td>10</td></tr></table>
"""
TORCH = """
| PyTorch version | Python | C++ | Stable CUDA |
| --- | --- | --- | --- |
| 99.0 | >=3.30, <=3.33 | C++20 | CUDA 99.0 |
| 2.5 | >=3.9, <=3.12, (3.13 experimental) | C++17 | CUDA 11.8 |
"""
TENSORFLOW = """
<table><tr><th>Version</th><th>Python version</th><th>Compiler</th><th>Build tools</th></tr>
<tr><td>tensorflow-99.0.0</td><td>3.30-3.33</td><td>Clang 30</td><td>Bazel 9</td></tr></table>
<table><tr><th>Version</th><th>Python version</th><th>Compiler</th><th>Build tools</th><th>cuDNN</th><th>CUDA</th></tr>
<tr><td>tensorflow-99.1.0</td><td>3.30-3.33</td><td>Clang 30</td><td>Bazel 9</td><td>15.1</td><td>20.2</td></tr>
<tr><td>tensorflow-99.0.0</td><td>3.30-3.33</td><td>Clang 30</td><td>Bazel 9</td><td>15.0</td><td>20.0</td></tr>
<tr><td>tensorflow-2.15.0</td><td>3.9-3.11</td><td>Clang 16</td><td>Bazel 6</td><td>8.9</td><td>12.2</td></tr>
</table>
"""
TYPES = """__version__ = "99.0.0"
CONFIG_MAPPING_NAMES = OrderedDict(
    [
        # Add configs here
        ("bert", "BertConfig"),
        ("never-seen", "NeverSeenConfig"),
    ]
)
"""


def wheels(*names: str, requires: str = ">=3.9") -> list[dict[str, Any]]:
    return [{"filename": name, "requires_python": requires, "yanked": False} for name in names]


INDEX = json.dumps(
    {
        "info": {"name": "ONNXRuntime"},
        "releases": {
            "1.20.1": wheels(*(f"onnxruntime-1.20.1-cp{p}-cp{p}-win_amd64.whl" for p in ("310", "312", "313"))),
            "99.0.0": wheels("onnxruntime-99.0.0-cp330-cp330-win_amd64.whl"),
            "99.0.1": wheels("onnxruntime-99.0.1-cp38-abi3-win_amd64.whl", requires=">=3.31,<3.35"),
            "99.1.0.dev3": wheels("onnxruntime-99.1.0.dev3-cp340-cp340-win_amd64.whl"),
            "98.0.0": [{"filename": "onnxruntime-98.0.0-cp399-cp399-any.whl", "yanked": True}],
        },
    }
)
PAGES: dict[tuple[str, str, str], tuple[str, str, int]] = {
    ("cuda_drivers", "shipped", ""): (RELEASE_NOTES, "+ toolkit=99.1.1  linux=990.48.01\n", 1),
    ("cuda_drivers", "floor", ""): (FLOORS, "+ major=99  linux=990  windows=990\n", 1),
    ("cuda_architectures", "capability", ""): (MATRIX, "+ capability=99.1  first=99.2\n", 2),
    ("devices", "device", ""): (DEVICES, "kind=geforce  capability=99.0  names=['RTX 9090']\n", 3),
    ("ascend", "pair", ""): (ASCEND, "+ torch_npu=99.1.0  torch=99.1.0  cann=20.0.0\n", 1),
    ("rocm_drivers", "driver", ""): (ROCM, "+ driver=99.0  oldest=98.2  newest=99.0\n", 1),
    ("torch_companions", "companion", ""): (VISION, "+ package=torchvision  version=88.0  torch=99.0\n", 1),
    ("libstdcxx", "release", ""): (ABI, "+ glibcxx=3.4.99  cxxabi=1.3.99  gcc=99.1.0\n", 1),
    ("onnx", "onnxruntime", ""): (ONNX, "+ release=99.0  ir=98  opset=99\n", 1),
    ("python_support", "support", "RELEASE.md"): (TORCH, "since=99.0  until=99.0  lowest=3.30  highest=3.33\n", 1),
    ("python_support", "support", "tensorflow.org"): (TENSORFLOW, "since=99.0  until=99.1  lowest=3.30", 1),
    ("python_support", "support", "pypi/onnxruntime/"): (
        INDEX,
        "since=99.0  until=99.0  lowest=3.30  highest=3.34\n",
        1,
    ),
    ("gpu_needs", "need", ""): (TENSORFLOW, "package=tensorflow  since=99.0  until=99.1  cuda=20  cudnn=15\n", 1),
    ("model_types", "release", ""): (TYPES, "+ version=99.0.0  types=['never-seen']\n", 1),
}
"""Excerpts in the layout of each page, by table, section and page: numbers of releases that never will be beside
one that the table has; what the difference has to say, and how many rows are new."""


@pytest.fixture
def data(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tables, which the tool takes for the product's."""
    for path in Path(str(files("airworthy.knowledge") / "data")).glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(tool, "DATA", tmp_path)
    return tmp_path


def asked(case: tuple[str, str, str], saved: Path, *more: str) -> list[str]:
    table, section, page = case
    return [table, "--section", section, "--page", page, "--from", str(saved), *more]


@pytest.mark.parametrize("case", PAGES, ids="-".join)
def test_what_a_page_says_beyond_the_table(
    case: tuple[str, str, str], tool: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, line, fresh = PAGES[case]
    saved = data / "page"
    saved.write_text(text)
    before = (data / f"{case[0]}.toml").read_text()
    assert tool.main(asked(case, saved)) == 1
    shown = capsys.readouterr().out
    assert line in shown
    assert f"{fresh} new, 0 changed" in shown
    assert (data / f"{case[0]}.toml").read_text() == before
    # Written, the table says what the page says; everything else of it is as it was.
    assert tool.main(asked(case, saved, "--write")) == 0
    capsys.readouterr()
    assert tool.main(asked(case, saved)) == 0
    assert "0 new, 0 changed" in capsys.readouterr().out
    after = (data / f"{case[0]}.toml").read_text()
    comments = [each for each in before.splitlines() if each.startswith("#")]
    assert [each for each in after.splitlines() if each.startswith("#")] == comments
    old, new = tool.tomllib.loads(before), tool.tomllib.loads(after)
    assert len(new[case[1]]) == len(old[case[1]]) + fresh
    stripped = [{name: value for name, value in row.items() if name != "checked"} for row in new[case[1]]]
    for row in old[case[1]]:
        assert {name: value for name, value in row.items() if name != "checked"} in stripped
    assert {name: rows for name, rows in new.items() if name != case[1]} == {
        name: rows for name, rows in old.items() if name != case[1]
    }


def test_a_row_that_says_otherwise_is_changed_in_place(
    tool: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = data / "page"
    saved.write_text(ASCEND.replace("| 2.12.0 | CANN 9.1.0", "| 2.11.9 | CANN 9.1.0"))
    case = ("ascend", "pair", "")
    assert tool.main(asked(case, saved, "--write")) == 0
    shown = capsys.readouterr().out
    assert "- torch_npu=2.12.0  torch=2.12.0  cann=9.1.0\n+ torch_npu=2.12.0  torch=2.11.9  cann=9.1.0\n" in shown
    (row,) = [r for r in tool.tomllib.loads((data / "ascend.toml").read_text())["pair"] if r["torch_npu"] == "2.12.0"]
    assert row["torch"] == "2.11.9"


@pytest.mark.parametrize("case", PAGES, ids="-".join)
@pytest.mark.parametrize(
    "text", ["", "<html><p>Moved.</p>", "<table><tr><td>1</td></tr>", '{"releases": []}', "\0\xff"]
)
def test_another_page_is_one_error_and_changes_nothing(
    case: tuple[str, str, str], text: str, tool: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = data / "page"
    saved.write_text(text)
    before = (data / f"{case[0]}.toml").read_bytes()
    assert tool.main(asked(case, saved, "--write")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert (data / f"{case[0]}.toml").read_bytes() == before


def test_a_page_that_is_not_there(tool: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["ascend", "--from", str(data / "none")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert tool.main(["python_support", "--from", str(data / "none")]) == 2
    assert "say which with --page" in capsys.readouterr().err
    assert tool.main(["no_such_table"]) == 2
    assert "--list" in capsys.readouterr().err


def test_standard_input(
    tool: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ASCEND.encode())))
    assert tool.main(["ascend", "--from", "-"]) == 1
    assert "1 new, 0 changed, 1 confirmed" in capsys.readouterr().out


def test_a_write_that_fails_leaves_the_table_whole(
    tool: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = data / "page"
    saved.write_text(ASCEND)
    before = (data / "ascend.toml").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        tool.main(["ascend", "--from", str(saved), "--write"])
    assert (data / "ascend.toml").read_bytes() == before
    assert not list(data.glob(".ascend*"))


def test_every_section_of_every_table_has_a_page_or_says_why_not(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {
        (path.name.removesuffix(".toml"), section)
        for path in (files("airworthy.knowledge") / "data").iterdir()
        if path.name.endswith(".toml")
        for section in read_table(path.name.removesuffix(".toml"))
    }
    paged = {(table, section) for table, sections in tool.SOURCES.items() for section in sections}
    assert not paged & set(tool.BY_HAND)
    assert paged | set(tool.BY_HAND) == there
    assert {(table, section) for table, section, _ in PAGES} == paged
    assert tool.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{table}.{section}: " in listed for table, section in there)
    assert tool.main(["xids"]) == 0
    assert "by hand, from https://docs.nvidia.com" in capsys.readouterr().out


SCRAPS = st.sampled_from(
    [
        "<table>",
        "</table>",
        "<tr>",
        "</tr>",
        '<td rowspan="3">',
        '<td colspan="9999999">',
        "</td>",
        "| a | b |\n",
        "|-|-|\n",
        "7.5",
    ]
)


@given(st.lists(SCRAPS | st.text(max_size=20), max_size=60).map("".join))
def test_any_page(tool: ModuleType, text: str) -> None:
    from refresh.reader import PageError, tables

    try:
        for table in tables(text):
            assert all(len(row) == len(table.head) for row in table.rows)
    except PageError:
        pass
    for sections in tool.SOURCES.values():
        for sources in sections.values():
            for source in sources:
                with pytest.raises(PageError):
                    source.read(text)

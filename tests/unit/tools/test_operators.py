"""The tool that makes the tables of operators, on short excerpts of what it reads."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
GIVEN = argparse.Namespace(version="1", source="https://example.org", checked="2026-01-02")

KERNELS = """\
## Operators implemented by CPUExecutionProvider

| Op Name | Parameters | OpSet Version | Types Supported |
|---------|------------|---------------|-----------------|
|**Operator Domain:** *ai.onnx*||||
|Add|*in* A:**T**<br> *in* B:**T**<br> *out* C:**T**|14+|**T** = tensor(double), tensor(float)|
|||13|**T** = tensor(float)|
|||[7, 12]|**T** = tensor(float)|
|ArgMax|*in* data:**T**<br> *out* reduced:**tensor(int64)**|13+|**T** = tensor(float16)|
|Clip|*in* input:**T**<br> *in* min:**T**<br> *out* output:**T**<br><br>or<br><br>*in* input:**T**<br> *out* output:**T**|13+|**T** = tensor(float)|
| |
| |
|**Operator Domain:** *com.microsoft*||||
|Gelu|*in* X:**T**<br> *out* Y:**T**|1+|**T** = tensor(float)|

## Operators implemented by CUDAExecutionProvider

|**Operator Domain:** *ai.onnx*||||
|SequenceAt|*in* s:**S**<br> *in* p:**I**<br> *out* t:**T**|11+|**I** = tensor(int32)<br/> **S** = seq(tensor(float))|
"""  # noqa: E501 - rows of a published table


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_operators", ROOT / "tools" / "operators.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "schemas.json").write_bytes((module.DATA / "schemas.json").read_bytes())
    monkeypatch.setattr(module, "DATA", tmp_path)
    return module


def types(table: Any, domain: str, operator: str) -> list[tuple[int, int, dict[str, list[str]]]]:
    rows = table.operators[domain][operator]["k"]
    return [(since, until, {var: table.sets[number] for var, number in told.items()}) for since, until, told in rows]


def test_the_page_of_kernels_is_read(tool: ModuleType) -> None:
    cpu, cuda = tool.kernels(KERNELS, GIVEN)
    assert (cpu.head["target"], cuda.head["target"]) == ("cpu", "cuda")
    assert types(cpu, "", "Add") == [
        (14, 0, {"T": ["FP32", "FP64"]}),
        (13, 13, {"T": ["FP32"]}),
        (7, 12, {"T": ["FP32"]}),
    ]
    assert cpu.operators[""]["Add"]["p"] == ["T,T>T"]
    assert cpu.operators[""]["ArgMax"]["p"] == ["T>INT64"]
    assert cpu.operators[""]["Clip"]["p"] == ["T,T>T", "T>T"]
    assert types(cpu, "com.microsoft", "Gelu") == [(1, 0, {"T": ["FP32"]})]
    assert types(cuda, "", "SequenceAt") == [(11, 0, {"I": ["INT32"], "S": ["SEQ"]})]


def test_the_parsers_page_is_read(tool: ModuleType) -> None:
    page = (
        "TensorRT 10.0 supports operators in the inclusive range of opset 9 to opset 20.\n"
        "| Operator | Supported | Supported Types | Restrictions |\n|---|---|---|---|\n"
        "| Abs | Y | FP32, FP16 |\n| Det | N          |\n| ConstantOfShape | Y | FP32, INF64 | |\n"
    )
    table = tool.tensorrt(page, GIVEN)
    assert table.head["opsets"] == [9, 20]
    assert types(table, "", "Abs") == [(1, 0, {"*": ["FP16", "FP32"]})]
    assert types(table, "", "ConstantOfShape") == [(1, 0, {"*": ["FP32", "INT64"]})]
    assert "Det" not in table.operators[""]


def test_lists_of_names_are_read(tool: ModuleType) -> None:
    text = '    {"Abs", V_2020_4, {"CPU", "GPU"}},\n    {"DequantizeLinear", V_2024_4, {"NPU"}},\n'
    text += '    // {"Sin", V_1_1, {"CPU"}}\n'
    assert set(tool.names("openvino", text, GIVEN).operators[""]) == {"Abs"}
    text = '  CreateConvOpBuilder("Conv", op_registrations);\n    CreateGeluOpBuilder("Gelu", *this);\n'
    assert set(tool.names("qnn", text, GIVEN).operators[""]) == {"Conv", "Gelu"}
    assert set(tool.names("qnn", text, GIVEN).operators["com.microsoft"]) == {"Gelu"}
    text = '"RandomName"; cann_supported_ops = {\n "Abs", "Xor"};\n "After",'
    assert set(tool.names("cann", text, GIVEN).operators[""]) == {"Abs", "Xor"}
    text = 'mode = {"constant"};\n  static std::set<std::string> mgx_supported_ops = {"Abs",\n     "Xor"};\n'
    assert set(tool.names("rocm", text, GIVEN).operators[""]) == {"Abs", "Xor"}


def test_registered_kernels_are_read(tool: ModuleType) -> None:
    text = (
        "class ONNX_OPERATOR_VERSIONED_KERNEL_CLASS_NAME(kWebGpuExecutionProvider, kOnnxDomain, 6, 12, Abs);\n"
        "class ONNX_OPERATOR_KERNEL_CLASS_NAME(kWebGpuExecutionProvider, kOnnxDomain,\n 13, Abs);\n"
        "class ONNX_OPERATOR_KERNEL_CLASS_NAME(kWebGpuExecutionProvider, kMSInternalNHWCDomain, 11, Conv);\n"
        "// class ONNX_OPERATOR_KERNEL_CLASS_NAME(kWebGpuExecutionProvider, kMSDomain, 1, MoE);\n"
        "  Register(CreateCastKernelInfo<6, 8>(x));\n  Register(CreateCastKernelInfo<23>(x));\n"
    )
    table = tool.registered("webgpu", text, GIVEN)
    assert [row[:2] for row in types(table, "", "Abs")] == [(6, 12), (13, 0)]
    assert [row[:2] for row in types(table, "", "Cast")] == [(6, 8), (23, 0)]
    assert set(table.operators) == {""}


def test_dispatch_keys_are_read(tool: ModuleType) -> None:
    text = (
        "- func: relu(Tensor self) -> Tensor\n  dispatch:\n    CPU, CUDA: relu\n    MPS: relu_mps\n"
        "- func: add.Tensor(Tensor self) -> Tensor\n  structured_delegate: add.out\n"
        "- func: add.out(Tensor self) -> Tensor\n  structured: True\n  ufunc_inner_loop:\n    Generic: add (Bool)\n"
        "  dispatch:\n    SparseCPU: add_sparse\n    MPS: add_mps\n"
        "- func: dropout(Tensor input) -> Tensor\n  tags: maybe_aliasing\n"
        "- func: eye(int n) -> Tensor\n  dispatch:\n    CompositeExplicitAutograd: eye\n"
    )
    rows = json.loads(tool.torch(text, GIVEN))["operators"]["aten"]
    assert rows == {"relu": "cgm", "add.Tensor": "cgm", "add.out": "cgm", "dropout": "*", "eye": "*"}


def test_a_table_is_written_with_its_source(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(KERNELS)
    status = tool.main(
        ["kernels", str(page), "--version", "9", "--source", "https://example.org", "--checked", "2026-01-02"]
    )
    assert status == 0
    written = json.loads((tmp_path / "cpu.json").read_text())
    assert (written["version"], written["source"], written["checked"]) == ("9", "https://example.org", "2026-01-02")
    assert "cuda.json" in capsys.readouterr().out


def test_the_installed_libraries_give_the_tables_that_are_kept(tool: ModuleType) -> None:
    """The schemas that are kept hold every form that the installed onnx knows, as it knows it."""
    import onnx
    import onnxruntime

    document = json.loads((ROOT / "src/airworthy/knowledge/data/operators/schemas.json").read_text())
    installed = f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}"
    if document["version"] != installed:
        pytest.skip(f"the table is of {document['version']}, installed is {installed}")
    kept = document["operators"]
    made = json.loads(tool.schemas(GIVEN))["operators"]
    for domain, rows in made.items():
        for name, forms in rows.items():
            assert [form for form in forms if form not in kept[domain].get(name, [])] == [], name

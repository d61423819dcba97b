"""Makes the tables of operators per target under `knowledge/data/operators/` from what their makers publish.

python tools/operators.py kernels    OperatorKernels.md  --version V --source URL   cpu, cuda, directml
python tools/operators.py registry   --version V --source URL     cpu, from the installed onnxruntime's own registry
python tools/operators.py tensorrt   operators.md        --version V --source URL
python tools/operators.py names TARGET FILE              --version V --source URL   a list in a provider's source
python tools/operators.py registered TARGET FILE ...     --version V --source URL   kernel classes in its source
python tools/operators.py torch      native_functions.yaml --version V --source URL
python tools/operators.py schemas    --version V --source URL     from the installed onnx and onnxruntime

Each table says where it is from, of which version, and the day of the look-up. Only facts are taken over: names,
versions and types.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "src/airworthy/knowledge/data/operators"

DATATYPES = {
    "float": "FP32",
    "double": "FP64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "string": "BYTES",
    "bool": "BOOL",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (2, 4, 8, 16, 32, 64)},
    "complex64": "COMPLEX64",
    "complex128": "COMPLEX128",
}
"""Element types as ONNX spells them → our names; others are written in capitals."""
_CPP = {"int32_t": "INT32", "int64_t": "INT64", "MLFloat16": "FP16", "float": "FP32", "double": "FP64", "bool": "BOOL"}
_CPP |= {f"{sign}int{bits}_t": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_PROVIDERS = {
    "CPUExecutionProvider": "cpu",
    "CUDAExecutionProvider": "cuda",
    "DmlExecutionProvider": "directml",
}
_TRT = {"FP32", "FP16", "BF16", "INT32", "INT64", "INT8", "UINT8", "INT4", "FP8", "BOOL", "DOUBLE"}
_TRT_ODD = {"INF64": "INT64", "DOUBLE": "FP64", "FP8": "FLOAT8E4M3FN"}
_ALL = ["BOOL", "FP16", "FP32", "INT32", "INT64", "INT8", "UINT8"]
# What a provider takes as a whole, where its list tells names alone; each from its own `IsTypeSupported` or likeness.
_WIDE: dict[str, dict[str, Any]] = {
    "tensorrt": {"provider": "TensorrtExecutionProvider", "falls_to": ["cuda", "cpu"], "opsets": [9, 20]},
    "openvino": {
        "provider": "OpenVINOExecutionProvider",
        "types": [*_ALL, "INT16", "INT4", "UINT16", "UINT32", "UINT4"],
    },
    "rocm": {
        "provider": "MIGraphXExecutionProvider",
        "types": sorted({*DATATYPES.values()} - {"BYTES", "COMPLEX64", "COMPLEX128", "INT2", "UINT2"}),
    },
    "cann": {
        "provider": "CANNExecutionProvider",
        "types": [*_ALL, "FP64", "INT16", "UINT16", "UINT32", "UINT64"],
        "opsets": [8, 0],
    },
    "coreml": {"provider": "CoreMLExecutionProvider", "types": ["FP16", "FP32", "INT32", "INT64"]},
    "nnapi": {"provider": "NnapiExecutionProvider", "types": ["FP32", "INT32", "INT8", "UINT8"], "fixed_shapes": True},
    "qnn": {
        "provider": "QNNExecutionProvider",
        "types": [*_ALL, "INT16", "UINT16", "UINT32", "INT4"],
        "fixed_shapes": True,
    },
    "webgpu": {"provider": "WebGpuExecutionProvider", "types": ["FP16", "FP32", "INT32", "UINT32", "BOOL", "INT64"]},
    "cpu": {"provider": "CPUExecutionProvider", "falls_to": []},
    "cuda": {"provider": "CUDAExecutionProvider"},
    "directml": {"provider": "DmlExecutionProvider"},
}
# What a provider asks of a node beyond its name and types, where its page says so: the axes of the first input, and
# inputs that have to be constant, by number. From coreml_supported_mlprogram_ops.md, nnapi_supported_ops.md (both in
# tools/ci_build/github of ONNX Runtime) and onnx-tensorrt's operators.md.
_PLANE: dict[str, list[int]] = {"axes": [4]}
_TIME_FIRST: dict[str, Any] = {"attributes": {"layout": 0}}
_CONDITIONS: dict[str, dict[str, dict[str, Any]]] = {
    # core/providers/cpu/rnn and cuda/rnn: "Batchwise recurrent operations (layout == 1) are not supported"; the case of
    # letters is changed by a locale of the host (core/providers/cpu/text/string_normalizer.cc).
    "cpu": {**dict.fromkeys(("GRU", "LSTM", "RNN"), _TIME_FIRST), "StringNormalizer": {"host": "locale"}},
    "cuda": dict.fromkeys(("GRU", "LSTM", "RNN"), _TIME_FIRST),
    "coreml": {
        **dict.fromkeys(("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "GridSample"), _PLANE),
        "Conv": {"axes": [3, 4], "constant": [2]},
        "ConvTranspose": {"constant": [1, 2]},
        "Gemm": {"constant": [1]},
        "Slice": {"constant": [1, 2, 3, 4]},
        "Split": {"constant": [1]},
    },
    "nnapi": {
        **dict.fromkeys(("AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "Resize"), _PLANE),
        "Conv": {"axes": [4], "constant": [1, 2]},
        "DequantizeLinear": {"constant": [1, 2]},
        "Pad": {"constant": [1, 2]},
        "QLinearConv": {"axes": [4], "constant": [1, 2, 3, 4, 5, 6, 7, 8]},
        "QLinearMatMul": {"constant": [1, 2, 4, 5, 6, 7]},
        "QuantizeLinear": {"constant": [1, 2]},
        "Squeeze": {"constant": [1]},
        "Unsqueeze": {"constant": [1]},
    },
    "tensorrt": {"CumSum": {"constant": [1]}},
}
_COMPILES = {"tensorrt", "openvino", "rocm", "cann", "coreml", "nnapi", "qnn"}

_KERNELS = {"cpu", "cuda", "directml", "webgpu"}


def element(text: str) -> str:
    """An element type in our spelling; `SEQ`, `MAP` and the like for what is no tensor."""
    found = re.fullmatch(r"tensor\((\w+)\)", text.strip())
    if found:
        return DATATYPES.get(found[1], found[1].upper())
    return text.strip().partition("(")[0].upper()


class Table:
    """A table in the making: sets of types are written once and told by number."""

    def __init__(self, target: str, arguments: argparse.Namespace) -> None:
        wide = _WIDE[target]
        self.head: dict[str, Any] = {
            "target": target,
            "provider": wide["provider"],
            "version": arguments.version,
            "source": arguments.source,
            "checked": arguments.checked,
            "kernels": target in _KERNELS,
            "compiles": target in _COMPILES,
            "falls_to": wide.get("falls_to", ["cpu"]),
            "fixed_shapes": wide.get("fixed_shapes", False),
            "opsets": wide.get("opsets", [0, 0]),
            "conditions": _CONDITIONS.get(target, {}),
        }
        self.sets: list[list[str]] = []
        self.operators: dict[str, dict[str, dict[str, Any]]] = {}
        self.types = [] if "types" not in wide else sorted(wide["types"])

    def set(self, types: Iterable[str]) -> int:
        """The number of a set of types."""
        wanted = sorted(set(types))
        if wanted not in self.sets:
            self.sets.append(wanted)
        return self.sets.index(wanted)

    def operator(self, domain: str, name: str) -> dict[str, Any]:
        """The row of an operator, made where it is new."""
        return self.operators.setdefault("" if domain == "ai.onnx" else domain, {}).setdefault(name, {"k": []})

    def write(self) -> Path:
        """Write it, one operator a line, so that a difference can be read."""
        path = DATA / f"{self.head['target']}.json"
        path.write_text(dump({**self.head, "sets": self.sets}, self.operators), encoding="utf-8")
        return path


def dump(head: dict[str, Any], operators: dict[str, dict[str, Any]]) -> str:
    """A table as JSON, its head a line a field and its operators a line each."""
    lines = [f"{json.dumps(name)}:{_compact(value)}," for name, value in head.items()]
    domains = []
    for domain, rows in sorted(operators.items()):
        inner = ",\n".join(f"{json.dumps(name)}:{_compact(row)}" for name, row in sorted(rows.items()))
        domains.append(f"{json.dumps(domain)}:{{\n{inner}\n}}")
    return "{\n" + "\n".join(lines) + '\n"operators":{\n' + ",\n".join(domains) + "\n}\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def kernels(text: str, arguments: argparse.Namespace) -> list[Table]:
    """The tables of ONNX Runtime's page of kernels: one a provider."""
    tables: list[Table] = []
    domain, name = "", ""
    for line in text.splitlines():
        if found := re.match(r"## Operators implemented by (\w+)", line):
            tables.append(Table(_PROVIDERS[found[1]], arguments))
        elif found := re.match(r"\|\*\*Operator Domain:\*\* \*([\w.]+)\*", line):
            domain = found[1]
        elif tables and line.startswith("|") and not line.startswith(("|--", "| Op Name", "| |")):
            cells = [cell.strip() for cell in line.strip("|\n").split("|")] if line.startswith("|||") else []
            if line.startswith("|||"):
                versions, types = line[3:].rstrip("|").split("|", 1)
            else:
                cells = line[1:].rstrip("|").split("|")
                name, parameters, versions, types = cells[0].strip(), cells[1], cells[2], "|".join(cells[3:])
                tables[-1].operator(domain, name)["p"] = sorted({*_parameters(parameters)})
            since, until = _versions(versions)
            row = {var: tables[-1].set(each) for var, each in _constraints(types)}
            tables[-1].operator(domain, name)["k"].append([since, until, row])
    return tables


def registry(arguments: argparse.Namespace) -> Table:
    """The CPU's table from the registry of the installed runtime: each kernel by itself, where the page joins them."""
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    table = Table("cpu", arguments)
    for kernel in runtime.get_all_opkernel_def():
        if kernel.provider != table.head["provider"] or kernel.domain == "com.microsoft.nchwc":
            continue
        since, until = kernel.version_range
        types = {var: table.set(map(element, told)) for var, told in kernel.type_constraints.items()}
        rows = table.operator(kernel.domain, kernel.op_name)["k"]
        entry = [since, until if until < 1 << 30 else 0, types]
        if entry not in rows:
            rows.append(entry)
    for each in table.operators.values():
        for row in each.values():
            row["k"].sort(key=lambda entry: (-entry[0], sorted(entry[2].items())))
    return table


def _versions(text: str) -> tuple[int, int]:
    """`13+` → (13, 0); `[7, 12]` → (7, 12); `13` → (13, 13)."""
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if "+" in text:
        return numbers[0], 0
    return numbers[0], numbers[-1]


def _parameters(text: str) -> Iterable[str]:
    """Each way of calling as `T,T>T`: the variables or types of inputs and outputs."""
    for way in re.split(r"<br>\s*<br>or<br>\s*<br>", text):
        sides: dict[str, list[str]] = {"in": [], "out": []}
        for side, what in re.findall(r"\*(in|out)\* [^:]*:\*\*([^*]+)\*\*", way):
            sides[side].append(element(what) if "(" in what else what)
        yield ",".join(sides["in"]) + ">" + ",".join(sides["out"])


def _constraints(text: str) -> Iterable[tuple[str, list[str]]]:
    for part in re.split(r"<br/?>", text):
        if found := re.match(r"\s*\*\*(\w+)\*\* = (.+)", part):
            yield found[1], [element(each) for each in found[2].split(", ")]


def tensorrt(text: str, arguments: argparse.Namespace) -> Table:
    """The table of the parser's page."""
    table = Table("tensorrt", arguments)
    if found := re.search(r"opset (\d+) to opset (\d+)", text):
        table.head["opsets"] = [int(found[1]), int(found[2])]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 2 and re.fullmatch(r"\w+", cells[0]) and cells[1].startswith("Y"):
            told = re.split(r"[,\s]+", cells[2]) if len(cells) > 2 else []
            types = {_TRT_ODD.get(each, each) for each in told if each in _TRT or each in _TRT_ODD}
            table.operator("", cells[0])["k"].append([1, 0, {"*": table.set(types)} if types else {}])
    return table


def names(target: str, text: str, arguments: argparse.Namespace) -> Table:
    """The table of a list of names: `{"Abs", V_2020_4, {"CPU"}}`, `CreateConvOpBuilder("Conv", …)`."""
    table = Table(target, arguments)
    row: dict[str, int] = {"*": table.set(table.types)} if table.types else {}
    contributed = _contributed()
    pattern = {
        "openvino": r'^\s*\{"(\w+)", V_\d+_\d+, \{[^}]*"(?:CPU|GPU)"',
        "rocm": r'^\s*(?:static std::set<std::string> mgx_supported_ops = \{)?"(\w+)"[,}]',
        "cann": r'"([A-Z]\w+)"[,}]',
    }.get(target, r'^\s*Create\w+OpBuilder\("(\w+)"')
    if target == "cann":
        text = text.partition("cann_supported_ops = {")[2].partition("};")[0] + "}"
    for name in dict.fromkeys(re.findall(pattern, text, re.MULTILINE)):
        # CANN's provider takes the standard operator set alone.
        for domain in ("",) if target == "cann" else contributed.get(name, ("",)):
            table.operator(domain, name)["k"] = [[1, 0, row]]
    return table


def registered(target: str, text: str, arguments: argparse.Namespace) -> Table:
    """The table of declarations `class ONNX_OPERATOR_…_CLASS_NAME(provider, domain, since, until, type, name);`."""
    table = Table(target, arguments)
    row: dict[str, int] = {"*": table.set(table.types)} if table.types else {}
    for found in re.finditer(r"^class ONNX_OPERATOR_(\w+)_CLASS_NAME\(([^)]*)\);", text, re.MULTILINE):
        parts = [part.strip() for part in found[2].split(",")]
        domain, numbers, name = parts[1], [int(part) for part in parts if part.isdigit()], parts[-1]
        if name.startswith("Memcpy") or domain == "kMSInternalNHWCDomain":
            continue
        typed = row
        if "TYPED" in found[1] and parts[-2] in _CPP:
            typed = {"*": table.set([_CPP[parts[-2]]])}
        rows = table.operator({"kOnnxDomain": "", "kMSDomain": "com.microsoft"}[domain], name)["k"]
        entry = [numbers[0], numbers[1] if "VERSIONED" in found[1] else 0, typed]
        if entry not in rows:
            rows.append(entry)
    for name, since, until in re.findall(r"Register\(Create(\w+)KernelInfo<(\d+)(?:, (\d+))?>", text):
        entry = [int(since), int(until or 0), row]
        if entry not in table.operator("", name)["k"]:
            table.operator("", name)["k"].append(entry)
    return table


def _contributed() -> dict[str, tuple[str, ...]]:
    """Names that are, alone or as well, in ONNX Runtime's own operator set → the domains they stand for."""
    schemas = json.loads((DATA / "schemas.json").read_text())["operators"]
    own, standard = schemas["com.microsoft"], schemas[""]
    return {name: ("", "com.microsoft") if name in standard else ("com.microsoft",) for name in own}


def schemas(arguments: argparse.Namespace) -> str:
    """Inputs, outputs and versions of all operators, from the installed onnx and onnxruntime."""
    import onnx.defs
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    operators: dict[str, dict[str, dict[int, list[Any]]]] = {}
    for schema in runtime.get_all_operator_schema():
        if schema.domain in ("", "ai.onnx.ml", "com.microsoft"):
            versions = operators.setdefault(schema.domain, {}).setdefault(schema.name, {})
            flags = "d" if schema.deprecated else ""
            alone = {
                each.type_param_str: each.allowed_type_strs[0]
                for each in schema.type_constraints
                if len(each.allowed_type_strs) == 1
            }
            inputs = [_slot(each, alone.get(each.typeStr, each.typeStr), each.isHomogeneous) for each in schema.inputs]
            outputs = [
                _slot(each, alone.get(each.typeStr, each.typeStr), each.isHomogeneous) for each in schema.outputs
            ]
            versions[schema.since_version] = [flags, ",".join(inputs) + ">" + ",".join(outputs)]
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain in ("", "ai.onnx.ml"):
            versions = operators[schema.domain].setdefault(schema.name, {})
            alone = {
                each.type_param_str: each.allowed_type_strs[0]
                for each in schema.type_constraints
                if len(each.allowed_type_strs) == 1
            }
            inputs = [
                _slot(each, alone.get(each.type_str, each.type_str), each.is_homogeneous) for each in schema.inputs
            ]
            outputs = [
                _slot(each, alone.get(each.type_str, each.type_str), each.is_homogeneous) for each in schema.outputs
            ]
            row = versions.setdefault(schema.since_version, ["", ",".join(inputs) + ">" + ",".join(outputs)])
            if (body := _body(schema)) and "f" not in row[0]:
                row[0] += body
    rows = {
        domain: {name: [[since, *versions[since]] for since in sorted(versions)] for name, versions in each.items()}
        for domain, each in operators.items()
    }
    head = {"version": arguments.version, "source": arguments.source, "checked": arguments.checked}
    return dump(head, rows)


def _body(schema: Any) -> str:
    """`f`, the operator sets of the definitions, and the operators they are made of where those are fixed."""
    if schema.has_function:
        made = dict.fromkeys(node.op_type for node in schema.function_body.node)
        sets = "+".join(str(each) for each in sorted(schema.function_opset_versions) or [schema.since_version])
        return f"f{sets}:{','.join(sorted(set(made) - {'Constant'}))}"
    if schema.has_context_dependent_function:
        dependent = sorted(schema.context_dependent_function_opset_versions) or [schema.since_version]
        return f"f{'+'.join(map(str, dependent))}:"
    return ""


def _slot(parameter: Any, type_: str, homogeneous: bool) -> str:
    told = element(type_) if "(" in type_ else type_
    if str(parameter.option).endswith("Variadic"):
        return told + ("*" if homogeneous else "~")
    return told


_COMPOSITE = ("CompositeImplicitAutograd", "CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional")


def torch(text: str, arguments: argparse.Namespace) -> str:
    """ATen's operators with the back ends that have kernels: `c` CPU, `g` CUDA, `m` MPS, `*` made of others.

    A structured operator has the kernels of the one that it delegates to.
    """
    functions = re.split(r"^- func: ", text, flags=re.MULTILINE)[1:]
    own: dict[str, str] = {}
    delegates: dict[str, str] = {}
    for body in functions:
        name = body[: body.index("(")]
        keys = {key.strip() for line in re.findall(r"^    ([\w, ]+):", body, re.MULTILINE) for key in line.split(",")}
        dispatched = re.search(r"^  dispatch:", body, re.MULTILINE)
        if "ufunc_inner_loop:" in body:
            keys |= {"CPU", "CUDA"}
        code = "".join(letter for letter, key in (("c", "CPU"), ("g", "CUDA"), ("m", "MPS")) if key in keys)
        if keys & set(_COMPOSITE) or not (dispatched or "structured_delegate:" in body):
            code += "*"
        own[name] = code
        if found := re.search(r"^  structured_delegate: (\S+)", body, re.MULTILINE):
            delegates[name] = found[1]
    rows = {name: own.get(delegates.get(name, name), "") or code for name, code in own.items()}
    head = {"version": arguments.version, "source": arguments.source, "checked": arguments.checked}
    return dump(head, {"aten": rows})


def main(argv: list[str]) -> int:
    """Make tables; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("kernels", "registry", "tensorrt", "names", "registered", "torch", "schemas"))
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--version", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--checked", default=dt.datetime.now(dt.timezone.utc).date().isoformat())
    chosen = parser.parse_args(argv)
    DATA.mkdir(exist_ok=True)
    given = chosen.arguments
    if chosen.kind == "kernels":
        written = [table.write() for table in kernels(Path(given[0]).read_text(), chosen)]
    elif chosen.kind == "registry":
        written = [registry(chosen).write()]
    elif chosen.kind == "tensorrt":
        written = [tensorrt(Path(given[0]).read_text(), chosen).write()]
    elif chosen.kind in ("names", "registered"):
        text = "\n".join(Path(path).read_text() for path in given[1:])
        make = names if chosen.kind == "names" else registered
        written = [make(given[0], text, chosen).write()]
    else:
        path = DATA / f"{chosen.kind}.json"
        text = torch(Path(given[0]).read_text(), chosen) if chosen.kind == "torch" else schemas(chosen)
        path.write_text(text, encoding="utf-8")
        written = [path]
    for path in written:
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""The operators' tables beside what the installed ONNX Runtime really does.

1. For each model that is named (an ONNX file or folder; a small convolutional network and a small transformer of the
   tests where none is): nodes by target as `airworthy inspect --targets` judges them, and by provider as a session of
   the runtime assigned them, for every provider that is installed.
2. For every operator, in every form it took, with every element type that its definition allows: a model of one node
   is made, and whether the runtime makes a session of it is held against the column `cpu`. Forms that can't be made
   without knowing the operator (attributes that fit each other, graphs within) are counted apart.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, defs, helper

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from airworthy.artifacts.encodings.datatypes import ONNX
from airworthy.artifacts.formats.onnx_graph import read_program
from airworthy.artifacts.identify import inspect
from airworthy.knowledge import operators as tables
from airworthy.targets.comparison import compare
from airworthy.targets.judge import judge
from airworthy.targets.matrix import MISSING, RUNS, UNKNOWN

PROVIDERS = {tables.target(name).provider: name for name in tables.TARGETS}
OLDEST = 7
"""The operator set of the oldest form that is tried: ONNX Runtime promises none before."""
_NUMBERS = {f"tensor({spelt})": number for number, spelt in (
    (1, "float"), (2, "uint8"), (3, "int8"), (4, "uint16"), (5, "int16"), (6, "int32"), (7, "int64"), (8, "string"),
    (9, "bool"), (10, "float16"), (11, "double"), (12, "uint32"), (13, "uint64"), (16, "bfloat16"),
)}  # fmt: skip
_FILLED: dict[int, Any] = {1: 1.0, 2: 1, 3: "x", 6: [1.0], 7: [1, 1], 8: ["x"]}
_WORDS = {"direction": "forward", "mode": "", "equation": "i->i", "to": 1, "axis": 0, "format": "CSR"}


def models(paths: list[str]) -> None:
    """The first part."""
    for path in paths:
        model = inspect(Path(path)).model
        matrix = judge(read_program(Path(model.entry)), tables.TARGETS)
        print(f"\n{path}: {matrix.shares[0].nodes} nodes, {matrix.arithmetic / 1e9:.3g} G operations")
        command = [sys.executable, "-m", "airworthy.engines.assignment", model.entry, str(model.size)]
        for provider in onnxruntime.get_available_providers():
            if provider not in PROVIDERS:
                continue
            chain = [provider] + ["CPUExecutionProvider"] * (provider != "CPUExecutionProvider")
            done = subprocess.run(
                [*command, *chain], capture_output=True, check=True, timeout=300, env={"PYTHONPATH": str(ROOT / "src")}
            )
            told = json.loads(done.stdout)
            if "problem" in told:
                print(f"  {provider}: {told['problem']}")
                continue
            show(matrix, PROVIDERS[provider], provider, told["nodes"])


def show(matrix: Any, target: str, provider: str, nodes: list[dict[str, str]]) -> None:
    """Judgement beside assignment, an operator a row, and the figure of agreement by node."""
    rows = compare(matrix, target, provider, nodes)
    share = next(each for each in matrix.shares if each.target == target)
    print(
        f"  {provider} {onnxruntime.__version__}: {sum(row.agreeing for row in rows)} of {len(nodes)} nodes as judged",
        end="",
    )
    print(f" ({share.runs} run, {share.shape} on the CPU on purpose, {share.falls} fall back, {share.missing} nowhere)")
    for row in rows:
        mark = "" if row.judged == row.assigned else "   <-- differs"
        print(f"    {row.operator:<24} judged {_told(row.judged):<24} assigned {_told(row.assigned)}{mark}")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.removesuffix('ExecutionProvider')} {number}" for name, number in counts.items()) or "-"


def forms() -> Iterator[tuple[defs.OpSchema, int]]:
    """Every form of every operator of the standard set, with each element type of its first variable."""
    for schema in defs.get_all_schemas_with_history():
        if schema.domain or schema.deprecated or schema.since_version < 1:
            continue
        newest = max(each for each in range(OLDEST, defs.onnx_opset_version() + 1))
        if schema.since_version > newest:
            continue
        first = next((each.type_str for each in [*schema.inputs, *schema.outputs]), "")
        allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
        for type_ in allowed.get(first, [first]):
            if type_ in _NUMBERS:
                yield schema, _NUMBERS[type_]


def one_node(schema: defs.OpSchema, opset: int, number: int) -> bytes:
    """A model of one node, its first variable of a type, the others of the first type they allow."""
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    first = next((each.type_str for each in [*schema.inputs, *schema.outputs]), "")

    def type_of(told: str) -> int:
        if told == first:
            return number
        choices = [each for each in allowed.get(told, [told]) if each in _NUMBERS]
        preferred = [each for each in choices if _NUMBERS[each] in (number, 1, 7)]
        return _NUMBERS[(preferred or choices)[0]]

    needed = [each for each in schema.inputs if each.option != defs.OpSchema.FormalParameterOption.Optional]
    inputs = [helper.make_tensor_value_info(f"i{at}", type_of(each.type_str), None) for at, each in enumerate(needed)]
    if schema.name in ("Clip", "Dropout"):
        inputs = inputs[:1]
    attributes: dict[str, Any] = {}
    for name, each in schema.attributes.items():
        if each.required:
            attributes[name] = _WORDS[name] if name in _WORDS else _FILLED[each.type.value]  # type: ignore[attr-defined]
    if schema.name == "Cast":
        attributes["to"] = number if number != TensorProto.STRING else TensorProto.FLOAT
    node = helper.make_node(schema.name, [each.name for each in inputs], ["o"], **attributes)
    out = schema.outputs[0].type_str
    told = attributes.get("to", type_of(out) if out in {each.type_str for each in needed} or out not in allowed else 0)
    output = helper.make_tensor_value_info("o", told, None) if told else onnx.ValueInfoProto(name="o")
    graph = helper.make_graph([node], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return model.SerializeToString()


def made(model: bytes) -> str:
    """What the runtime says: `yes`, `no`, or `other` where it refuses for another reason."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
        return "no" if "NOT_IMPLEMENTED" in str(error) else "other"
    return "yes"


def agreement(limit: int = 0, every: int = 1) -> tuple[int, int, Counter[str], list[str]]:
    """The second part: agreeing, held, what could not be held, and the differences."""
    agreeing = held = 0
    apart: Counter[str] = Counter()
    differences: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.onnx"
        for at, (schema, number) in enumerate(forms()):
            if at % every:
                continue
            opset = max(schema.since_version, OLDEST)
            form = tables.schema("", schema.name, opset)
            if form is None or form.since != schema.since_version:
                apart["a form from before operator set 7"] += 1
                continue
            try:
                model = one_node(schema, opset, number)
            except (KeyError, IndexError, ValueError, TypeError):
                apart["needs attributes or types of its own"] += 1
                continue
            path.write_bytes(model)
            use = judge(read_program(path), ("cpu",)).uses
            verdict = use[0].targets["cpu"].verdict if use else RUNS
            if verdict == UNKNOWN:
                apart["judged as unknown"] += 1
                continue
            real = made(model)
            if real == "other":
                apart["refused for another reason"] += 1
                continue
            held += 1
            expected = "no" if verdict == MISSING else "yes"
            if expected == real:
                agreeing += 1
            else:
                differences.append(
                    f"{schema.name}-{schema.since_version} {ONNX[number].name}: judged {verdict}, is {real}"
                )
            if limit and held >= limit:
                break
    return agreeing, held, apart, differences


def main(arguments: list[str]) -> int:
    """Print both parts; the exit status."""
    print(f"ONNX Runtime {onnxruntime.__version__}; tables of {tables.target('cpu').version}")
    with contextlib.ExitStack() as stack:
        if not arguments:
            import graphs

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            arguments = [
                str(graphs.convolutional(folder / "convolutional.onnx")),
                str(graphs.transformer(folder / "transformer.onnx")),
            ]
        models(arguments)
    agreeing, held, apart, differences = agreement()
    print(f"\nOne node each: {agreeing} of {held} forms as judged ({agreeing / held:.2%})")
    for reason, count in apart.most_common():
        print(f"  {count} not held: {reason}")
    for difference in differences:
        print(f"  {difference}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

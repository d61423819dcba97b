"""Operators: what each means by version, and which targets have kernels for it, for which types.

One table a target under `data/operators/`, read when that target is asked about. `tools/operators.py` makes them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row

TARGETS = (
    "cpu",
    "cuda",
    "tensorrt",
    "rocm",
    "openvino",
    "cann",
    "coreml",
    "nnapi",
    "qnn",
    "directml",
    "webgpu",
)
"""The targets that ONNX graphs are checked on, by the names that users give."""
ATEN_TARGETS = {"cpu": "c", "cuda": "g", "rocm": "g", "mps": "m"}
"""The targets that PyTorch programs are checked on → the letter of the dispatch key; ROCm answers to CUDA's."""
COMPOSITE = "*"
"""The letter of an operator that is made of others on every back end."""


class OperatorSignature(NamedTuple):
    """The types of an operator's inputs and outputs: variables (`T`), types (`INT64`), or both kinds repeated."""

    inputs: tuple[str, ...]
    """One an input; `*` after the last one that may be repeated with one type, `~` with several."""
    outputs: tuple[str, ...]
    """Likewise."""

    def input(self, index: int) -> str:
        """The slot of an input without its mark; empty for one that the operator doesn't have."""
        return _slot(self.inputs, index)

    def output(self, index: int) -> str:
        """The slot of an output without its mark; empty for one that the operator doesn't have."""
        return _slot(self.outputs, index)


class Schema(NamedTuple):
    """An operator at one version of its operator set."""

    since: int
    """The operator set in which it took this form."""
    deprecated: bool
    """Whether it is no operator any more from here on."""
    written: tuple[int, ...]
    """The operator sets in which there are definitions of it made of other operators, which a runtime may run in its
    place; none where it is made of none."""
    parts: tuple[str, ...]
    """Those operators; empty as well where they depend on how it is used."""
    signature: OperatorSignature
    """Its inputs and outputs."""


class OperatorTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one target: a provider of ONNX Runtime with its operators."""

    target: str
    """Its name here."""
    provider: str
    """Its name in ONNX Runtime."""
    version: str
    """What the table is of."""
    source: str
    """Where it is from."""
    checked: str
    """The day of the look-up, ISO 8601."""
    kernels: bool
    """Whether its rows are kernels with versions, matched as ONNX Runtime does; else names that it takes."""
    compiles: bool
    """Whether it takes whole sub-graphs and compiles them; else it runs kernel by kernel."""
    falls_to: tuple[str, ...]
    """The targets that take what it lacks, in order."""
    fixed_shapes: bool
    """Whether it takes nodes only whose shapes are all known beforehand."""
    opsets: tuple[int, int]
    """The first and last operator set that it takes; 0 for no limit."""
    conditions: dict[str, Condition]
    """What it asks of nodes of the standard operator set beyond name and types, where its makers say so."""
    sets: tuple[frozenset[str], ...]
    """Sets of element types that rows refer to by number."""
    operators: dict[str, dict[str, _Rows]]
    """Domain → operator → rows."""

    def has(self, domain: str, name: str) -> bool:
        """Whether there is a row for an operator at all."""
        return name in self.operators.get(domain, {})


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a target asks of a node."""

    axes: tuple[int, ...] = ()
    """How many axes the first input may have; any number where empty."""
    constant: tuple[int, ...] = ()
    """The numbers of the inputs that have to be constant, where they are given."""
    attributes: dict[str, int] = {}
    """What attributes have to be, where they are given."""
    host: str = ""
    """What of the host decides besides: `locale`; empty where nothing does."""


class _Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    k: tuple[tuple[int, int, dict[str, int]], ...]
    """Kernels: first version, last version (0 for no end), variable → number of a set; `*` is the first input."""
    p: tuple[str, ...] = ()
    """Ways of calling, `T,T>T`; the schema's own where empty."""


class OperatorSupport(NamedTuple):
    """What a target's table says of one operator with its types."""

    kind: str
    """`yes`; `type`, `opset` (it has kernels, not for this); `no`; `unknown`."""
    types: tuple[str, ...] = ()
    """The element types that it has in this operator set, for the first variable."""
    since: int = 0
    """For `opset`: the newest version that it has."""


@functools.cache
def target(name: str) -> OperatorTarget:
    """The table of a target of `TARGETS`."""
    return msgspec.json.decode(_read(name), type=OperatorTarget)


@functools.cache
def _schema_table() -> dict[str, Any]:
    table: dict[str, Any] = msgspec.json.decode(_read("schemas"))
    return table


def _schemas() -> dict[str, dict[str, list[tuple[int, str, str]]]]:
    rows: dict[str, dict[str, list[tuple[int, str, str]]]] = _schema_table()["operators"]
    return rows


@functools.cache
def schema(domain: str, name: str, opset: int) -> Schema | None:
    """An operator as it is in an operator set; None for one that the tables don't know there."""
    versions = _schemas().get(domain, {}).get(name, [])
    held = [row for row in versions if row[0] <= opset]
    if not held:
        return None
    since, flags, text = held[-1]
    sets, _, parts = flags.partition("f")[2].partition(":")
    written = tuple(int(each) for each in sets.split("+")) if sets else ()
    told = tuple(parts.split(",")) if parts else ()
    return Schema(since, flags.startswith("d"), written, told, signature(text))


def definition(domain: str, form: Schema, opset: int) -> int:
    """The operator set of the definition that a runtime can run in place of an operator; 0 where there is none.

    A definition is in the words of its own operator set: one whose operators took another form since then is not used
    (`ValidateReferencedOpsInFunctionBody` in onnxruntime/core/graph/graph.cc and its like).
    """
    for written in reversed(form.written):
        if written <= opset and all(_same(domain, name, written, opset) for name in form.parts):
            return written
    return 0


def _same(domain: str, name: str, first: int, second: int) -> bool:
    before, after = schema(domain, name, first), schema(domain, name, second)
    return before is not None and after is not None and before.since == after.since


@functools.cache
def versions(domain: str, name: str) -> tuple[int, ...]:
    """The operator sets in which an operator took a new form."""
    return tuple(row[0] for row in _schemas().get(domain, {}).get(name, []))


@functools.cache
def newest_opset() -> int:
    """The newest operator set of the standard domain that has rows."""
    return max(since for versions in _schemas()[""].values() for since, _, _ in versions)


def newest_form(domain: str, name: str, opset: int) -> TableAnswer[Schema]:
    """An operator as it is in an operator set; of a set newer than the table its newest form, marked as that."""
    form, asked = schema(domain, name, opset), f"operator set {opset}"
    if form is None:
        return unknown(f"{name} of {asked}", "operators/schemas")
    newest = newest_opset()
    if domain == "" and opset > newest:
        table = _schema_table()
        return newest_row(form, Row(source=table["source"], checked=table["checked"]), asked, newest)
    return exact(form)


def beyond_tables(opsets: Mapping[str, int]) -> str:
    """Why answers about a graph rest on older forms of its operators, one line; empty where they don't."""
    return newest_form("", "Identity", opsets.get("", 0)).reason if opsets.get("", 0) > newest_opset() else ""


def is_known(name: str, opset: int) -> bool:
    """Whether an operator of the standard domain exists, as far as the tables reach: a newer set may have any."""
    return opset > newest_opset() or bool(versions("", name))


@functools.cache
def signature(text: str) -> OperatorSignature:
    """A signature as tables write it: `T,T>T`."""
    inputs, _, outputs = text.partition(">")
    return OperatorSignature(*(tuple(part.split(",")) if part else () for part in (inputs, outputs)))


def support(
    where: OperatorTarget, domain: str, name: str, form: Schema, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> OperatorSupport:
    """Whether a target has kernels for an operator.

    Types are those of `core.model.DATATYPES`, empty where not known. ONNX Runtime takes a kernel whose first version is
    that of the operator's form, or whose versions, where they end, hold it; an open end doesn't reach to a later form
    (`KernelRegistry::VerifyKernelDef` in onnxruntime/core/framework/kernel_registry.cc).
    """
    rows = where.operators.get(domain, {}).get(name)
    if rows is None:
        return OperatorSupport("no")
    last = where.opsets[1]
    if domain == "" and last and form.since > last:
        return OperatorSupport("unknown", since=last)
    fitting = [row for row in rows.k if not where.kernels or _holds(row[0], row[1], form.since)]
    if not fitting:
        ends = [until or since for since, until, _ in rows.k]
        return OperatorSupport("opset", since=max(ends))
    ways = _ways(rows.p, fitting) or [form.signature]
    answers = [_types(where, way, row[2], inputs, outputs) for row in fitting for way in ways]
    if any(answer is True for answer in answers):
        return OperatorSupport("yes", _told(where, fitting))
    if any(answer is None for answer in answers):
        return OperatorSupport("unknown", _told(where, fitting))
    return OperatorSupport("type", _told(where, fitting))


def _holds(since: int, until: int, version: int) -> bool:
    return since == version or (since < version <= until)


def _ways(told: tuple[str, ...], rows: list[tuple[int, int, dict[str, int]]]) -> list[OperatorSignature]:
    """The ways of calling whose variables are those of the kernels; all where that says nothing."""
    ways = [signature(text) for text in told]
    variables = {name for _, _, types in rows for name in types}
    fitting = [way for way in ways if variables <= {slot.rstrip("*~") for slot in (*way.inputs, *way.outputs)}]
    return fitting or ways


def _types(
    where: OperatorTarget,
    way: OperatorSignature,
    kernel: dict[str, int],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
) -> bool | None:
    """Whether types fit a kernel; None where one that decides is not known."""
    unknown = False
    if "*" in kernel:
        asked = [("*", inputs[0] if inputs else (outputs or ("",))[0])]
    else:
        asked = [(way.input(index), type_) for index, type_ in enumerate(inputs)]
        asked += [(way.output(index), type_) for index, type_ in enumerate(outputs)]
    for slot, type_ in asked:
        if slot not in kernel or type_ == OMITTED:
            continue
        if not type_:
            unknown = True
        elif kind_of(type_) not in where.sets[kernel[slot]]:
            return False
    return None if unknown else True


def kind_of(datatype: str) -> str:
    """A type as the tables name it, which for sequences, maps and optionals leave out what they hold."""
    kind = datatype.partition("(")[0]
    return _KINDS.get(kind, kind)


_KINDS = {"SEQUENCE": "SEQ", "SPARSE": "SPARSE_TENSOR"}
OMITTED = "-"
"""The type of an optional input or output that a node leaves out."""


def _told(where: OperatorTarget, rows: list[tuple[int, int, dict[str, int]]]) -> tuple[str, ...]:
    found: set[str] = set()
    for _, _, types in rows:
        if types:
            found |= where.sets[next(iter(types.values()))]
    return tuple(sorted(found))


class Dispatch(msgspec.Struct, frozen=True):
    """PyTorch's operators with the back ends that have kernels of their own."""

    version: str
    """What the table is of."""
    source: str
    """Where it is from."""
    checked: str
    """The day of the look-up, ISO 8601."""
    operators: dict[str, dict[str, str]]
    """Name space → operator with overload → letters of `ATEN_TARGETS`, and `*` for one made of others."""


@functools.cache
def dispatch() -> Dispatch:
    """The table of PyTorch's operators."""
    return msgspec.json.decode(_read("torch"), type=Dispatch)


def _read(name: str) -> bytes:
    return (files("airworthy.knowledge") / "data" / "operators" / f"{name}.json").read_bytes()


def _slot(slots: tuple[str, ...], index: int) -> str:
    if index < len(slots):
        return slots[index].rstrip("*~")
    return slots[-1].rstrip("*") if slots and slots[-1].endswith("*") else ""

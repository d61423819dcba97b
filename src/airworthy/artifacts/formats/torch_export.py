"""What `torch.export.save` writes: a program in JSON, its weights as raw bytes, its examples as inner archives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import ElementType
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import Archive, ZipMember, read_member
from airworthy.core.messages import say
from airworthy.core.model import Operator
from airworthy.core.values import Defect

MOST_PROGRAM = 512 * 1024 * 1024
"""Bytes of a program that are read."""
# The numbers of ScalarType in torch/_export/serde/schema.py.
_TYPES = {
    1: ElementType("UINT8", 8),
    2: ElementType("INT8", 8),
    3: ElementType("INT16", 16),
    4: ElementType("INT32", 32),
    5: ElementType("INT64", 64),
    6: ElementType("FP16", 16),
    7: ElementType("FP32", 32),
    8: ElementType("FP64", 64),
    9: ElementType("COMPLEX32", 32),
    10: ElementType("COMPLEX64", 64),
    11: ElementType("COMPLEX128", 128),
    12: ElementType("BOOL", 8),
    13: ElementType("BF16", 16),
    28: ElementType("UINT16", 16),
    29: ElementType("FLOAT8E4M3FN", 8),
    30: ElementType("FLOAT8E5M2", 8),
    31: ElementType("FLOAT8E4M3FNUZ", 8),
    32: ElementType("FLOAT8E5M2FNUZ", 8),
}


@dataclass
class ExportedProgram:
    """What was read of an exported program."""

    operators: tuple[Operator, ...] = ()
    weights: list[tuple[str, str, tuple[int, ...], int]] = field(default_factory=list)
    """Name and member joined by a NUL, type, sizes, bytes."""
    metadata: dict[str, str] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)


def read_exported(source: Source, archive: Archive, root: str) -> ExportedProgram:
    """The program of an archive; damage is among its defects."""
    program = ExportedProgram()
    members = {member.name.removeprefix(f"{root}/" if root else ""): member for member in archive.members}
    models = [name for name in members if name.startswith("models/") and name.endswith(".json")]
    old = "serialized_exported_program.json"
    for name in models or [old]:
        if name in members:
            _read_graph(_json(source, members[name], program), program)
        else:
            _damaged(program, name, Damaged("missing", say("the archive holds no program")))
    for name, member in members.items():
        if name.startswith("data/weights/") and name.endswith("_weights_config.json"):
            _read_weights(_json(source, member, program), members, program)
    return program


def _damaged(program: ExportedProgram, member: str, error: Damaged) -> None:
    program.defects.append(error.of(member))


def _json(source: Source, member: ZipMember, program: ExportedProgram) -> dict[str, Any]:
    try:
        return msgspec.json.decode(read_member(source, member, MOST_PROGRAM), type=dict[str, Any])
    except Damaged as error:
        _damaged(program, member.name, error)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        detail = say("it is not a JSON object: {problem}", problem=error)
        _damaged(program, member.name, Damaged("structure", detail))
    return {}


def _read_graph(document: dict[str, Any], program: ExportedProgram) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for node in _nodes(document):
        target = node.get("target")
        if not isinstance(target, str):
            continue
        # `torch.ops.aten.linear.default`: the operator set is what stands before the name.
        name = target.removeprefix("torch.ops.")
        domain, _, rest = name.partition(".")
        counts[(domain, rest) if target != name else ("", name)] += 1
    program.operators = tuple(Operator(domain, name, count) for (domain, name), count in counts.most_common())
    version = document.get("torch_version")
    if isinstance(version, str):
        program.metadata["torch"] = version[:50]
    opsets = document.get("opset_version")
    for name, number in opsets.items() if isinstance(opsets, dict) else ():
        program.metadata[f"opset {name[:50]}"] = str(number)[:20]


def _nodes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of the graph and of the graphs in it."""
    pending = [document.get("graph_module")]
    while pending:
        module = pending.pop()
        graph = module.get("graph") if isinstance(module, dict) else None
        for node in _list(graph, "nodes"):
            if isinstance(node, dict):
                yield node
                for value in _list(node, "inputs"):
                    argument = value.get("arg") if isinstance(value, dict) else None
                    inner = argument.get("as_graph") if isinstance(argument, dict) else None
                    if isinstance(inner, dict):
                        pending.append({"graph": inner.get("graph")})


def _list(holder: Any, key: str) -> list[Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, list) else []


def _read_weights(document: dict[str, Any], members: dict[str, ZipMember], program: ExportedProgram) -> None:
    entries = document.get("config")
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        place = entry.get("path_name") if isinstance(entry, dict) else None
        meta = entry.get("tensor_meta") if isinstance(entry, dict) else None
        if not isinstance(place, str) or not isinstance(meta, dict):
            continue
        told = [size.get("as_int") for size in _list(meta, "sizes") if isinstance(size, dict)]
        sizes = tuple(size for size in told if type(size) is int and size >= 0)
        if len(sizes) != len(told):
            continue
        element = _TYPES.get(meta.get("dtype", 0) if isinstance(meta.get("dtype"), int) else 0)
        member = members.get(f"data/weights/{place}")
        if member is None:
            detail = say("{name} lies in {place}, which is not there", name=name[:100], place=place[:100])
            _damaged(program, place, Damaged("missing", detail))
        elif element is not None and not entry.get("use_pickle"):
            needed = element.stored(_product(sizes))
            if member.size < needed:
                detail = say("{needed} bytes are needed and {found} are there", needed=needed, found=member.size)
                _damaged(program, member.name, Damaged("bounds", detail, member.header))
            else:
                program.weights.append((f"{name}\0{place}", element.name, sizes, needed))


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product

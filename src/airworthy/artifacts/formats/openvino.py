"""OpenVINO IR: the graph in an XML file and the weights in a `.bin` beside it.

See https://docs.openvino.ai/2025/documentation/openvino-ir-format.html.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.formats.openvino_graph import OpenVinoGraph
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection, files_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, defect_in, pointer_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, Operator
from airworthy.core.values import Defect, FormatVersion, LfsPointer

_NET = re.compile(rb"<net\s[^>]*\bversion=")
_LONGEST_PROLOGUE = 8192


class OpenVino(FileFormat):
    """The format."""

    name = "openvino"
    suffixes: tuple[str, ...] = ()

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is XML whose first element is a net with a version."""
        return _NET.match(_first_element(head[:_LONGEST_PROLOGUE])) is not None

    def is_own(self, path: Path, head: bytes) -> bool:
        """Whether it is a graph: XML, as a saved error page may be."""
        return self.recognises(path, head)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the graph; of the weights only their size."""
        net = OpenVinoGraph(source)
        defects = []
        if net.problem:
            problem = net.problem
            defects.append(problem.of(path.name))
        pointers: list[LfsPointer] = []
        needed = max((offset + size for _, _, _, offset, size in net.constants), default=0)
        data = path.with_suffix(".bin")
        if needed:
            defects += _weights(data, needed, pointers)
        weights: Counter[str] = Counter()
        for _, datatype, _, _, size in net.constants:
            weights[datatype] += size
        files = [(path, self.name)] + ([(data, "openvino-weights")] if needed and data.is_file() else [])
        model = self.model(
            path,
            files=files_of(path.parent, files),
            architecture=net.name,
            task="tensors" if net.inputs and net.outputs else "",
            producer=f"openvino {net.runtime}" if net.runtime else "",
            parameters=sum(_product(shape) for _, _, shape, _, _ in net.constants) if not defects else None,
            tensors=len(net.constants),
            datatypes=dict(weights),
            inputs=tuple(net.inputs),
            outputs=tuple(net.outputs),
            operators=tuple(Operator(domain, name, count) for (domain, name), count in net.operators.most_common()),
            versions={"openvino-ir": net.version} if net.version else {},
        )
        unread = Unknown(say("{file} is damaged before its version", file=path.name))
        return build_inspection(
            model,
            defects=defects,
            pointers=pointers,
            versions=(FormatVersion(kind="openvino-ir", version=net.version),) if net.version else unread,
            by_content=self.recognises(path, head),
        )


def _first_element(text: bytes) -> bytes:
    """XML from its first element on, after the declaration and comments; what they leave open is nothing.

    In steps, because an expression for all of it would try every way of parting comments from each other.
    """
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip()
    for begin, end in ((b"<?xml", b"?>"), *((b"<!--", b"-->"),) * text.count(b"<!--")):
        if text.startswith(begin):
            text = text.partition(end)[2].lstrip()
    return text


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _weights(data: Path, needed: int, pointers: list[LfsPointer]) -> Iterator[Defect]:
    """What is wrong with the file of the weights."""
    try:
        with Source(data) as source:
            size, head = source.size, source.read(0, POINTER_LIMIT)
    except OSError:
        detail = say("the graph keeps its weights in {name}, which is not there", name=data.name)
        yield Defect(member=data.name, kind="missing", detail=detail)
        return
    if size < POINTER_LIMIT and (pointer := pointer_in(data.absolute(), head)):
        pointers.append(pointer)
    elif size < needed:
        if defect := defect_in(data.name, head):
            yield defect
            return
        detail = say("weights go on to {needed}, the file ends at {size}", needed=needed, size=size)
        yield Defect(member=data.name, kind="truncated", detail=detail, offset=size)


def stored(path: Path) -> Iterator[Stored]:
    """Where the constants lie."""
    with Source(path) as source:
        net = OpenVinoGraph(source)
    for name, datatype, shape, offset, size in net.constants:
        yield Stored(name, datatype, shape, path.with_suffix(".bin"), offset, size)


FORMAT = OpenVino()

"""TensorRT plans: an engine that was compiled for one version of TensorRT and one kind of GPU.

The layout is NVIDIA's own and not published. What is read here, the letters at the start and the four bytes of the
version from byte 24, see https://github.com/NVIDIA/TensorRT/issues/3073; which GPU it is for and how long it
has to be stand nowhere readable.
"""

from __future__ import annotations

from pathlib import Path

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import Defect, FormatVersion

MAGICS = (b"ftrt", b"ptrt")
"""The first bytes."""
_HEADER = 32
_VERSION = 24


class TensorRT(FileFormat):
    """The format."""

    name = "tensorrt"
    suffixes: tuple[str, ...] = (".plan", ".engine", ".trt")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins with the letters of a plan."""
        return head[:4] in MAGICS

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the version; nothing else is published."""
        size = source.size
        own = head[:4] in MAGICS
        defects = []
        if not own:
            detail = say("it begins with {start}, which no plan does", start=head[:8].hex(" "))
            defects.append(Defect(member=path.name, kind="header", detail=detail, offset=0))
        elif size <= _HEADER:
            detail = say("the file ends at {size}, within its header", size=size)
            defects.append(Defect(member=path.name, kind="truncated", detail=detail, offset=size))
        version = tuple(head[_VERSION : _VERSION + 4]) if own and size > _HEADER else ()
        # Before TensorRT 8.5 these bytes are something else: a plan of version 0 does not exist.
        told = ".".join(str(number) for number in version) if version and 5 <= version[0] <= 50 else ""
        major = version[0] if told else 0
        model = self.model(
            path,
            producer=f"tensorrt {told}" if told else "",
            versions={"tensorrt": major} if told else {},
            metadata={"tensorrt": told} if told else {},
        )
        unread = Unknown(say("its header does not say the version of TensorRT"))
        return build_inspection(
            model,
            defects=defects,
            versions=(FormatVersion(kind="tensorrt", domain=told, version=major),) if told else unread,
            by_content=own,
        )


FORMAT = TensorRT()

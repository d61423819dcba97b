"""What lies where a model file should: nothing at all, a Git LFS pointer, a saved error page."""

from __future__ import annotations

import re
from pathlib import Path

from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.values import Defect, LfsPointer

POINTER_LIMIT = 1024
"""A Git LFS pointer is smaller than this many bytes; see https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
_POINTER = re.compile(
    rb"\Aversion https?://\S{1,200}\n(?:[a-z0-9.-]+ [^\n]*\n)*?oid sha256:(?P<oid>[0-9a-f]{64})\r?\n"
    rb"(?:[a-z0-9.-]+ [^\n]*\n)*?size (?P<size>[0-9]{1,19})\r?\n?",
)
_PAGE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|\?xml)", re.IGNORECASE)
_TITLE = re.compile(rb"<(?:title|h1|code|message)[^>]*>\s*([^<]{1,120})", re.IGNORECASE)


def pointer_in(path: Path, head: bytes) -> LfsPointer | None:
    """The Git LFS pointer that a file's first bytes are, if they are one."""
    match = _POINTER.match(head[:POINTER_LIMIT].replace(b"\r\n", b"\n"))
    if match is None:
        return None
    return LfsPointer(path=str(path), oid=match["oid"].decode("ascii"), size=int(match["size"]))


def defect_in(member: str, head: bytes) -> Defect | None:
    """The defect of a file that is empty, or that a web server's answer was saved to."""
    if not head:
        return Defect(member=member, kind="empty", detail=say("the file is empty"), offset=0)
    if _PAGE.match(head[:512]):
        title = _TITLE.search(head[:8192])
        told = " ".join(title[1].decode("utf-8", "replace").split()) if title else say("without a title")
        detail = say("the file is a web page, not a model: “{title}”", title=told)
        return Defect(member=member, kind="error-page", detail=detail, offset=0)
    return None


def inspect_stand_in(path: Path, head: bytes, format_: str) -> Inspection | None:
    """The inspection of a file that is no model but lies in the place of one; None where it is something else."""
    pointer, defect = pointer_in(path.absolute(), head), defect_in(path.name, head)
    if pointer is None and defect is None:
        return None
    model = ModelInfo(
        name=name_of(path),
        path=str(path.absolute()),
        format=format_,
        entry=str(path.absolute()),
        files=files_of(path.parent, [(path, "")]),
    )
    reason = say("{path} is a Git LFS pointer", path=path.name) if pointer else say("{path} is damaged", path=path.name)
    return build_inspection(
        model,
        defects=(defect,) if defect else (),
        pointers=(pointer,) if pointer else (),
        imports=Unknown(reason),
        versions=Unknown(reason),
        by_content=False,
    )

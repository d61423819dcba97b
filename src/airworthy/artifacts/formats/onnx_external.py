"""The files beside an ONNX model in which its weights lie: whether each is within its folder, and long enough.

Links are followed as ONNX Runtime follows them: what a location leads to has to lie in the folder of the model, or in
the one that the model itself is a link into, as in a hub's cache. See https://onnx.ai/onnx/repo-docs/ExternalData.html.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.placeholders import POINTER_LIMIT, pointer_in
from airworthy.core.messages import say
from airworthy.core.values import Defect, LfsPointer


def external_file(path: Path, location: str, needed: int) -> tuple[Path | None, Defect | None, LfsPointer | None]:
    """The file that tensors lie in, what is wrong with it, and the Git LFS pointer that it may be.

    Args:
        path: the model.
        location: where the model says that the file lies.
        needed: bytes that the tensors in it take.
    """
    if reason := why_outside(path, location):
        return None, Defect(member=path.name, kind="path", detail=reason), None
    data = path.parent / location
    try:
        with Source(data) as source:
            size, head = source.size, source.read(0, POINTER_LIMIT)
    except (OSError, ValueError):
        detail = say("{file} keeps weights in {location}, which is not there", file=path.name, location=location[:200])
        return None, Defect(member=location[:200], kind="missing", detail=detail), None
    if size < POINTER_LIMIT and (pointer := pointer_in(data.absolute(), head)):
        return data, None, pointer
    if size < needed:
        detail = say("weights go on to {needed}, the file ends at {size}", needed=needed, size=size)
        return data, Defect(member=location, kind="truncated", detail=detail, offset=size), None
    return data, None, None


def why_outside(path: Path, location: str) -> str:
    """Why a location lies outside of its model's folder; empty where it does not."""
    if _leads_out(location):
        return say("its data lies at {location!r}, outside of the model's folder", location=location[:200])
    # Not Path.resolve, which raises for links that go round in a ring.
    place = Path(os.path.realpath(path.parent / location))
    homes = (Path(os.path.realpath(path.parent)), Path(os.path.realpath(path)).parent)
    if any(place.is_relative_to(home) for home in homes):
        return ""
    return say(
        "its data at {location!r} is a link to {place}, outside of the model's folder",
        location=location[:200],
        place=str(place)[:300],
    )


def _leads_out(location: str) -> bool:
    """Whether a location leads out of a folder by its text, on whatever system."""
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    if "\0" in location or posix.is_absolute() or windows.drive or windows.root:
        return True
    depth = 0
    for part in windows.parts:  # which takes both kinds of slash for one
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False

"""Files whose suffix names another format than their content: loaders choose by the suffix, and fail at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC
from airworthy.core import keys
from airworthy.core.facts import Known
from airworthy.core.model import Inspection
from airworthy.core.values import Misnamed

MOST_FILES = 2_000
"""Files that are read."""
_SAFETENSORS, _GGUF, _HDF5, _ZIP, _PICKLE = "safetensors", "GGUF", "HDF5", "a ZIP archive", "a pickle"
_TORCH = frozenset({_ZIP, _PICKLE})
_MEANT: dict[str, frozenset[str]] = {
    ".safetensors": frozenset({_SAFETENSORS}),
    ".gguf": frozenset({_GGUF}),
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".ckpt": _TORCH | {_HDF5},
    ".h5": frozenset({_HDF5}),
    ".hdf5": frozenset({_HDF5}),
    ".keras": frozenset({_ZIP}),
    ".onnx": frozenset(),
}
"""What files of a suffix may hold. A file of none of the kinds that are distinguished here is not judged."""
_NEWEST_PICKLE = 5


def content_of(head: bytes) -> str:
    """What a file's first bytes show; empty where they are of no kind that is distinguished."""
    if head[:4] == b"GGUF":
        return _GGUF
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return _HDF5
    if head[:4] == LOCAL_MAGIC:
        return _ZIP
    if len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 100_000_000:
        return _SAFETENSORS
    if len(head) > 1 and head[:1] == b"\x80" and 2 <= head[1] <= _NEWEST_PICKLE:
        return _PICKLE
    return ""


def with_names(path: Path, found: Inspection) -> Inspection:
    """An inspection that also reports the model's misnamed files.

    Such a file is whole in its own format, so what its reader took for damage is not reported.
    """
    folder = path if path.is_dir() else path.parent
    weights = [file.path for file in found.model.files if file.format] if path.is_dir() else [path.name]
    misnamed = tuple(told for name in weights[:MOST_FILES] if (told := _misnamed(folder / name, name)) is not None)
    if not misnamed:
        return found
    members = {each.member for each in misnamed} | {Path(each.member).name for each in misnamed}
    defects = found.facts.value(keys.MODEL_DEFECTS)
    kept = tuple(defect for defect in defects if defect.member not in members)
    facts = found.facts.merged(
        {
            keys.MODEL_MISNAMED.name: Known(misnamed, found.facts.source(keys.MODEL_MISNAMED)),
            keys.MODEL_DEFECTS.name: Known(kept, found.facts.source(keys.MODEL_DEFECTS)),
        }
    )
    return msgspec.structs.replace(found, facts=facts)


def _misnamed(path: Path, name: str) -> Misnamed | None:
    suffix = path.suffix.lower()
    # Many programs name their files `.bin`; of these only transformers' own are known to be PyTorch's.
    torch = suffix == ".bin" and path.name.startswith("pytorch_model")
    meant = _TORCH if torch else _MEANT.get(suffix)
    if meant is None:
        return None
    try:
        with Source(path) as source:
            content = content_of(source.read(0, 16))
    except OSError:
        return None
    return Misnamed(member=name, suffix=suffix, content=content) if content and content not in meant else None

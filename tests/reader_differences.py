"""Changed safetensors and GGUF files, and what the formats' own readers say of each beside our verdict.

The readers are `safetensors`, `gguf` and llama.cpp's `gguf_init_from_buffer`, which xllamacpp's library exports. It may
end its process for some files, and so runs in one of its own.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import model_files
from airworthy.artifacts.encodings.source import Held
from airworthy.artifacts.formats.gguf import read_contents
from airworthy.artifacts.formats.safetensors import read_header

HARMLESS = frozenset({"padded"})
"""Kinds of defects that are warnings."""
_Q8_1 = 9
STRICTER = (
    "header: the header does not begin with a brace",
    "header: the header names",
    "header: a key with a zero byte",
    "header: a tensor's name with a zero byte",
    "header: a key of",
)
"""What we refuse by the text of a format, or because readers find different things in it, and no reader refuses."""
NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    12,
    13,
    31,
    32,
    33,
    63,
    64,
    255,
    1 << 31,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)


class Difference(NamedTuple):
    """A file of which a reader and we say different things."""

    content: bytes
    refused_by: str
    """The reader that refuses it, with its words; empty where all take it."""
    defects: tuple[str, ...]
    """What we say, `kind: detail`."""


def judged_safetensors(content: bytes) -> tuple[str, ...]:
    """The errors that we report of a safetensors file."""
    defects = read_header(Held(content, "model.safetensors")).defects
    return tuple(f"{each.kind}: {each.detail}" for each in defects if each.kind not in HARMLESS)


def judged_gguf(content: bytes) -> tuple[str, ...]:
    """The errors that we report of a GGUF file, its version's included."""
    found = read_contents(Held(content, "model.gguf"))
    version = ("version: 1",) if found.version == 1 else ()
    return version + tuple(f"{each.kind}: {each.detail}" for each in found.defects if each.kind not in HARMLESS)


def refused_by_safetensors(content: bytes) -> str:
    """What the library says of a file that it refuses."""
    library: Any = importlib.import_module("safetensors")
    try:
        library.deserialize(content)
    except Exception as error:  # noqa: BLE001 - whatever it raises
        return f"safetensors: {error}"
    return ""


def refused_by_gguf(content: bytes) -> str:
    """What the package says of a file that it refuses."""
    import gguf

    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(content)
        file.flush()
        try:
            gguf.GGUFReader(file.name)
        except Exception as error:  # noqa: BLE001 - whatever it raises
            # NumPy's limit for an array without elements says nothing of the file.
            return "" if "array is too big" in str(error) else f"gguf: {type(error).__name__}: {error}"
    return ""


def refused_by_llamacpp(contents: Sequence[bytes]) -> list[str]:
    """What llama.cpp says of files, for each its words or nothing; read in another process, begun anew if it ends."""
    answers: list[str] = []
    while len(answers) < len(contents):
        rest = contents[len(answers) :]
        sent = struct.pack("<I", len(rest)) + b"".join(struct.pack("<Q", len(each)) + each for each in rest)
        child = subprocess.run([sys.executable, __file__], input=sent, capture_output=True, check=False, timeout=300)
        lines = child.stdout.decode().splitlines()
        answers += [json.loads(line) for line in lines]
        if len(lines) < len(rest):
            answers.append(f"llama.cpp: ended with {child.returncode}")
    return answers


def _answer_for_llamacpp() -> None:
    import xllamacpp

    (library,) = Path(xllamacpp.__file__).parent.glob("xllamacpp*.so")
    llama = ctypes.CDLL(str(library))
    said: list[str] = []

    def log(_level: int, text: bytes, _data: int) -> None:
        said.append(text.decode("utf-8", "replace").strip())

    class Parameters(ctypes.Structure):
        _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))

    kept = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(log)
    llama.ggml_log_set(kept, None)
    llama.gguf_init_from_buffer.argtypes = (ctypes.c_char_p, ctypes.c_size_t, Parameters)
    llama.gguf_init_from_buffer.restype = ctypes.c_void_p
    llama.gguf_free.argtypes = (ctypes.c_void_p,)
    given = sys.stdin.buffer
    for _ in range(*struct.unpack("<I", given.read(4))):
        content = given.read(*struct.unpack("<Q", given.read(8)))
        said.clear()
        context = llama.gguf_init_from_buffer(content, len(content), Parameters(True, None))
        if context:
            llama.gguf_free(context)
        print(json.dumps("" if context else f"llama.cpp: {' / '.join(said)}"), flush=True)


# --- files ----------------------------------------------------------------------------------------------------------

_ENTRIES: tuple[Any, ...] = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    12,
    16,
    64,
    -1,
    1.0,
    1e3,
    True,
    None,
    "F32",
    "F16",
    "I8",
    "F4",
    "F6_E2M3",
    "F33",
    "",
    [],
    [2],
    [0],
    {},
)


def safetensors_files(chance: random.Random) -> Iterator[bytes]:
    """Files without end: whole ones, and ones with a header's entry, its text or the data changed."""
    kinds = (("F32", 32), ("F16", 16), ("I8", 8), ("I64", 64), ("F4", 4), ("F6_E2M3", 6), ("BOOL", 8), ("C64", 64))
    while True:
        entries: dict[str, Any] = {}
        at = 0
        for number in range(chance.randrange(4)):
            dtype, bits = chance.choice(kinds)
            shape = [chance.choice((0, 1, 2, 3, 8)) for _ in range(chance.randrange(3))]
            elements = 1
            for size in shape:
                elements *= size
            size = (elements * bits + 7) // 8
            entries[f"t{number}"] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        if chance.random() < 0.3:
            entries["__metadata__"] = {"format": "pt"}
        if entries and chance.random() < 0.4:
            _change(entries, chance)
        text = json.dumps(entries)
        if chance.random() < 0.3:
            text += " " * chance.randrange(9)
        if chance.random() < 0.2:
            text = _scribble(text, chance)
        raw = text.encode("utf-8", "surrogatepass")
        length = len(raw) + (chance.choice((-1, 1, 2)) if chance.random() < 0.05 else 0)
        data = max(0, at + (chance.choice((-1, 1, 4)) if chance.random() < 0.15 else 0))
        yield struct.pack("<Q", max(length, 0)) + raw + bytes(data)


def _change(entries: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(list(entries))
    entry = entries[name]
    key = chance.choice([*entry, "more"])
    place = entry.get(key)
    value = chance.choice(_ENTRIES)
    if isinstance(place, list) and place and chance.random() < 0.7:
        place[chance.randrange(len(place))] = value
    elif chance.random() < 0.8:
        entry[key] = value
    else:
        entries[name] = value


_SCRIBBLES = (
    '"',
    "{",
    "}",
    ",",
    " ",
    "\n",
    "\0",
    "NaN",
    "1e5",
    "\\ud800",
    "\\u0000",
    "é",
    "\x7f",
    '"t0":{},',
    "//",
    "0",
    "-0",
    "00",
)


def _scribble(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(_SCRIBBLES) + text[at + chance.randrange(2) :]


def gguf_files(chance: random.Random, folder: Path) -> Iterator[bytes]:
    """Files without end: whole ones, and ones with numbers, texts or types of the header changed."""
    path = folder / "made.gguf"
    while True:
        metadata: dict[str, Any] = {"general.architecture": "llama", "general.alignment": chance.choice((32, 64, 8))}
        for number in range(chance.randrange(4)):
            metadata[f"k{number}"] = chance.choice(("text", "", 5, True, 0.5, [1, 2], ["a", "b"], [], [[1], [2]]))
        tensors: dict[str, tuple[tuple[int, ...], int, bytes]] = {}
        for number in range(chance.randrange(4)):
            kind, elements, size = chance.choice(((0, 1, 4), (1, 1, 2), (2, 32, 18), (8, 32, 34), (24, 1, 1)))
            rows = chance.choice((1, 2, 3))
            shape = (rows, elements * chance.choice((1, 2)))
            name = f"t{number}" + "x" * chance.choice((0, 0, 0, 60, 61, 62))
            tensors[name] = (shape, kind, bytes(shape[0] * shape[1] // elements * size))
        alignment = metadata["general.alignment"]
        content = bytearray(model_files.gguf(path, metadata, tensors, alignment=alignment).read_bytes())
        header = len(content) - sum(len(raw) + -len(raw) % alignment for _, _, raw in tensors.values())
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            _change_bytes(content, max(header, 24), chance)
        yield bytes(content)


def _change_bytes(content: bytearray, header: int, chance: random.Random) -> None:
    if len(content) < 40:
        return
    at = chance.randrange(4, min(header, len(content) - 8))
    how = chance.randrange(6)
    if how == 0:
        content[at] = chance.randrange(256)
    elif how == 1:
        content[at : at + 8] = struct.pack("<Q", chance.choice(NUMBERS))
    elif how == 2:
        content[at : at + 4] = struct.pack("<I", chance.choice(NUMBERS) & 0xFFFFFFFF)
    elif how == 3:
        # A number that is there: mostly a length, a count or a type.
        places = [i for i in range(4, min(header, len(content) - 8)) if content[i] and not any(content[i + 1 : i + 4])]
        if places:
            place = chance.choice(places)
            content[place] = (content[place] + chance.choice((1, -1, 2, 8))) & 0xFF
    elif how == 4:
        del content[len(content) - chance.randrange(1, 40) :]
    else:
        content[8 + 8 * chance.randrange(2) : 16 + 8 * chance.randrange(1)] = struct.pack("<Q", chance.choice(NUMBERS))


def compare_safetensors(files: Sequence[bytes]) -> list[Difference]:
    """The files of which the library and we say different things."""
    told = (Difference(each, refused_by_safetensors(each), judged_safetensors(each)) for each in files)
    return [each for each in told if _differs(each)]


def _differs(each: Difference) -> bool:
    if each.refused_by:
        return not each.defects
    return bool(each.defects) and not each.defects[0].startswith(STRICTER)


def _is_disputed(content: bytes) -> bool:
    """Whether a tensor is of Q8_1, whose blocks have 40 bytes for the package gguf and 36 for llama.cpp.

    No file has one: llama.cpp makes them while it computes.
    """
    return any(kind == _Q8_1 for _, kind, _, _ in read_contents(Held(content, "model.gguf")).tensors)


def compare_gguf(files: Sequence[bytes]) -> list[Difference]:
    """The files of which we say nothing and a reader refuses, or the other way round."""
    found = []
    for content, llama in zip(files, refused_by_llamacpp(files), strict=True):
        if _is_disputed(content):
            continue
        refused = llama or refused_by_gguf(content)
        found.append(Difference(content, refused, judged_gguf(content)))
    return [each for each in found if _differs(each)]


if __name__ == "__main__":
    _answer_for_llamacpp()

"""Pickles at random, and which names the unpicklers of Python ask for when they read them.

An unpickler that is asked runs in a process of its own with limits on memory and time. It is a subclass whose
`find_class` writes the name down and gives back a stand-in that accepts everything and does nothing: nothing is
imported. Each pickle is read from bytes, from a file that can be peeked into and from one that can't.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import io
import json
import pickle
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from airworthy.artifacts.encodings.pickle_names import ALLOWED
from airworthy.artifacts.encodings.pickle_opcodes import Bounded
from airworthy.artifacts.encodings.pickles import scan

_READER = """
import io, json, pickle, signal, struct, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
except ImportError:
    pass
class Inert(object):
    def __new__(cls, *args, **kwargs): return object.__new__(cls)
    def __init__(self, *args, **kwargs): pass
    def __call__(self, *args, **kwargs): return Inert()
    def __setstate__(self, state): pass
    def __setitem__(self, key, value): pass
    def __hash__(self): return 1
    def append(self, value): pass
    def extend(self, values): pass
    def add(self, value): pass
    def update(self, values): pass
asked = []
class C(pickle.Unpickler):
    def find_class(self, module, name):
        asked.append((module, name))
        return Inert
    def persistent_load(self, pid): return Inert()
class Pure(pickle._Unpickler):
    def find_class(self, module, name):
        asked.append((module, name))
        return Inert
    def persistent_load(self, pid): return Inert()
class Plain(object):
    def __init__(self, data): self.file = io.BytesIO(data)
    def read(self, count=-1): return self.file.read(count)
    def readline(self): return self.file.readline()
class Slow(Exception): pass
def slow(*_): raise Slow()
signal.signal(signal.SIGALRM, slow)
stdin, stdout = sys.stdin.buffer, sys.stdout
while True:
    head = stdin.read(4)
    if len(head) < 4: break
    data = stdin.read(struct.unpack("<I", head)[0])
    del asked[:]
    files = (io.BytesIO, lambda data: io.BufferedReader(io.BytesIO(data), 64), Plain)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        for made, kind in [(each, C) for each in files] + [(io.BytesIO, Pure)]:
            try: kind(made(data)).load()
            except Slow: raise
            except Exception: pass
    except Slow: pass
    finally: signal.setitimer(signal.ITIMER_REAL, 0)
    stdout.write(json.dumps(sorted(set(asked))) + "\\n")
stdout.flush()
"""
"""For any Python from 3.6; read by `-c`."""


class Difference(NamedTuple):
    """A name that an unpickler asked for and that was not seen."""

    data: bytes
    name: str


class Compared(NamedTuple):
    """What the unpicklers of one Python asked for."""

    asked: int
    """Names, of each pickle once."""
    refused: int
    """Those of them that are not allowed."""
    unseen: list[Difference]
    """Those that following the pickle neither named nor refused with the pickle."""


def pythons() -> list[str]:
    """The interpreters at hand: this one, and those of version managers."""
    found = [sys.executable]
    for pattern in (".pyenv/versions/3.*/bin/python", ".local/share/uv/python/*/bin/python3"):
        found += sorted(str(path) for path in Path.home().glob(pattern))
    return [each for each in found if _answers(each)]


def _answers(python: str) -> bool:
    try:
        return asked(python, [b"cos\nsystem\n."]) == [[("os", "system")]]
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def asked(python: str, pickles: list[bytes], limit: float = 600) -> list[list[tuple[str, str]]]:
    """The modules and names that the unpicklers of a Python ask for, of each pickle."""
    sent = b"".join(struct.pack("<I", len(data)) + data for data in pickles)
    done = subprocess.run([python, "-I", "-c", _READER], input=sent, capture_output=True, timeout=limit, check=True)
    answers = [[(module, name) for module, name in json.loads(line)] for line in done.stdout.splitlines()]
    if len(answers) != len(pickles):
        raise ValueError(f"{len(answers)} answers to {len(pickles)} pickles")
    return answers


def compare(python: str, pickles: list[bytes]) -> Compared:
    """What a Python asks for, beside what following the pickles sees."""
    count = refused = 0
    unseen = []
    for data, names in zip(pickles, asked(python, pickles), strict=True):
        found = scan(Bounded(io.BytesIO(data)), "m")
        followed = not any(each.reason for each in found.imports)
        told = {each.name for each in found.imports}
        passed = all(each.allowed for each in found.imports)
        for module, name in names:
            joined = f"{module}.{name}"
            count += 1
            refused += joined not in ALLOWED
            if (followed and joined[:300] not in told) or (passed and joined not in ALLOWED):
                unseen.append(Difference(data, joined))
    return Compared(count, refused, unseen)


# --- pickles at random ----------------------------------------------------------------------------------------------

_MODULES = ("os", "builtins", "collections", "torch._utils", "numpy", "x", "os.path", "", "évil", "a b", "datetime")
_NAMES = ("system", "eval", "OrderedDict", "_rebuild_tensor_v2", "dtype", "date", "a.b", "", "y z", "set", "Counter")


class Writer:
    """Writes one pickle at random."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.parts: list[bytes] = []

    def text(self, value: str) -> bytes:
        """A text by one of the opcodes that make one."""
        raw = value.encode("utf-8")
        kind = self.chance.randrange(8)
        if kind == 0:
            return b"X" + struct.pack("<I", len(raw)) + raw
        if kind == 1:
            return b"\x8d" + struct.pack("<Q", len(raw)) + raw
        if kind == 2:
            return b"V" + value.encode("raw-unicode-escape") + b"\n"
        if kind == 3:
            return b"S'" + value.encode("ascii", "backslashreplace") + b"'\n"
        if kind == 4:
            return b"U" + bytes((len(raw),)) + raw
        if kind == 5:
            return b"T" + struct.pack("<i", len(raw)) + raw
        return b"\x8c" + bytes((len(raw),)) + raw

    def name(self) -> list[bytes]:
        """A name that is imported, by one of the opcodes that do."""
        module, name = self.chance.choice(_MODULES), self.chance.choice(_NAMES)
        kind = self.chance.randrange(5)
        if kind == 0:
            return [b"(", self.value(), b"i" + f"{module}\n{name}\n".encode()]
        if kind <= 2:
            return [self.text(module), self.text(name), b"\x93"]
        return [b"c" + f"{module}\n{name}\n".encode()]

    def value(self) -> bytes:
        """A plain value."""
        chance = self.chance
        number = chance.randrange(300)
        return chance.choice(
            (
                *(b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f", b"K\x07", b"M\x01\x02", b"J\x01\0\0\0"),
                *(b"I%d\n" % number, b"L%dL\n" % number, b"F1.5\n", b"G" + bytes(8), b"I0x1f\n", b"I01\n"),
                *(b"\x8a\x02\x01\x02", b"\x8b\x02\0\0\0\x01\x02", b"C\x03abc", b"B\x03\0\0\0abc", b"P12\n"),
                *(b"\x96\x03" + bytes(7) + b"abc", b"\x8e\x03" + bytes(7) + b"abc"),
                self.text(chance.choice(_MODULES + _NAMES)),
            )
        )

    def step(self) -> list[bytes]:
        """An opcode or some that belong together."""
        chance = self.chance
        kind = chance.randrange(16)
        slot = chance.randrange(6)
        if kind <= 2:
            return self.name()
        if kind == 3:
            return [*self.name(), b"(", self.value(), b"t", b"R"]
        if kind == 4:
            return [*self.name(), b")", b"\x81"]
        if kind == 5:
            return [*self.name(), b")", b"}", b"\x92"]
        if kind == 6:
            return [b"(", *self.name(), self.value(), b"o"]
        if kind == 7:
            return [chance.choice((b"p%d\n" % slot, b"q" + bytes((slot,)), b"r" + struct.pack("<I", slot), b"\x94"))]
        if kind == 8:
            return [chance.choice((b"g%d\n" % slot, b"h" + bytes((slot,)), b"j" + struct.pack("<I", slot)))]
        if kind == 9:
            return [chance.choice((b"0", b"1", b"2", b"(", b"Q", b"\x97", b"\x98", b"\x93", b"R", b"b", b"a", b"s"))]
        if kind == 10:
            return [
                b"(",
                self.value(),
                self.value(),
                chance.choice((b"t", b"l", b"d", b"\x91", b"e", b"u", b"\x90", b"1")),
            ]
        if kind == 11:
            return [self.value(), self.value(), chance.choice((b"\x86", b"\x87", b"\x85", b"a", b"s", b"b"))]
        if kind == 12:
            return [b"\x80" + bytes((chance.randrange(6),))]
        return [self.value()]

    def write(self) -> bytes:
        """The pickle."""
        chance = self.chance
        self.parts = [b"\x80" + bytes((chance.randrange(6),))] if chance.random() < 0.8 else []
        for _ in range(chance.randrange(1, 14)):
            self.parts += self.step()
        self.parts.append(b".")
        if chance.random() < 0.5:
            self.frame()
        return b"".join(self.parts)

    def frame(self) -> None:
        """Put frames around some opcodes, most of them of a wrong length."""
        chance = self.chance
        for _ in range(chance.randrange(1, 4)):
            start = chance.randrange(len(self.parts))
            stop = chance.randrange(start, len(self.parts) + 1)
            length = sum(len(each) for each in self.parts[start:stop])
            length = max(0, length + chance.choice((0, 0, 0, 1, -1, 2, -3, 7, chance.randrange(40))))
            self.parts.insert(start, b"\x95" + struct.pack("<Q", length))


class _Point:
    def __init__(self) -> None:
        self.x = 1


_NATURAL = (
    {"a": [1, 2.5, None, True], "b": (1, "é", b"y"), "c": {1, 2}, "d": 2**70},
    collections.OrderedDict(a=1, b=[collections.Counter("hello")]),
    [dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc), decimal.Decimal("1.5"), range(3), complex(1, 2)],
    [_Point(), _Point],
    ["x" * 300, b"y" * 300, ["nested", ["deep", ["er"]]]] * 3,
    bytearray(b"abc"),
    [print, len, ValueError("x")],
)


def pickles(chance: random.Random) -> Iterator[bytes]:
    """Pickles without an end: made of opcodes, and natural ones with changed bytes, frames among them."""
    natural = [pickle.dumps(value, protocol=protocol) for value in _NATURAL for protocol in range(6)]
    while True:
        data = Writer(chance).write() if chance.random() < 0.7 else chance.choice(natural)
        for _ in range(chance.choice((0, 0, 1, 1, 2, 4))):
            at = chance.randrange(len(data) + 1)
            drop = chance.choice((0, 0, 1, 2, chance.randrange(12)))
            put = chance.choice((b"", bytes((chance.randrange(256),)), chance.choice(natural)[: chance.randrange(40)]))
            if chance.random() < 0.3:
                put = b"".join(Writer(chance).step())
            data = data[:at] + put + data[at + drop :]
        yield data

"""What a pickle would do if it were loaded: its opcodes are followed without importing or calling anything.

Names are judged by an allow-list, never by a list of bad ones. Whatever can't be followed to the end counts as not
allowed: an unpickler runs all that comes before the place where it fails.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from airworthy.artifacts.encodings.pickle_names import ALLOWED, WEIGHTS_ONLY
from airworthy.core.messages import say
from airworthy.core.values import PickleImport

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of pickles that are followed in one file."""
MOST_OPCODES = 1_000_000
"""Opcodes that are followed in one file."""
MOST_NAMES = 500
"""Different names of one member that are told."""
MOST_PARTS = 100_000_000
"""Parts that the value may unfold to; more is an attack on whoever hashes, compares or prints it."""
MOST_DEPTH = 50
"""Pickles within arrays within pickles, as joblib nests them."""
PROOF = 8
"""Opcodes after the mark of a protocol that make a pickle of a file, whatever follows them."""


class Readable(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, count: int, /) -> bytes:
        """The next bytes."""

    def readline(self, limit: int, /) -> bytes:
        """The next bytes up to a line end."""

    def tell(self) -> int:
        """The place in the file."""


class Storage(NamedTuple):
    """A run of elements that a PyTorch pickle refers to by key."""

    kind: str
    """Its class, `torch.FloatStorage`."""
    key: str
    """The name under which its bytes are found."""
    elements: int
    """How many elements it has."""


class TensorRef(NamedTuple):
    """A tensor that a PyTorch pickle makes of a storage."""

    name: str
    """Where it stands in the value, `model.encoder.weight`."""
    storage: Storage
    """What it is made of."""
    offset: int
    """Elements of the storage before its first."""
    shape: tuple[int, ...]
    """Its sizes."""
    stride: tuple[int, ...]
    """Elements between neighbours along each axis."""
    dtype: str = ""
    """Its type where the storage has none of its own, `torch.float8_e4m3fn`."""


class Scan(NamedTuple):
    """What one pickle would do."""

    imports: tuple[PickleImport, ...]
    """The names it imports; the last one tells why it could not be followed, where that is so."""
    storages: tuple[Storage, ...]
    """The storages it refers to, each once."""
    tensors: tuple[TensorRef, ...]
    """The tensors it makes of them, by name."""
    value: Any
    """What it makes, where that is a number or a text; otherwise something opaque."""
    texts: tuple[str, ...]
    """The texts in it, where it makes a list of nothing else."""
    broken: str
    """Why it could not be followed to its end; empty when it could."""
    damaged: bool
    """Whether no unpickler could load it; false for one that only goes where we don't follow."""
    end: int
    """Where it ends in the file."""


class Unfollowable(Exception):
    """A pickle does what a tensor file never does, or more than is followed."""


class Impossible(Exception):
    """A pickle that no unpickler could load."""


class Bounded:
    """A file whose reading is limited, in bytes and in opcodes, over all pickles in it."""

    def __init__(self, file: Readable, most: int = MOST_BYTES) -> None:
        self._file = file
        self._bytes = most
        self.opcodes = MOST_OPCODES

    def read(self, count: int) -> bytes:
        """The next bytes."""
        if count > self._bytes:
            raise Unfollowable(say("it is longer than {limit:bytes}", limit=MOST_BYTES))
        self._bytes -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """The next line."""
        line = self._file.readline(self._bytes + 1)
        if len(line) > self._bytes:
            raise Unfollowable(say("it is longer than {limit:bytes}", limit=MOST_BYTES))
        self._bytes -= len(line)
        return line

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()

    def skip(self, count: int) -> None:
        """Step over bytes that are no opcodes; they don't count."""
        seek = getattr(self._file, "seek", None)
        if seek is None:
            raise Unfollowable(say("it cannot be stepped over"))
        if count >= 1 << 62:
            raise Unfollowable(say("it cannot be stepped over"))
        seek(count, io.SEEK_CUR)

    def rewind(self, place: int) -> bool:
        """Go back to a place; whether that could be done."""
        seek = getattr(self._file, "seek", None)
        if seek is not None:
            seek(place)
        return seek is not None


class _Global(NamedTuple):
    name: str


class _Opaque:
    """A value that nothing depends on."""


class _Group:
    """A list, a set or a table: what was put into it, in order."""

    __slots__ = ("keyed", "parts")

    def __init__(self, parts: list[Any], *, keyed: bool = False) -> None:
        self.parts = parts
        self.keyed = keyed

    def items(self) -> dict[str, Any]:
        """A table's entries under texts."""
        pairs = zip(self.parts[::2], self.parts[1::2], strict=False) if self.keyed else ()
        return {key: value for key, value in pairs if isinstance(key, str)}


class _Made:
    """What a call made: of which name, with which arguments and state."""

    __slots__ = ("args", "name", "parts", "state")

    def __init__(self, name: str, args: Any) -> None:
        self.name = name
        self.args = args if isinstance(args, tuple) else ()
        self.state: Any = None
        self.parts: list[Any] = []


_OPAQUE = _Opaque()
_MARK = _Opaque()
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


def scan(file: Bounded, member: str, *, weights_only: bool = False) -> Scan:
    """Follow the pickle that starts where the file stands. Never raises for any bytes.

    Args:
        file: stands at the pickle's beginning.
        member: what the imports are told to be of.
        weights_only: whether names are also held against what `torch.load(weights_only=True)` takes.
    """
    start = file.tell()
    found = _follow(file, member, weights_only, arrays=False)
    if any(each.name == _WRAPPER for each in found.imports) and file.rewind(start):
        # joblib puts arrays between the opcodes, `pickle.load` would take them for opcodes: both readings count.
        other = _follow(file, member, weights_only, arrays=True)
        names = [each for each in found.imports if each.name != found.broken]
        return other._replace(imports=tuple(dict.fromkeys((*names, *other.imports))))
    return found


def _follow(file: Bounded, member: str, weights_only: bool, *, arrays: bool) -> Scan:
    machine = _Machine(file if arrays else None)
    broken = ""
    damaged = False
    try:
        machine.run(file)
        if _unfolded(machine.root) > MOST_PARTS:
            raise Unfollowable(say("it unfolds to more than {count} parts", count=MOST_PARTS))
    except Exception as error:  # noqa: BLE001 - pickletools and our machine fail in many ways on hostile bytes
        damaged = not isinstance(error, Unfollowable)
        text = str(error) or type(error).__name__
        broken = say("not followed to its end: {problem}", problem=" ".join(text.split())[:200])

    def judged(name: str) -> PickleImport:
        taken = not weights_only or name in WEIGHTS_ONLY
        return PickleImport(member=member, name=name, allowed=name in ALLOWED, weights_only=taken)

    def refused(name: str) -> PickleImport:
        return PickleImport(member=member, name=name, allowed=False, weights_only=not weights_only)

    imports = [judged(name) for name in machine.names]
    if machine.more:
        imports.append(refused(say("more than {count} names", count=MOST_NAMES)))
    if broken:
        imports.append(refused(broken))
    value = machine.root if isinstance(machine.root, (int, str)) else _OPAQUE
    tensors = () if broken else tuple(_tensors(machine.root))
    texts = tuple(machine.root.parts) if isinstance(machine.root, _Group) and not machine.root.keyed else ()
    if not all(isinstance(each, str) for each in texts):
        texts = ()
    return Scan(tuple(imports), tuple(machine.storages.values()), tensors, value, texts, broken, damaged, file.tell())


def _parts(value: Any) -> Any:
    """What a value holds."""
    if isinstance(value, (_Global, Storage)):
        return ()
    if isinstance(value, tuple):
        return value
    if isinstance(value, _Group):
        return value.parts
    if isinstance(value, _Made):
        return (*value.args, value.state, *value.parts)
    return ()


def _unfolded(root: Any) -> int:
    """How many parts a value has when each is counted as often as it is met on a walk; shared ones many times."""
    sizes: dict[int, int] = {}
    pending = [(root, False)]
    while pending:
        value, done = pending.pop()
        held = _parts(value)
        if not held or (not done and id(value) in sizes):
            continue
        if done:
            sizes[id(value)] = min(1 + sum(sizes.get(id(part), 1) for part in held), MOST_PARTS + 1)
        else:
            sizes[id(value)] = 1  # met again before it is done: it holds itself
            pending.append((value, True))
            pending += [(part, False) for part in held]
    return sizes.get(id(root), 1)


def _tensors(root: Any) -> Iterator[TensorRef]:
    """The tensors in a value, by where they stand in its tables and lists."""
    pending: list[tuple[str, Any]] = [("", root)]
    seen: set[int] = set()
    while pending:
        name, value = pending.pop()
        if isinstance(value, _Made) and value.name.startswith("torch._utils._rebuild_"):
            yield from _rebuilt(name, value)
            if value.name.rpartition(".")[2] in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
                pending += [(name, part) for part in value.args[:1]]
            continue
        if not _parts(value) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, _Made) and value.name == "torch._tensor._rebuild_from_type_v2" and len(value.args) > 2:
            inner = value.args[2]
            if isinstance(value.args[0], _Global) and isinstance(inner, tuple):
                pending.append((name, _Made(value.args[0].name, inner)))
            continue
        entries: list[tuple[str, Any]] = []
        if (isinstance(value, _Group) and value.keyed) or (isinstance(value, _Made) and value.parts):
            pairs = zip(value.parts[::2], value.parts[1::2], strict=False)
            entries = [(str(key), part) for key, part in pairs if isinstance(key, (str, int))]
        if isinstance(value, _Made):
            entries += [("", value.state)] if value.state is not None else []
            entries += [("", part) for part in value.args]
        elif not isinstance(value, _Group) or not value.keyed:
            entries = [(str(index), part) for index, part in enumerate(_parts(value))]
        pending += [(f"{name}.{key}" if name and key else name or key, part) for key, part in reversed(entries)]


def _rebuilt(name: str, made: _Made) -> Iterator[TensorRef]:
    if made.name.rpartition(".")[2] not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
        return
    storage, offset, shape, stride = (*made.args[:4], *(None,) * 4)[:4]
    if isinstance(storage, Storage) and isinstance(offset, int) and _are_sizes(shape) and _are_sizes(stride):
        last = made.args[6] if made.name.endswith("_v3") and len(made.args) > 6 else None
        dtype = last.name if isinstance(last, _Global) else ""
        yield TensorRef(name[:500], storage, offset, tuple(shape), tuple(stride), dtype)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(each) is int and 0 <= each < 1 << 60 for each in value)


def is_pickle(file: Bounded, size: int) -> bool:
    """Whether bytes begin as a pickle does: opcode after opcode, without one that does not exist.

    Args:
        file: stands at the beginning.
        size: how many bytes there are; running out of them is no proof against it.
    """
    names = set()
    steps = 0
    try:
        for opcode, argument, place in pickletools.genops(file):  # type: ignore[arg-type]
            if place == 0 and opcode.name == "PROTO" and argument not in range(6):
                return False
            names.add(opcode.name)
            steps += 1
            if place is not None and place > 4096:
                break
    except Exception:  # noqa: BLE001 - pickletools fails in many ways
        if file.tell() < size and not ("PROTO" in names and steps >= PROOF):
            return False
    # Without the mark of protocol 2 and later, a text of a few letters could pass: it must build or import something.
    return "PROTO" in names or (len(names) > 1 and not names.isdisjoint(_TELLING))


_TELLING = {"GLOBAL", "INST", "MARK", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "BINUNICODE", "REDUCE"}


class _Machine:
    """The unpickler's stack and memo, with names in the place of objects."""

    def __init__(self, file: Bounded | None = None, depth: int = 0) -> None:
        self.file = file  # where joblib's arrays are stepped over; None to take everything for opcodes
        self.depth = depth
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[str, None] = {}
        self.more = False
        self.storages: dict[tuple[str, str], Storage] = {}
        self.root: Any = _OPAQUE

    def run(self, file: Bounded) -> None:
        """Follow one pickle to its end."""
        for opcode, argument, _ in pickletools.genops(file):  # type: ignore[arg-type]
            file.opcodes -= 1
            if file.opcodes < 0:
                raise Unfollowable(say("it has more than {count} steps", count=MOST_OPCODES))
            self.step(opcode.name, argument)

    def step(self, name: str, argument: Any) -> None:
        if name in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif name in _PUSH_OPAQUE:
            self.stack.append(_PUSH_OPAQUE[name])
        elif name in _PUSH_EMPTY:
            self.stack.append(_Group([], keyed=_PUSH_EMPTY[name]))
        elif name in _POPS:
            self.fill(self.pop(_POPS[name]))
        elif name in _CLOSES:
            self.stack.append(_Group(self.to_mark(), keyed=_CLOSES[name]))
        elif name in _EXTENDS:
            self.fill(self.to_mark())
        elif name in _TUPLES:
            self.stack.append(tuple(self.pop(_TUPLES[name])))
        elif name in _PUTS:
            self.memo[argument] = self.peek()
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _CALLS:
            target, *args = self.pop(_CALLS[name])
            self.called(target, args[0])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _NOTHING:
            raise Unfollowable(say("opcode {name}", name=name))

    def fill(self, values: list[Any]) -> None:
        target = self.peek()
        if isinstance(target, (_Group, _Made)):
            target.parts += values
        elif isinstance(target, _Global) and values:
            raise Unfollowable(say("it changes a class or a function"))

    def pop(self, count: int) -> list[Any]:
        if count == 0:
            return []
        if len(self.stack) < count or _MARK in self.stack[-count:]:
            raise Impossible(say("it takes more from its stack than is there"))
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def peek(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise Impossible(say("it takes more from its stack than is there"))
        return self.stack[-1]

    def to_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise Impossible(say("it looks for a mark that is not there"))

    def found(self, name: str) -> None:
        if len(self.names) < MOST_NAMES:
            self.names.setdefault(name[:300])
        elif name not in self.names:
            self.more = True
        self.stack.append(_Global(name))

    def stop(self, _: Any) -> None:
        self.root = self.peek()

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def drop(self, _: Any) -> None:
        if not self.stack:
            raise Impossible(say("it takes more from its stack than is there"))
        self.stack.pop()

    def drop_to_mark(self, _: Any) -> None:
        self.to_mark()

    def tuple_(self, _: Any) -> None:
        self.stack.append(tuple(self.to_mark()))

    def duplicate(self, _: Any) -> None:
        self.stack.append(self.peek())

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.peek()

    def global_(self, argument: str) -> None:
        # pickletools joins module and name by a space; more than one of them leaves open which is which.
        self.found(argument.replace(" ", ".", 1) if argument.count(" ") == 1 else repr(argument))

    def stack_global(self, _: Any) -> None:
        module, name = self.pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Unfollowable(say("it imports a name that it works out first"))
        self.found(f"{module}.{name}")

    def inst(self, argument: str) -> None:
        self.to_mark()
        self.global_(argument)
        self.stack[-1] = _Made(self.stack[-1].name, ())

    def obj(self, _: Any) -> None:
        values = self.to_mark()
        self.called(values[0] if values else None, tuple(values[1:]))

    def called(self, target: Any, args: Any) -> None:
        if not isinstance(target, _Global):
            raise Unfollowable(say("it calls something that is no name"))
        name = target.name
        if name.rpartition(".")[2] in _MAKERS and isinstance(args, tuple) and args and isinstance(args[0], _Global):
            name = args[0].name  # what is made is an object of the class that the maker was given
        if name.rpartition(".")[2] in ("bytearray", "bytes") and isinstance(args, tuple) and len(args) == 1:
            size = args[0]
            if isinstance(size, int) and size > MOST_BYTES:
                raise Unfollowable(say("it asks for {size:bytes}", size=size))
        self.stack.append(_Made(name, args))

    def build(self, _: Any) -> None:
        (state,) = self.pop(1)
        target = self.peek()
        if isinstance(target, _Global):
            raise Unfollowable(say("it changes a class or a function"))
        if isinstance(target, _Made):
            target.state = state
            if target.name == _WRAPPER and self.file is not None:
                self.skip_array(state.items() if isinstance(state, _Group) else {})

    def skip_array(self, state: dict[str, Any]) -> None:
        """Step over an array that joblib keeps between the opcodes; one of objects is a pickle of its own."""
        shape: Any = state.get("shape")
        dtype = state.get("dtype")
        code = dtype.args[0] if isinstance(dtype, _Made) and dtype.name == "numpy.dtype" and dtype.args else None
        if self.file is not None and isinstance(code, str) and code.startswith("O") and self.depth < MOST_DEPTH:
            inner = _Machine(self.file, self.depth + 1)
            inner.run(self.file)
            self.names |= inner.names
            self.more = self.more or inner.more
            self.stack[-1].parts.append(inner.root)
            return
        width = code[1:] if isinstance(code, str) and code[:1] in "biufcSV" else ""
        if self.file is None or not _are_sizes(shape) or not (width.isdigit() and len(width) < 6):
            raise Unfollowable(say("it holds an array that is not plain numbers"))
        if isinstance(state.get("numpy_array_alignment_bytes"), int):
            (padding,) = self.file.read(1) or b"\0"
            self.file.skip(padding)
        self.file.skip(math.prod(shape) * int(width))

    def extension(self, argument: Any) -> None:
        self.found(say("copyreg extension {code}", code=argument))

    def persistent(self, _: Any) -> None:
        (value,) = self.pop(1)
        storage = _storage(value)
        if storage is not None:
            self.storages[storage.kind, storage.key] = storage
            self.stack.append(storage)
            return
        # An older PyTorch file wraps the class of a module so, to keep its source beside it.
        module = isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str) and value[0] == "module"
        self.stack.append(value[1] if module else _OPAQUE)

    def persistent_text(self, _: Any) -> None:
        self.stack.append(_OPAQUE)


def _storage(value: Any) -> Storage | None:
    """The storage that a persistent id `("storage", class, key, device, elements, …)` stands for."""
    if not isinstance(value, tuple) or len(value) < 5 or not isinstance(value[0], str) or value[0] != "storage":
        return None
    _, kind, key, _, elements = value[:5]
    if not isinstance(kind, _Global) or not isinstance(key, str) or not isinstance(elements, int):
        return None
    return Storage(kind.name, key, elements) if 0 <= elements < 1 << 60 else None


_PUSH_ARGUMENT = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
}
_PUSH_OPAQUE = {
    **dict.fromkeys(("FLOAT", "BINFLOAT", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "BYTEARRAY8"), _OPAQUE),
    "NEXT_BUFFER": _OPAQUE,
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
}
_PUSH_EMPTY = {"EMPTY_LIST": False, "EMPTY_SET": False, "EMPTY_DICT": True}
_POPS = {"APPEND": 1, "SETITEM": 2, "READONLY_BUFFER": 0}
_CLOSES = {"LIST": False, "FROZENSET": False, "DICT": True}
_EXTENDS = frozenset(("APPENDS", "SETITEMS", "ADDITEMS"))
_MAKERS = ("_reconstructor", "__newobj__", "__newobj_ex__")
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "STOP": _Machine.stop,
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_to_mark,
    "DUP": _Machine.duplicate,
    "MEMOIZE": _Machine.memoize,
    "TUPLE": _Machine.tuple_,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "INST": _Machine.inst,
    "OBJ": _Machine.obj,
    "BUILD": _Machine.build,
    "EXT1": _Machine.extension,
    "EXT2": _Machine.extension,
    "EXT4": _Machine.extension,
    "PERSID": _Machine.persistent_text,
    "BINPERSID": _Machine.persistent,
}
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_NOTHING = frozenset(("PROTO", "FRAME"))

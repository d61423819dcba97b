"""The unpickler's stack and memo, with names in the place of objects: nothing is imported or called."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from airworthy.artifacts.encodings.joblib_arrays import WRAPPER, hides_objects, stored_array
from airworthy.artifacts.encodings.pickle_opcodes import MOST_BYTES, OPAQUE, Bounded, Impossible, Unfollowable, steps
from airworthy.artifacts.encodings.pickle_values import Global, Group, Made, TorchStorage, storage_of
from airworthy.core.messages import say

MOST_NAMES = 500
"""Different names of one member that are listed."""
MOST_DEPTH = 50
"""Pickles within arrays within pickles, as joblib nests them."""
MOST_RANGE = 10_000_000
"""Numbers of a range that a call may unfold."""
_MAKERS = ("_reconstructor", "__newobj__", "__newobj_ex__")
_UNDERFLOW = say("it takes more from its stack than is there")


class Machine:
    """What follows one pickle."""

    def __init__(self, arrays: Bounded | None = None, depth: int = 0) -> None:
        """Follow a pickle as `pickle.load` does, or with the file as `arrays` as `joblib.load`, which reads those."""
        self.arrays = arrays
        self.depth = depth
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[str, None] = {}
        self.more = False
        self.calls = 0
        self.shared = False
        """Whether a value that holds others is in two places, so that it may unfold to more than its opcodes."""
        self.storages: dict[tuple[str, str], TorchStorage] = {}
        self.root: Any = OPAQUE

    def run(self, file: Bounded) -> None:
        """Follow one pickle to its end.

        Raises:
            Unfollowable: it does what is not followed.
            Impossible: no unpickler could load it.
        """
        actions = _ACTIONS
        for name, argument in steps(file):
            actions[name](self, argument)

    def pop(self, count: int) -> list[Any]:
        """Take the last values from the stack."""
        fence = self.marks[-1] if self.marks else 0
        at = len(self.stack) - count
        if at < fence:
            raise Impossible(_UNDERFLOW)
        values = self.stack[at:]
        del self.stack[at:]
        return values

    def peek(self) -> Any:
        """The last value of the stack."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Impossible(_UNDERFLOW)
        return self.stack[-1]

    def to_mark(self) -> list[Any]:
        """Take the values above the last mark, and it, from the stack."""
        if not self.marks:
            raise Impossible(say("it looks for a mark that is not there"))
        at = self.marks.pop()
        values = self.stack[at:]
        del self.stack[at:]
        return values

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def again(self, value: Any) -> None:
        """Put a value on the stack that may be elsewhere already."""
        self.shared = self.shared or isinstance(value, (tuple, Group, Made))
        self.stack.append(value)

    def fill(self, values: list[Any]) -> None:
        """Put values into the list or table on top of the stack."""
        target = self.peek()
        if isinstance(target, (Group, Made)):
            target.parts += values
        elif isinstance(target, Global) and values:
            raise Unfollowable(say("it changes a class or a function"))

    def found(self, name: str) -> None:
        """Note a name that is imported, and put it on the stack."""
        if len(self.names) < MOST_NAMES:
            self.names.setdefault(name[:300])
        elif name not in self.names:
            self.more = True
        self.stack.append(Global(name))

    def called(self, target: Any, args: Any) -> None:
        """Put what a call makes on the stack."""
        self.calls += 1
        if not isinstance(target, Global):
            raise Unfollowable(say("it calls something that is no name"))
        name = target.name
        if name.rpartition(".")[2] in _MAKERS and isinstance(args, tuple) and args and isinstance(args[0], Global):
            name = args[0].name  # what is made is an object of the class that the maker was given
        if isinstance(args, tuple):
            if name.rpartition(".")[2] in ("bytearray", "bytes") and len(args) == 1:
                size = args[0]
                if isinstance(size, int) and size > MOST_BYTES:
                    raise Unfollowable(say("it asks for {size:bytes}", size=size))
            if any(isinstance(each, Made) and _is_long(each) for each in args):
                raise Unfollowable(say("it unfolds a range of more than {count} numbers", count=MOST_RANGE))
        self.stack.append(Made(name, args))

    def skip_array(self, target: Made) -> None:
        """Step over an array that joblib keeps between the opcodes; one of objects is a pickle of its own."""
        file = self.arrays
        if file is None:
            return
        if file.frame and file.frame != file.tell():
            raise Unfollowable(say("a frame of it goes on into the bytes of an array"))
        file.frame = 0
        array = stored_array(target)
        if array.objects:
            if self.depth >= MOST_DEPTH:
                raise Unfollowable(say("it holds arrays nested more than {count} deep", count=MOST_DEPTH))
            inner = Machine(file, self.depth + 1)
            # What an inner pickle would import counts, however far it can be followed.
            try:
                inner.run(file)
            finally:
                self.names |= inner.names
                self.more = self.more or inner.more
                self.calls += inner.calls
                self.shared = self.shared or inner.shared
            target.parts.append(inner.root)
            return
        if array.aligned:
            file.skip(file.byte())
        file.skip(math.prod(array.shape) * array.width)


def _is_long(made: Made) -> bool:
    is_range = made.name.rpartition(".")[2] in ("range", "xrange")
    return is_range and not all(isinstance(each, int) and abs(each) <= MOST_RANGE for each in made.args)


def _stop(machine: Machine, _: Any) -> None:
    machine.root = machine.peek()


def _drop(machine: Machine, _: Any) -> None:
    # A mark is no value, and yet POP takes it.
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop(1)


def _drop_to_mark(machine: Machine, _: Any) -> None:
    machine.to_mark()


def _put(machine: Machine, argument: int) -> None:
    if argument < 0:
        raise Impossible(say("it remembers under a negative number"))
    machine.memo[argument] = machine.peek()


def _get(machine: Machine, argument: int) -> None:
    if argument not in machine.memo:
        raise Impossible(say("it recalls {number}, which it never remembered", number=argument))
    machine.again(machine.memo[argument])


def _global(machine: Machine, argument: tuple[str, str]) -> None:
    machine.found(f"{argument[0]}.{argument[1]}")


def _stack_global(machine: Machine, _: Any) -> None:
    module, name = machine.pop(2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise Unfollowable(say("it imports a name that it works out first"))
    machine.found(f"{module}.{name}")


def _inst(machine: Machine, argument: tuple[str, str]) -> None:
    values = tuple(machine.to_mark())
    _global(machine, argument)
    machine.called(machine.stack.pop(), values)


def _obj(machine: Machine, _: Any) -> None:
    values = machine.to_mark()
    machine.called(values[0] if values else None, tuple(values[1:]))


def _call(machine: Machine, count: int) -> None:
    target, *args = machine.pop(count)
    machine.called(target, args[0])


def _build(machine: Machine, _: Any) -> None:
    (state,) = machine.pop(1)
    target = machine.peek()
    if isinstance(target, Global):
        raise Unfollowable(say("it changes a class or a function"))
    if isinstance(target, Made):
        target.builds += 1
        target.state = state
        if target.name == WRAPPER:
            machine.skip_array(target)
        elif target.name == "numpy.dtype" and hides_objects(target):
            raise Unfollowable(say("it makes a type of NumPy whose flags deny that it holds objects"))


def _persistent(machine: Machine, _: Any) -> None:
    (value,) = machine.pop(1)
    storage = storage_of(value)
    if storage is not None:
        machine.storages[storage.kind, storage.key] = storage
        machine.stack.append(storage)
        return
    # An older PyTorch file wraps the class of a module so, to keep its source beside it.
    module = isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str) and value[0] == "module"
    machine.stack.append(value[1] if module else OPAQUE)


def _pushes(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value)


def _groups(*, keyed: bool, marked: bool) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(Group(machine.to_mark() if marked else [], keyed=keyed))


def _fills(count: int) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.fill(machine.pop(count))


def _tuples(count: int) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.stack.append(tuple(machine.pop(count)))


def _calls(count: int) -> Callable[[Machine, Any], None]:
    return lambda machine, _: _call(machine, count)


_TAKEN_AS_IT_IS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
)
_OPAQUE = ("FLOAT", "BINFLOAT", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "BYTEARRAY8", "NEXT_BUFFER", "PERSID")
_ACTIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(_TAKEN_AS_IT_IS, Machine.push),
    **dict.fromkeys(_OPAQUE, _pushes(OPAQUE)),
    "NONE": _pushes(None),
    "NEWTRUE": _pushes(value=True),
    "NEWFALSE": _pushes(value=False),
    "EMPTY_LIST": _groups(keyed=False, marked=False),
    "EMPTY_SET": _groups(keyed=False, marked=False),
    "EMPTY_DICT": _groups(keyed=True, marked=False),
    "LIST": _groups(keyed=False, marked=True),
    "FROZENSET": _groups(keyed=False, marked=True),
    "DICT": _groups(keyed=True, marked=True),
    "APPEND": _fills(1),
    "SETITEM": _fills(2),
    "READONLY_BUFFER": _fills(0),
    **dict.fromkeys(("APPENDS", "SETITEMS", "ADDITEMS"), lambda machine, _: machine.fill(machine.to_mark())),
    "EMPTY_TUPLE": _pushes(()),
    "TUPLE1": _tuples(1),
    "TUPLE2": _tuples(2),
    "TUPLE3": _tuples(3),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.to_mark())),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    "REDUCE": _calls(2),
    "NEWOBJ": _calls(2),
    "NEWOBJ_EX": _calls(3),
    "PROTO": lambda _, __: None,
    "STOP": _stop,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": _drop,
    "POP_MARK": _drop_to_mark,
    "DUP": lambda machine, _: machine.again(machine.peek()),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "BUILD": _build,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), lambda machine, code: machine.found(f"copyreg extension {code}")),
    "BINPERSID": _persistent,
}

"""What a pickle would do if it were loaded: its opcodes are followed without importing or calling anything.

Names are judged by an allow-list, never by a list of bad ones. Whatever can't be followed to the end counts as not
allowed: an unpickler runs all that comes before the place where it fails.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from airworthy.artifacts.encodings.joblib_arrays import WRAPPER
from airworthy.artifacts.encodings.pickle_machine import MOST_NAMES, Machine
from airworthy.artifacts.encodings.pickle_names import ALLOWED, WEIGHTS_ONLY
from airworthy.artifacts.encodings.pickle_opcodes import OPAQUE, Bounded, PickleTruncated, Unfollowable, steps
from airworthy.artifacts.encodings.pickle_values import MOST_PARTS, Group, TensorRef, TorchStorage, tensors_in, unfolded
from airworthy.core.messages import say
from airworthy.core.values import PickleImport

PROOF = 8
"""Opcodes after the mark of a protocol that make a pickle of a file, whatever follows them."""
NEWEST_PROTOCOL = 5
"""The protocols that there are, from 0."""


class PickleScan(NamedTuple):
    """What one pickle would do."""

    imports: tuple[PickleImport, ...]
    """The names it imports; the last one says why it could not be followed, where that is so."""
    storages: tuple[TorchStorage, ...]
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
    calls: int = 0
    """How many things it calls."""
    ended: bool = False
    """Whether it is damaged only in that it breaks off."""


def scan(file: Bounded, member: str, *, weights_only: bool = False) -> PickleScan:
    """Follow the pickle that starts where the file stands. Never raises for any bytes.

    Args:
        file: stands at the pickle's beginning.
        member: what the imports are described to be of.
        weights_only: whether names are also compared with what `torch.load(weights_only=True)` takes.
    """
    start = file.tell()
    found = _follow(file, member, weights_only, arrays=False)
    if any(each.name == WRAPPER for each in found.imports):
        # joblib puts arrays between the opcodes, `pickle.load` would take them for opcodes: both readings count.
        file.rewind(start)
        other = _follow(file, member, weights_only, arrays=True)
        names = itertools.takewhile(_can_be, (each for each in found.imports if not each.reason))
        return other._replace(imports=tuple(dict.fromkeys((*names, *other.imports))))
    return found


def _can_be(each: PickleImport) -> bool:
    """Whether a module of the name may exist.

    Taken for opcodes, a pickle within joblib's recalls what the outer one remembered: `NumpyArrayWrapper.dtype`. No
    package installs such a module, and `pickle.load` ends where it asks for it.
    """
    parts = each.name.split(".")
    return parts[0] != WRAPPER.rpartition(".")[2] and all(part.isidentifier() for part in parts)


def _follow(file: Bounded, member: str, weights_only: bool, *, arrays: bool) -> PickleScan:
    machine = Machine(file if arrays else None)
    broken = ""
    damaged = ended = False
    try:
        machine.run(file)
        if machine.shared and unfolded(machine.root) > MOST_PARTS:
            raise Unfollowable(say("it unfolds to more than {count} parts", count=MOST_PARTS))
    except Exception as error:  # noqa: BLE001 - numbers, texts and our machine fail in many ways on hostile bytes
        damaged, ended = not isinstance(error, Unfollowable), isinstance(error, PickleTruncated)
        text = str(error) or type(error).__name__
        broken = say("not followed to its end: {problem}", problem=" ".join(text.split())[:200])

    def judged(name: str) -> PickleImport:
        taken = not weights_only or name in WEIGHTS_ONLY
        return PickleImport(member=member, name=name, allowed=name in ALLOWED, weights_only=taken)

    imports = [judged(name) for name in machine.names]
    if machine.more:
        imports.append(unknown(member, say("more than {count} names", count=MOST_NAMES), weights_only=weights_only))
    if broken:
        imports.append(unknown(member, broken, weights_only=weights_only))
    root = machine.root
    value = root if isinstance(root, (int, str)) else OPAQUE
    tensors = tuple(tensors_in(root)) if machine.storages and not broken else ()
    texts = tuple(root.parts) if isinstance(root, Group) and not root.keyed else ()
    if not all(isinstance(each, str) for each in texts):
        texts = ()
    storages = tuple(machine.storages.values())
    return PickleScan(
        tuple(imports), storages, tensors, value, texts, broken, damaged, file.tell(), machine.calls, ended
    )


def unknown(member: str, reason: str, *, weights_only: bool = False) -> PickleImport:
    """What stands for the imports of a pickle that could not be followed."""
    return PickleImport(member=member[:200], name="", allowed=False, weights_only=not weights_only, reason=reason)


def is_pickle(file: Bounded, size: int) -> bool:
    """Whether bytes begin as a pickle does: opcode after opcode, without one that does not exist.

    Args:
        file: stands at the beginning.
        size: how many bytes there are; running out of them is no proof against it.
    """
    names = set()
    count = 0
    try:
        for name, argument in steps(file):
            if count == 0 and name == "PROTO" and argument > NEWEST_PROTOCOL:
                return False
            names.add(name)
            count += 1
            if file.tell() > 4096:
                break
    except Unfollowable:
        pass
    except PickleTruncated:
        if file.size < size and not ("PROTO" in names and count >= PROOF):
            return False
    except Exception:  # noqa: BLE001 - it fails in as many ways as following it does
        if file.tell() < size and not ("PROTO" in names and count >= PROOF):
            return False
    # Without the mark of protocol 2 and later, a text of a few letters could pass: it must build or import something.
    return "PROTO" in names or (len(names) > 1 and not names.isdisjoint(_TELLING))


_TELLING = {"GLOBAL", "INST", "MARK", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "BINUNICODE", "REDUCE"}


def is_one_value(head: bytes) -> bool:
    """Whether bytes are a whole pickle of one value without a protocol's mark: `N.`, `L1L` and a line end, `.`."""
    import io

    file = Bounded(io.BytesIO(head))
    return not scan(file, "").broken and file.tell() == len(head)

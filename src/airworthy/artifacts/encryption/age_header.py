"""The header of an age file (https://c2sp.org/age): what anyone may read, and nothing of it proven.

age-encryption.org/v1
-> KIND ARGUMENT …        a stanza for each recipient, its body in Base64 below it
--- MAC
"""

from __future__ import annotations

import binascii
import re
from collections import Counter

import msgspec

from airworthy.artifacts.encryption.errors import HeaderDamaged, NotEncrypted, VersionUnknown
from airworthy.core.messages import say

MAGIC = b"age-encryption.org/"
"""The first bytes of a binary age file; the version and a line feed follow."""
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
"""The first bytes of one that is carried as text."""
MOST_HEADER = 1024 * 1024
"""Bytes of a header that are read: about 500 recipients with post-quantum keys, 9,000 of the usual kind."""
CHUNK = 64 * 1024
"""Plain bytes of every chunk but the last."""
TAG = 16
"""Bytes that each chunk is longer than what was encrypted, and bytes of the nonce before the first."""
VERSION = "v1"

_STANZA = re.compile(rb"-> ([\x21-\x7e]+)((?: [\x21-\x7e]+)*)\Z")
_BODY = re.compile(rb"[A-Za-z0-9+/]{0,64}\Z")
_END = re.compile(rb"--- [A-Za-z0-9+/]{43}\Z")


class AgeHeader(msgspec.Struct, frozen=True):
    """What anyone may read of an age file."""

    kinds: tuple[str, ...]
    """The kind of each recipient, in order: `X25519`, `ssh-ed25519`, `scrypt`, a plugin's. They have no names."""
    end: int
    """Where the payload begins; 0 in one that is carried as text."""

    @property
    def summary(self) -> str:
        """The recipients in words: `2 recipients (X25519)`."""
        kinds = ", ".join(Counter(self.kinds))
        if len(self.kinds) == 1:
            return say("1 recipient ({kinds})", kinds=kinds)
        return say("{count} recipients ({kinds})", count=len(self.kinds), kinds=kinds)

    def chunks(self, size: int) -> int:
        """How many chunks a file of that size has; 0 where that can't be determined."""
        return -(-(size - self.end - TAG) // (CHUNK + TAG)) if self.end else 0


def is_age(head: bytes) -> bool:
    """Whether a file that begins so is an age file."""
    return head.startswith((MAGIC, ARMOR))


def read(head: bytes, path: object) -> AgeHeader:
    """The header at the start of an age file, from its first `MOST_HEADER` bytes or all there are.

    Raises:
        NotEncrypted: it is no age file.
        VersionUnknown: it is of another version of the format.
        HeaderDamaged: it can't be read, or ends within the header.
    """
    if head.startswith(ARMOR):
        return msgspec.structs.replace(_parse(_unarmored(head, path), path), end=0)
    if not head.startswith(MAGIC):
        raise NotEncrypted(path=path, start=head[:8].hex(" ") or say("nothing"))
    return _parse(head, path)


def _parse(head: bytes, path: object) -> AgeHeader:
    def broken(number: int) -> HeaderDamaged:
        return HeaderDamaged(path=path, reason=say("its line {number} is none of an age header", number=number))

    lines = head[:MOST_HEADER].split(b"\n")
    closed = lines[:-1]  # what follows the last line feed is no whole line
    version = closed[0].removeprefix(MAGIC).decode("latin-1") if closed else VERSION
    if version != VERSION:
        if not re.fullmatch(r"v[0-9]{1,4}", version):
            raise broken(1)
        raise VersionUnknown(path=path, version=version, known=VERSION)
    kinds: list[str] = []
    at = 1
    while at < len(closed):
        if closed[at].startswith(b"---"):
            if not kinds or not _END.match(closed[at]):
                raise broken(at + 1)
            end = sum(len(line) + 1 for line in closed[: at + 1])
            shown = tuple(kind for kind in kinds if not kind.endswith("-grease"))
            return AgeHeader(shown or tuple(kinds), end)
        stanza = _STANZA.match(closed[at])
        if stanza is None:
            raise broken(at + 1)
        kinds.append(stanza[1].decode("ascii"))
        at += 1
        while at < len(closed) and len(closed[at]) == 64 and _BODY.match(closed[at]):
            at += 1
        if at < len(closed):
            if not _BODY.match(closed[at]):
                raise broken(at + 1)
            at += 1
    reason = (
        say("the file ends within it")
        if len(head) < MOST_HEADER
        else say("it has more than {limit:bytes}", limit=MOST_HEADER)
    )
    raise HeaderDamaged(path=path, reason=reason)


def _unarmored(head: bytes, path: object) -> bytes:
    plain = bytearray()
    for line in head.splitlines()[1:]:
        if line.startswith(b"-----"):
            break
        try:
            plain += binascii.a2b_base64(line)
        except binascii.Error:
            break  # the last line that was read need not be whole; a wrong one shows in the header
    if not plain.startswith(MAGIC):
        raise HeaderDamaged(path=path, reason=say("there is no age header in the armor"))
    return bytes(plain)

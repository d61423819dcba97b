"""Compressed bodies: requests are unpacked within bounds, responses packed for clients that ask."""

from __future__ import annotations

import asyncio
import zlib

from airworthy.core.messages import say
from airworthy.serve import errors

ENCODINGS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
"""Content codings by name, as zlib's window bits. `deflate` is the zlib format, as the HTTP standard has it."""
_LEVEL = 1
_INLINE = 64 * 1024


async def unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    """A compressed body's content; the work is done off the event loop.

    Args:
        body: the bytes that came.
        encoding: the header `Content-Encoding`.
        limit: the most bytes that the content may have.

    Raises:
        RequestError: an unknown coding, damaged data, or more than the limit.
    """
    window = ENCODINGS.get(encoding.strip().lower())
    if window is None:
        raise errors.UnsupportedEncoding(encoding=encoding.decode("latin-1")[:50], known=tuple(_NAMES))
    return await asyncio.get_running_loop().run_in_executor(None, _unpack, body, window, limit)


def _unpack(body: bytes, window: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(window)
    try:
        content = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise errors.InvalidRequest(detail=say("the body cannot be unpacked: {error}", error=error)) from None
    if len(content) > limit:
        raise errors.BodyTooLarge(limit=limit)
    if not unpacker.eof:
        raise errors.InvalidRequest(detail=say("the compressed body ends too early"))
    # A second member would be allowed by the format; no client sends one, and thousands of empty ones would be work.
    if unpacker.unused_data:
        raise errors.InvalidRequest(detail=say("bytes are left over behind the compressed body"))
    return content


def wanted(accept: bytes) -> bytes | None:
    """The coding that a header `Accept-Encoding` prefers among ours; None for no compression."""
    best, best_weight = None, 0.0
    for part in accept.lower().split(b",")[:20]:
        name, _, parameters = part.partition(b";")
        name = name.strip()
        if name in ENCODINGS and (weight := _weight(parameters)) > best_weight:
            best, best_weight = name, weight
    return best


def _weight(parameters: bytes) -> float:
    name, _, value = parameters.partition(b"=")
    if name.strip() != b"q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


async def pack(body: bytes, encoding: bytes) -> bytes:
    """A body compressed; large ones off the event loop."""
    if len(body) <= _INLINE:
        return _pack(body, ENCODINGS[encoding])
    return await asyncio.get_running_loop().run_in_executor(None, _pack, body, ENCODINGS[encoding])


def _pack(body: bytes, window: int) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)
    return packer.compress(body) + packer.flush()


_NAMES = [name.decode() for name in ENCODINGS]

"""Bech32 (BIP 173) without its limit of 90 characters: how age writes keys."""

from __future__ import annotations

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


def encode(prefix: str, data: bytes) -> str:
    """The text of some bytes, in lower case."""
    values = _regroup(data, 8, 5, pad=True)
    remainder = _remainder([*_expand(prefix), *values, *[0] * _CHECKSUM]) ^ 1
    checksum = [remainder >> 5 * (_CHECKSUM - 1 - place) & 31 for place in range(_CHECKSUM)]
    return f"{prefix}1" + "".join(_LETTERS[value] for value in (*values, *checksum))


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in lower case, and the bytes of a text.

    Raises:
        ValueError: it is no Bech32, or its checksum is wrong.
    """
    if text not in (text.lower(), text.upper()):
        raise ValueError("upper and lower case are mixed")
    prefix, one, body = text.lower().rpartition("1")
    if not prefix or not one or len(body) < _CHECKSUM or any(letter not in _LETTERS for letter in body):
        raise ValueError("it is no Bech32")
    values = [_LETTERS.index(letter) for letter in body]
    if _remainder([*_expand(prefix), *values]) != 1:
        raise ValueError("its checksum is wrong")
    return prefix, bytes(_regroup(values[:-_CHECKSUM], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _remainder(values: list[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            remainder ^= generator if top >> place & 1 else 0
    return remainder


def _regroup(values: bytes | list[int], size: int, wanted: int, *, pad: bool) -> list[int]:
    """The same bits in groups of another size."""
    held = bits = 0
    regrouped = []
    for value in values:
        held = held << size | value
        bits += size
        while bits >= wanted:
            bits -= wanted
            regrouped.append(held >> bits & (1 << wanted) - 1)
        held &= (1 << bits) - 1
    if pad:
        return [*regrouped, held << wanted - bits] if bits else regrouped
    if bits >= size or held:
        raise ValueError("its padding is wrong")
    return regrouped

"""How much wider than AVX2 a processor computes, by its instruction set extensions.

Source: Intel 64 and IA-32 Architectures Optimization Reference Manual, chapters on AVX-512, VNNI and AMX: lanes of a
vector and products of an instruction. What clocks and ports allow of it is left to measuring.
"""

from __future__ import annotations

from collections.abc import Collection

_WIDER = {
    "float32": (("avx512f", 1.6), ("avx2", 1.0), ("neon", 0.6), ("asimd", 0.6)),
    "int8": (
        ("amx_int8", 8.0),
        ("avx512_vnni", 2.5),
        ("avx_vnni", 1.5),
        ("avx2", 1.0),
        ("asimddp", 1.2),
        ("asimd", 0.5),
    ),
}


def widened(flags: Collection[str], dtype: str) -> float:
    """The factor for a type; 1 where the extensions are not known."""
    return next((factor for flag, factor in _WIDER.get(dtype, ()) if flag in flags), 1.0)

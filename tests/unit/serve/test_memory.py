"""What is held without being used goes back, and nothing is done where there is nothing to gain."""

from __future__ import annotations

import gc

from airworthy.serve.http.memory import BURST, COLLECT_INTERVAL_S, MIN_YOUNG_OBJECTS, MemoryTrimmer


def test_memory_is_given_back_once_after_a_burst() -> None:
    trims: list[int] = []
    returns = MemoryTrimmer(lambda: trims.append(1), int)
    for connections in (10, BURST, 2 * BURST, BURST + 1, BURST + 1):
        returns.tick(connections, 0.0)
    assert not trims, "more than half of them are there"
    returns.tick(8, 0.0)
    assert not trims, "they are still going"
    for _ in range(3):
        returns.tick(8, 0.0)
    assert trims == [1]
    MemoryTrimmer().tick(0, 0.0)


def test_free_lists_are_emptied_now_and_then() -> None:
    emptied: list[int] = []
    returns = MemoryTrimmer(int, lambda: emptied.append(1))
    kept: list[list[None]] = []
    gc.disable()
    try:
        for second in range(2 * round(COLLECT_INTERVAL_S) + 1):
            kept += [[None] for _ in range(MIN_YOUNG_OBJECTS)]
            returns.tick(1, float(second))
    finally:
        gc.enable()
    assert len(emptied) == 2


def test_an_idle_gateway_collects_nothing() -> None:
    emptied: list[int] = []
    returns = MemoryTrimmer(int, lambda: emptied.append(1))
    gc.collect()
    for second in range(3):
        returns.tick(0, second * COLLECT_INTERVAL_S)
    assert not emptied

"""What of a language model fits into how much memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.values import AttentionCache
from airworthy.fit.generation import MIN_CONTEXT, USABLE_SHARE, DoesNotFit, compute_buffers, plan

MIB = 1 << 20
SMOLLM2 = AttentionCache(layers=30, heads=3, head_size=64, longest=8192)
WEIGHTS = 96_576_768
BUFFERS = compute_buffers(576, 1536, 49152)


def test_where_there_is_room_all_slots_get_the_models_context() -> None:
    bill = plan("smol", weights=WEIGHTS, cache=SMOLLM2, compute=BUFFERS, available=16 << 30)
    assert (bill.slots, bill.context, bill.cache_per_slot) == (4, 8192, 23_040 * 8192)


@pytest.mark.parametrize(
    ("slots", "context", "kind", "measured"),
    [(1, 1024, "f16", 192), (4, 1024, "f16", 259), (4, 4096, "f16", 529), (4, 4096, "q8_0", 361)],
)
def test_the_bill_holds_what_was_measured(slots: int, context: int, kind: str, measured: int) -> None:
    """Resident memory of a process with the model, after a prompt of 600 words (xllamacpp 2026.10, two cores)."""
    bill = plan(
        "smol",
        weights=WEIGHTS,
        cache=SMOLLM2,
        compute=BUFFERS,
        available=None,
        slots=slots,
        context=context,
        cache_type=kind,
    )
    least = bill.total - bill.compute[1] + bill.compute[0]
    assert least <= measured * MIB <= bill.total
    assert bill.total <= 1.1 * measured * MIB


def test_slots_go_before_context_and_context_before_the_model() -> None:
    def fits(available: int) -> tuple[int, int]:
        bill = plan("smol", weights=WEIGHTS, cache=SMOLLM2, compute=BUFFERS, available=available * MIB)
        return bill.slots, bill.context

    assert [fits(size) for size in (2000, 800, 500, 330)] == [(4, 8192), (2, 8192), (1, 8192), (1, 4096)]


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(DoesNotFit) as refused:
        plan("smol", weights=WEIGHTS, cache=SMOLLM2, compute=BUFFERS, available=100 * MIB)
    assert "fewer bits" in refused.value.way_out
    with pytest.raises(DoesNotFit) as refused:
        plan("smol", weights=WEIGHTS, cache=SMOLLM2, compute=BUFFERS, available=400 * MIB, context=8192, slots=4)
    assert "serve.generation.context" in refused.value.way_out


@given(st.integers(1 << 20, 1 << 40), st.integers(0, 8), st.integers(0, 1 << 20))
def test_what_is_planned_fits_and_is_what_was_asked_for(available: int, slots: int, context: int) -> None:
    try:
        bill = plan(
            "m",
            weights=WEIGHTS,
            cache=SMOLLM2,
            compute=BUFFERS,
            available=available,
            slots=slots,
            context=context,
        )
    except DoesNotFit:
        return
    assert bill.total <= available * USABLE_SHARE
    assert bill.slots == (slots or bill.slots) >= 1
    assert bill.context == (context or bill.context)
    assert context or bill.context >= MIN_CONTEXT

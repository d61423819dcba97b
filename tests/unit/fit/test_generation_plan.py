"""What of a language model fits into how much memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.values import AttentionCache, ModelShape
from airworthy.fit.choice import USABLE_SHARE
from airworthy.fit.generation import MIN_CONTEXT, DoesNotFit, plan
from airworthy.fit.parts import HOST, exactly
from airworthy.fit.question import FitModel

MIB = 1 << 20
SMOLLM2 = FitModel(
    name="smol",
    format="gguf",
    weights=exactly(96_576_768),
    cache=AttentionCache(layers=30, heads=3, head_size=64, longest=8192),
    shape=ModelShape("decoder", "llama", 30, 576, 1536, 49152, 9, 64, tied=True),
)


def test_where_there_is_room_all_slots_get_the_models_context() -> None:
    bill = plan(SMOLLM2, available=16 << 30)
    assert (bill.slots, bill.context, bill.estimate.of("kv").point) == (4, 8192, 4 * 23_040 * 8192)


@pytest.mark.parametrize(
    ("slots", "context", "kind", "measured"),
    [
        (1, 512, "f16", 179),
        (2, 2048, "f16", 260),
        (4, 4096, "f16", 531),
        (1, 8192, "f16", 348),
        (8, 1024, "f16", 355),
        (4, 4096, "q8_0", 363),
    ],
)
def test_the_bill_holds_what_was_measured(slots: int, context: int, kind: str, measured: int) -> None:
    """Peak of resident memory of a process with the model, after prompts of 600 words (xllamacpp 2026.10)."""
    bill = plan(SMOLLM2, available=None, slots=slots, context=context, cache_type=kind)
    peak = bill.estimate.peak(HOST)
    assert peak.holds(measured * MIB)
    assert peak.point == pytest.approx(measured * MIB, rel=0.03)
    assert bill.total <= 1.2 * measured * MIB


def test_slots_go_before_context_and_context_before_the_model() -> None:
    def fits(available: int) -> tuple[int, int]:
        bill = plan(SMOLLM2, available=available * MIB)
        return bill.slots, bill.context

    assert [fits(size) for size in (2000, 800, 500, 400)] == [(4, 8192), (2, 8192), (1, 8192), (1, 4096)]


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(DoesNotFit) as refused:
        plan(SMOLLM2, available=100 * MIB)
    assert "fewer bits" in refused.value.way_out
    with pytest.raises(DoesNotFit) as refused:
        plan(SMOLLM2, available=400 * MIB, context=8192, slots=4)
    assert "serve.generation.context" in refused.value.way_out


@given(st.integers(1 << 20, 1 << 40), st.integers(0, 8), st.integers(0, 1 << 20))
def test_what_is_planned_fits_and_is_what_was_asked_for(available: int, slots: int, context: int) -> None:
    try:
        bill = plan(SMOLLM2, available=available, slots=slots, context=context)
    except DoesNotFit:
        return
    assert bill.total <= available * USABLE_SHARE
    assert bill.slots == (slots or bill.slots) >= 1
    assert bill.context == (context or bill.context)
    assert context or bill.context >= MIN_CONTEXT

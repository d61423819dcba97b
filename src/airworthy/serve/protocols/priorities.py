"""What a request says of its turn and its time, in each protocol's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.scheduling.request_options import Priority

PRIORITY_LIMIT = 1 << 63
"""What a number may have at the most."""


def by_level(level: Any, *, may_be_high: bool) -> Priority:
    """`priority` of the Open Inference Protocol, as Triton has it: 1 is the highest, larger ones are lower, 0 is usual.

    Args:
        level: what the request says.
        may_be_high: whether it may ask to be run before others; else such a wish is passed over.

    Raises:
        InvalidRequest: no whole number from 0.
    """
    number = _whole("priority", level, least=0)
    if number in (0, 2):
        return Priority.NORMAL
    if number == 1:
        return Priority.HIGH if may_be_high else Priority.NORMAL
    return Priority.LOW


def by_order(order: Any, *, may_be_high: bool) -> Priority:
    """`priority` beside OpenAI's fields, as vLLM has it: what is lower runs earlier, 0 is usual.

    Raises:
        InvalidRequest: no whole number.
    """
    number = _whole("priority", order, least=-PRIORITY_LIMIT)
    if number > 0:
        return Priority.LOW
    return Priority.HIGH if number < 0 and may_be_high else Priority.NORMAL


def timeout(parameters: Mapping[str, Any]) -> float:
    """`timeout` of the Open Inference Protocol, as Triton has it, in seconds; it is in microseconds, and 0 for none.

    Raises:
        InvalidRequest: no whole number from 0.
    """
    return _whole("timeout", parameters.get("timeout", 0), least=0) / 1e6


def _whole(name: str, value: Any, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < PRIORITY_LIMIT:
        wanted = say("a whole number from 0") if least == 0 else say("a whole number")
        raise errors.InvalidRequest(detail=say("`{name}` is {wanted}", name=name, wanted=wanted))
    return value

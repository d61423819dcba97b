"""Findings from the one pass over a model's weights, for the causes that such a pass foretells."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from airworthy.causes.interface import Cause
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding
from airworthy.core.keys import WEIGHT_FAULTS


def findings(cause: Cause, facts: Facts, kinds: Collection[str], named: str) -> Iterator[Finding]:
    """A finding for each fault of these kinds.

    Args:
        cause: whose findings they are.
        facts: what is known, the weights' faults among it.
        kinds: the `kind` of the faults that are the cause's.
        named: the parameter by which the cause's remedies know the tensor: `key`, `name`, `tensor`.
    """
    for fault in facts.value(WEIGHT_FAULTS):
        if fault.kind in kinds:
            params: dict[str, Any] = {named: fault.tensor, "member": fault.member, "detail": fault.detail}
            yield cause.finding(
                facts,
                fault.member,
                evidence=(WEIGHT_FAULTS,),
                message="{" + named + "} in {member}: {detail}",
                **params,
            )

"""Rules for products: matrices, quantised ones, and those given by letters."""

from __future__ import annotations

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import FREE, Domain, Flow, broadcast, mixed, unclear
from airworthy.targets.rows.layout import relaid
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, rules
from airworthy.targets.rows.verdict import Reason


def product(domain: Domain, first: Flow, second: Flow) -> Flow:
    """A matrix product."""
    if domain.counts(first) or domain.counts(second):
        raise mixed(Reason.COUNT)
    if not first.follows and not second.follows and (first.shape is None or second.shape is None):
        return FREE
    if first.shape is None or second.shape is None or not first.shape or not second.shape:
        raise unclear()
    a, b = first.shape, second.shape
    inner_a, inner_b = len(a) - 1, max(len(b) - 2, 0)
    if inner_a in first.axes or inner_b in second.axes:
        pads = [first.axes.get(inner_a), second.axes.get(inner_b)]
        domain.reduce(0.0 if 0 in pads else None, "zero")
    lead_a, lead_b = max(len(a) - 2, 0), max(len(b) - 2, 0)
    lead = broadcast(domain, [_leading(first, lead_a), _leading(second, lead_b)])
    made = list(lead.shape or ())
    pads_made: dict[int, float | None] = dict.fromkeys(lead.axes)
    if len(a) > 1:
        if lead_a in first.axes:
            pads_made[len(made)] = 0.0 if first.axes[lead_a] == 0 else None
        made.append(a[lead_a])
    if len(b) > 1:
        if len(b) - 1 in second.axes:
            pads_made[len(made)] = 0.0 if second.axes[len(b) - 1] == 0 else None
        made.append(b[-1])
    return domain.made(made, pads_made)


def _leading(flow: Flow, count: int) -> Flow:
    shape = (flow.shape or ())[:count]
    return Flow(shape, {axis: pad for axis, pad in flow.axes.items() if axis < count})


def matmul(step: NodeStep) -> Outcome:
    """A matrix product, whole numbers with their zero points too."""
    step.only_free(*range(2, len(step.flows)))
    return [product(step.domain, step.input(0), step.input(1))]


def quantised_matmul(step: NodeStep) -> Outcome:
    """A matrix product of quantised values: each with scale and zero point."""
    step.only_free(1, 2, 4, 5, 6, 7)
    return [product(step.domain, step.input(0), step.input(3))]


def packed_matmul(step: NodeStep) -> Outcome:
    """A product with weights that are packed: only the last axis becomes another."""
    step.only_free(*range(1, len(step.flows)))
    flow, shape = step.input(0), step.shape(0)
    if len(shape) - 1 in flow.axes:
        raise mixed()
    width = step.node.attributes.get("N")
    last = sizes.of(width) if isinstance(width, int) else step.domain.unknown()
    return [relaid(step, flow, (*shape[:-1], last), {axis: axis for axis in range(len(shape))})]


def fused_matmul(step: NodeStep) -> Outcome:
    """A product of values that may be turned round first."""
    if step.whole("transBatchA", 0) or step.whole("transBatchB", 0):
        raise unclear()
    sides = [
        _turned(step.domain, step.input(index)) if step.whole(name, 0) else step.input(index)
        for index, name in enumerate(("transA", "transB"))
    ]
    return [product(step.domain, *sides)]


def gemm(step: NodeStep) -> Outcome:
    """A product of two matrices, and something added."""
    sides = [
        _turned(step.domain, step.input(index)) if step.whole(name, 0) else step.input(index)
        for index, name in enumerate(("transA", "transB"))
    ]
    made = product(step.domain, *sides)
    return [broadcast(step.domain, [made, step.input(2)]) if step.has(2) else made]


def _turned(domain: Domain, flow: Flow) -> Flow:
    if flow.shape is None:
        return flow
    if len(flow.shape) < 2:
        raise unclear()
    last, before = len(flow.shape) - 1, len(flow.shape) - 2
    swap = {last: before, before: last}
    shape = (*flow.shape[:-2], flow.shape[last], flow.shape[before])
    return domain.made(shape, {swap.get(axis, axis): pad for axis, pad in flow.axes.items()})


def einsum(step: NodeStep) -> Outcome:
    """A product given by letters."""
    left, arrow, right = step.text("equation", "").replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in left + right or len(terms) != len(step.given):
        raise unclear()
    known: dict[str, Size] = {}
    followed: dict[str, Size] = {}
    for term, flow in zip(terms, step.given, strict=True):
        shape = flow.shape
        if shape is None or len(shape) != len(term) or len(set(term)) != len(term):
            raise unclear()
        for axis, letter in enumerate(term):
            if axis in flow.axes:
                if followed.setdefault(letter, shape[axis]) != shape[axis]:
                    raise unclear()
            elif shape[axis] or letter not in known:
                known[letter] = shape[axis]
    for letter, size in followed.items():
        if known.get(letter, ()):
            raise mixed(Reason.PLACE) if step.domain.is_rows else unclear()
        if letter not in right:
            pads = [f.axes.get(t.index(letter)) for t, f in zip(terms, step.given, strict=True) if letter in t]
            step.domain.reduce(0.0 if 0 in pads else None, "zero")
        known[letter] = size
    if any(letter not in known for letter in right):
        raise unclear()
    return [step.domain.made([known[letter] for letter in right])]


RULES: dict[str, Rule] = {
    **rules(matmul, "MatMul MatMulInteger"),
    **rules(quantised_matmul, "QLinearMatMul"),
    **rules(gemm, "Gemm"),
    **rules(einsum, "Einsum"),
    **rules(fused_matmul, "FusedMatMul TransposeMatMul", "com.microsoft"),
    **rules(packed_matmul, "MatMulNBits MatMulBnb4", "com.microsoft"),
    **rules(quantised_matmul, "QLinearMatMul", "com.microsoft"),
}

"""Rules for operators that work number by number."""

from __future__ import annotations

from collections.abc import Callable

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import Domain, Flow, broadcast, pad_of, unclear
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, inside

MOST_NUMBERS = 64


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBER_BY_NUMBER = _names(
    "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast Ceil Celu "
    "Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf "
    "IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal RegexFullMatch "
    "Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt StringConcat Sub Sum Swish Tan Tanh "
    "ThresholdedRelu Where Xor"
)
_MICROSOFT = _names("BiasAdd BiasGelu FastGelu Gelu QuickGelu QLinearAdd QLinearMul QLinearSigmoid")
_MICROSOFT_QUANTISED = _names("QLinearLeakyRelu QLinearWhere")
_ARITHMETIC: dict[str, Callable[[int, int], int | float]] = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Max": max,
    "Min": min,
    "Equal": lambda x, y: x == y,
    "Greater": lambda x, y: x > y,
    "Less": lambda x, y: x < y,
    "GreaterOrEqual": lambda x, y: x >= y,
    "LessOrEqual": lambda x, y: x <= y,
    "And": lambda x, y: bool(x and y),
    "Or": lambda x, y: bool(x or y),
}


def number_by_number(step: NodeStep) -> Outcome:
    """Numbers combined place by place."""
    counted = _contents(step)
    if counted is not None:
        return [counted]
    operator = step.node.operator
    made = broadcast(step.domain, step.given, operator)
    if len(step.given) == 1 and operator in ("Cast", "Identity"):
        first = step.input(0)
        made = made._replace(ordinal=first.ordinal, columns=first.columns, reals=first.reals)
    scalars = [flow.scalar for flow in step.flows if flow is not None]
    return [made._replace(scalar=pad_of(operator, scalars) if all(each is not None for each in scalars) else None)]


def _contents(step: NodeStep) -> Flow | None:
    """The outcome where all inputs are short lists of numbers."""
    contents = [flow.content for flow in step.given]
    known = [content for content in contents if content is not None]
    if len(known) != len(contents) or not known or any(len(flow.shape or ()) > 1 for flow in step.given):
        return None
    count = max(map(len, known))
    if count > MOST_NUMBERS or any(len(content) not in (1, count) for content in known):
        return None
    rows = zip(*(content * count if len(content) == 1 else content for content in known), strict=True)
    made = tuple(_one(step.domain, step.node.operator, row) for row in rows)
    rank = max(len(flow.shape or ()) for flow in step.given)
    single = sizes.number(made[0]) if count == 1 else None
    return Flow((sizes.of(count),) if rank else (), {}, made, None if single is None else float(single))


def _one(domain: Domain, operator: str, given: tuple[Size, ...]) -> Size:
    """One number of the outcome."""
    numbers = [sizes.number(size) for size in given]
    whole = [number for number in numbers if number is not None]
    if operator == "Identity" or (operator in ("Cast", "Ceil", "Floor", "Round") and not _is_open(given[0])):
        return given[0]
    if operator == "Where" and numbers[0] is not None:
        return given[1] if numbers[0] else given[2]
    if operator == "Mul" and len(given) == 2:
        return (0,) if 0 in numbers else sizes.times(given)
    if operator == "Div" and (found := _quotient(given)) is not None:
        return found
    if operator in ("Add", "Sub") and numbers[1] == 0:
        return given[0]
    if operator == "Equal" and len(whole) == 1 and whole[0] < 0 and not any(map(_is_open, given)):
        return (0,)  # a size is never negative
    if operator == "Equal" and given[0] == given[1]:
        return ()
    rule = _ARITHMETIC.get(operator)
    if rule is not None and len(whole) == len(given) == 2:
        return sizes.of(int(rule(*whole)))
    if operator == "Neg" and whole:
        return sizes.of(-whole[0])
    return domain.names.unknown(counted=any(sizes.counts(size, domain.symbol) for size in given))


def _is_open(size: Size) -> bool:
    return any(isinstance(atom, str) and atom[0] in "?!" for atom in size)


def _quotient(given: tuple[Size, ...]) -> Size | None:
    top, bottom = given
    numbers = sizes.number(top), sizes.number(bottom)
    if numbers[0] is not None and numbers[1] and numbers[0] % numbers[1] == 0:
        return sizes.of(numbers[0] // numbers[1])
    return sizes.divide(top, bottom) if None in numbers else None


def like_first(step: NodeStep) -> Outcome:
    """Numbers of the first input, whatever the others, which are stored."""
    step.only_free(*range(1, len(step.flows)))
    return step.everything(broadcast(step.domain, [step.input(0)]))


def cast_like(step: NodeStep) -> Outcome:
    """A value in another's element type."""
    return number_by_number(step._replace(flows=step.flows[:1], node=step.node))


def dropout(step: NodeStep) -> Outcome:
    """The input as it is: a model that is served isn't trained, or the operator counts as random."""
    return step.everything(step.input(0))


def quantize(step: NodeStep) -> Outcome:
    """Whole numbers from others by a stored scale, or back."""
    step.only_free(1, 2)
    flow = step.input(0)
    scale = step.shape(1)
    if len(scale) == 1 and scale[0]:
        if inside(step.whole("axis", 1), len(step.shape(0))) in flow.axes:
            raise unclear()
    elif len(scale) > 1 and flow.follows:
        raise unclear()
    return [broadcast(step.domain, [flow])]


RULES: dict[str, Rule] = {
    **dict.fromkeys(_NUMBER_BY_NUMBER, number_by_number),
    **{f"com.microsoft:{name}": number_by_number for name in _MICROSOFT},
    **{f"com.microsoft:{name}": like_first for name in _MICROSOFT_QUANTISED},
    "CastLike": cast_like,
    "Dropout": dropout,
    "QuantizeLinear": quantize,
    "DequantizeLinear": quantize,
    "com.microsoft:QuantizeLinear": quantize,
    "com.microsoft:DequantizeLinear": quantize,
    "ai.onnx.ml:Binarizer": number_by_number,
    "ai.onnx.ml:CategoryMapper": number_by_number,
    "ai.onnx.ml:LabelEncoder": number_by_number,
}

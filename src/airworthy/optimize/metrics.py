"""What is counted as a good answer: metrics over the outputs of a model and the answers that are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from airworthy.core.errors import AirworthyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any


class MetricUnfit(AirworthyError):
    """A metric that the outputs or the right answers don't suit."""

    code = "metric-unfit"
    message = "the metric {metric} cannot be taken: {problem}"
    hint = "name another with --metric, the right output with --output, or give other data"


class Metric(NamedTuple):
    """One way to judge answers."""

    score: Callable[[Array, Array], float]
    """From outputs and right answers, both with the rows first, a number."""
    rows: Callable[[Array, Array], Array] | None = None
    """Whether each row is right, where the score is the share of right rows."""
    higher: bool = True
    """Whether more is better."""
    what: str = ""
    """What it is, one line."""


def classes(outputs: Array) -> Array:
    """The class of each row: the largest of `[rows, classes]`, or the number itself of `[rows]` or `[rows, 1]`."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        largest: Array = outputs.argmax(axis=1)
        return largest
    single = outputs.ndim in (1, 2) and outputs.size == len(outputs)
    if single and outputs.dtype.kind in "iub":
        named: Array = outputs.reshape(len(outputs))
        return named
    if single:
        above: Array = (outputs.reshape(len(outputs)) > 0.5).astype("int64")
        return above
    raise MetricUnfit(metric="accuracy", problem=f"the output has the shape {list(outputs.shape)}")


def _right(outputs: Array, truth: Array) -> Array:
    right: Array = classes(outputs) == _flat(truth)
    return right


def _flat(truth: Array) -> Array:
    return classes(truth) if truth.ndim > 1 else truth


def _accuracy(outputs: Array, truth: Array) -> float:
    return float(_right(outputs, truth).mean())


def _macro_f1(outputs: Array, truth: Array) -> float:
    """The mean of each class's F1; a class that neither side names counts as nothing."""
    import numpy as np

    said, right = classes(outputs), _flat(truth)
    scores = []
    for each in np.union1d(said, right):
        hits = np.sum((said == each) & (right == each))
        scores.append(2 * hits / max(1, np.sum(said == each) + np.sum(right == each)))
    return float(np.mean(scores))


def _top5_rows(outputs: Array, truth: Array) -> Array:
    if outputs.ndim != 2 or outputs.shape[1] < 6:
        raise MetricUnfit(metric="top5", problem="the output has fewer than six classes")
    import numpy as np

    best = np.argpartition(-outputs, 5, axis=1)[:, :5]
    found: Array = (best == _flat(truth)[:, None]).any(axis=1)
    return found


def _top5(outputs: Array, truth: Array) -> float:
    return float(_top5_rows(outputs, truth).mean())


def _numbers(outputs: Array, truth: Array) -> tuple[Array, Array]:
    import numpy as np

    said, right = np.asarray(outputs, "float64"), np.asarray(truth, "float64")
    if said.size != right.size:
        problem = f"the output has {said.size:,} numbers, and there are {right.size:,} right ones"
        raise MetricUnfit(metric="of numbers", problem=problem)
    return said.reshape(len(said), -1), right.reshape(len(right), -1)


def _mean_absolute(outputs: Array, truth: Array) -> float:
    said, right = _numbers(outputs, truth)
    return float(abs(said - right).mean())


def _root_mean_square(outputs: Array, truth: Array) -> float:
    said, right = _numbers(outputs, truth)
    return float(((said - right) ** 2).mean() ** 0.5)


def _r2(outputs: Array, truth: Array) -> float:
    said, right = _numbers(outputs, truth)
    spread = ((right - right.mean(axis=0)) ** 2).sum()
    return float(1 - ((said - right) ** 2).sum() / spread) if spread else float("nan")


def _spearman(outputs: Array, truth: Array) -> float:
    """The correlation of ranks, ties sharing their mean rank."""
    import numpy as np

    said, right = _numbers(outputs, truth)
    ranks = [_ranks(each.reshape(-1)) for each in (said, right)]
    centred = [each - each.mean() for each in ranks]
    spread = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / spread if spread else float("nan")


def _ranks(values: Array) -> Array:
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Array = (last - (counts - 1) / 2)[inverse]
    return means


def _cosine(outputs: Array, truth: Array) -> float:
    """The mean cosine of each row with the right one."""
    import numpy as np

    said, right = _numbers(outputs, truth)
    lengths = np.linalg.norm(said, axis=1) * np.linalg.norm(right, axis=1)
    return float(np.mean((said * right).sum(axis=1) / np.maximum(lengths, 1e-300)))


METRICS: dict[str, Metric] = {
    "accuracy": Metric(_accuracy, _right, what="the share of rows with the right class"),
    "top5": Metric(_top5, _top5_rows, what="the share of rows whose class is among the five likeliest"),
    "f1": Metric(_macro_f1, what="the mean F1 of the classes"),
    "spearman": Metric(_spearman, what="the correlation of ranks with the right numbers"),
    "cosine": Metric(_cosine, what="the mean cosine with the right vectors"),
    "r2": Metric(_r2, what="the share of variance that is explained"),
    "mae": Metric(_mean_absolute, higher=False, what="the mean absolute error"),
    "rmse": Metric(_root_mean_square, higher=False, what="the root of the mean squared error"),
}
"""All metrics, by name."""

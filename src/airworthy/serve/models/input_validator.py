"""Checks a client's tensors against what a model takes."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, TensorSpec
from airworthy.serve.tensors import BadTensor, Tensor, TensorMeta, check_size, check_strings, is_finite, shape_text


class InputValidator:
    """Checks names, element types, shapes and values."""

    def __init__(self, specs: Sequence[TensorSpec], *, allow_nonfinite: bool) -> None:
        """Check against these.

        Args:
            specs: the model's inputs.
            allow_nonfinite: whether NaN and infinity are let in.
        """
        self._specs = specs
        self._names = tuple(spec.name for spec in specs)
        self._allow_nonfinite = allow_nonfinite

    def validate(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """A client's tensors in the model's order.

        Raises:
            BadTensor: a tensor that the model doesn't take, one that is missing, or one of another type or shape.
        """
        specs = self._specs
        if len(tensors) != len(specs) or any(t.meta.name != spec.name for t, spec in zip(tensors, specs, strict=True)):
            tensors = self._in_order(tensors)
        for (meta, data), spec in zip(tensors, specs, strict=True):
            _check(meta, spec)
            if spec.datatype == "BYTES":
                check_strings(spec.name, meta.shape, data)
            elif not self._allow_nonfinite and not is_finite(spec.datatype, data):
                problem = say("it holds NaN or infinity, which serve.allow_nonfinite = true would let in")
                raise BadTensor(name=spec.name, problem=problem)
        return tensors

    def _in_order(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        given = {tensor.meta.name: tensor for tensor in tensors}
        if len(given) != len(tensors):
            raise BadTensor(name=_duplicate(tensors), problem=say("it is given twice"))
        names = self._names
        for name in given:
            if name not in names:
                raise BadTensor(name=name, problem=say("the model has no such input; it takes {names}", names=names))
        for name in names:
            if name not in given:
                raise BadTensor(name=name, problem=say("it is missing"))
        return [given[name] for name in names]


def _duplicate(tensors: Sequence[Tensor]) -> str:
    names = [tensor.meta.name for tensor in tensors]
    return next(name for name in names if names.count(name) > 1)


def _check(meta: TensorMeta, spec: TensorSpec) -> None:
    if meta.datatype != spec.datatype:
        problem = say("the model takes {wanted}, not {given}", wanted=spec.datatype, given=meta.datatype)
        raise BadTensor(name=meta.name, problem=problem)
    fits = spec.symbols == ANY_RANK or (
        len(meta.shape) == len(spec.shape)
        and all(expected in (-1, size) for size, expected in zip(meta.shape, spec.shape, strict=True))
    )
    if not fits or (meta.shape and meta.shape[0] == 0):
        problem = say(
            "the model takes shape {wanted}, not {given} (-1 stands for any size from 1)",
            wanted=shape_text(spec.shape),
            given=shape_text(meta.shape),
        )
        raise BadTensor(name=meta.name, problem=problem)
    check_size(meta)

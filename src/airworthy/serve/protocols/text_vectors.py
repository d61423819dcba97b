"""The vectors of texts, whatever the dialect that asks for them."""

from __future__ import annotations

import asyncio
import base64
import math
from array import array
from collections.abc import Sequence
from typing import Any

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.http.messages import Request
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served import ServedModel
from airworthy.serve.models.text_inputs import TokenIds
from airworthy.serve.protocols.truncation import WHOLE, Cut
from airworthy.serve.scheduling.request_options import Priority, RequestOptions
from airworthy.serve.tensors import Tensor, is_finite, unpack

MOST_INPUTS = 2048
"""Texts in one request, OpenAI's own limit."""


_PATHS = {"embedding": "/v1/embeddings", "rerank": "/v1/rerank", "classification": "/predict"}


def not_this_task(served: ServedModel, task: str) -> errors.NotThisTask:
    """The error about a model that does something else; it says where, and why where that is known."""
    path = _PATHS.get(served.model.task, "") if served.row is not None else ""
    why = served.model.task_problem
    return errors.NotThisTask(
        name=served.name,
        task=task,
        because=say(" ({why})", why=why) if why else "",
        path=path or f"/v2/models/{served.name}/infer",
    )


def embedding_model(models: Models, name: str, request: Request) -> ServedModel:
    """A model that makes vectors of texts, in the version that a request gets.

    Raises:
        UnknownModel: no such model.
        NotThisTask: it does something else; the message says where.
    """
    served = models.batches(name, "", request.sticky_key)
    if served.codec is None or served.embedding is None:
        raise not_this_task(served, say("embeddings"))
    return served


async def embed(
    request: Request,
    served: ServedModel,
    given: str | list[Any],
    dimensions: int | None,
    priority: Priority = Priority.NORMAL,
    *,
    as_text: bool = False,
    cut: Cut = WHOLE,
    prompt: str | None = None,
) -> tuple[list[str | list[float]], int]:
    """The vectors of texts, and how many tokens those have.

    Args:
        request: the HTTP request.
        served: the model.
        given: a text, texts, the token ids of one text, or of several.
        dimensions: to how many dimensions vectors are cut; None to leave them whole.
        priority: the requests' priority.
        as_text: whether vectors are FP32 data in base64.
        cut: whether texts that are too long are cut.
        prompt: the name of the prompt that texts begin with; None for the model's own default.

    Raises:
        RequestError: it can't be done.
    """
    size = _check_dimensions(served, dimensions)
    served.require(request_id=request.request_id)
    ids = await _token_ids(served, given, cut, _prompt(served, prompt))
    options = RequestOptions(request.watch, request.principal.tenant, 0.0, priority, 0.0, request.request_id)
    vectors = await wait_for_all(served.submit_tokens([TokenIds(each) for each in ids], options))
    return [_vector(vector[0], as_text, size) for vector in vectors], sum(map(len, ids))


def _prompt(served: ServedModel, name: str | None) -> str:
    """What texts begin with.

    Raises:
        InvalidRequest: the model has no prompt of that name.
    """
    if name is None:
        return served.model.prompt
    if name not in served.model.prompts:
        names = tuple(served.model.prompts) or say("none")
        raise errors.InvalidRequest(
            detail=say("the model has no prompt {name!r}; it has {names}", name=name, names=names)
        )
    return served.model.prompts[name]


async def _token_ids(served: ServedModel, given: str | list[Any], cut: Cut, prompt: str) -> list[list[int]]:
    """The token ids of every input.

    Raises:
        RequestError: nothing to embed, a mixture, or ids that the model doesn't have.
    """
    assert served.codec is not None
    if isinstance(given, str):
        given = [given]
    if not given or len(given) > MOST_INPUTS:
        raise errors.InvalidRequest(detail=say("`input` takes 1 to {most} texts", most=MOST_INPUTS))
    if all(isinstance(each, str) for each in given):
        if not all(given):
            raise errors.InvalidRequest(detail=say("`input` holds an empty text"))
        texts = [prompt + each for each in given] if prompt else given
        if served.model.lower_case:
            texts = [each.lower() for each in texts]
        return await served.codec.encode(texts, most=cut.most(served), side=cut.side)
    if all(isinstance(each, int) for each in given):
        given = [given]
    if not all(isinstance(each, list) for each in given):
        raise errors.InvalidRequest(detail=say("`input` is texts or lists of token ids, not both"))
    for ids in given:
        if problem := served.codec.check_ids(ids):
            raise errors.InvalidRequest(detail=problem)
    most = cut.most(served)
    if most is None:
        return given
    return [ids[:most] if cut.side == "right" else ids[-most:] for ids in given]


async def wait_for_all(futures: Sequence[asyncio.Future[tuple[Tensor, ...]]]) -> list[tuple[Tensor, ...]]:
    """Wait for the outputs of all inputs; the first that fails takes the others out."""
    try:
        return [await future for future in futures]
    finally:
        for future in futures:
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, so that the event loop does not complain of it


def _check_dimensions(served: ServedModel, wanted: int | None) -> int | None:
    """To how many dimensions the vectors are cut; None to leave them whole.

    Raises:
        InvalidRequest: the model's vectors can't be cut so.
    """
    assert served.embedding is not None
    size, cuts = served.embedding.shape[1], served.model.dimensions
    if wanted is None or wanted == size:
        return None
    if not cuts:
        detail = say("this model's embeddings have {size} dimensions and can't be cut", size=size)
    elif 1 <= wanted < size and (wanted in cuts or cuts == (-1,)):
        return wanted
    else:
        choices = say("1 to {size}", size=size) if cuts == (-1,) else (*cuts, size)
        detail = say("`dimensions` is {wanted}; this model's embeddings have {choices}", wanted=wanted, choices=choices)
    raise errors.InvalidRequest(detail=detail)


def _vector(tensor: Tensor, as_text: bool, size: int | None) -> str | list[float]:
    if not is_finite(tensor.meta.datatype, tensor.data):
        raise errors.NotANumber(name=tensor.meta.name)
    if size is None and as_text:
        return base64.b64encode(tensor.data).decode("ascii")
    values = unpack(tensor.meta.datatype, tensor.data)
    if size is not None:
        values = _cut(values, size)
    return base64.b64encode(array("f", values)).decode("ascii") if as_text else values


def _cut(values: list[float], size: int) -> list[float]:
    """The first dimensions of a vector, at length 1 again where the whole vector had it."""
    cut = values[:size]
    length = math.hypot(*cut)
    is_unit = math.isclose(math.hypot(*values), 1, rel_tol=1e-3)
    return [value / length for value in cut] if is_unit and length else cut

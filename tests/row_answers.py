"""Serves a graph through a real worker to many callers at once, and compares each answer with the runtime's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from airworthy.artifacts.identify import inspect
from airworthy.core.errors import AirworthyError
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.joining import Joining
from airworthy.serve.models.served import ServedModel
from airworthy.serve.tensors import Tensor
from airworthy.serve.workers.arrays import from_wire, to_wire
from airworthy.serve.workers.process import ProcessLink
from row_graphs import RowGraph
from serve_settings import serve_settings

DATATYPES = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64", np.dtype(np.bool_): "BOOL"}
ROUNDING = 1e-6
"""What sums of numbers around 1, in another order, may differ by."""


class Compared(NamedTuple):
    """What came of serving a graph."""

    answers: int
    """Answers that were compared."""
    wrong: tuple[str, ...]
    """Those that are not the runtime's own, one line each."""
    joining: Joining
    """How the service let requests share runs."""
    runs: int
    """Runs of the model; fewer than answers where requests shared them."""


def compare(path: Path, graph: RowGraph, answers: int, seed: int = 0, **batching: Any) -> Compared:
    """Serve a graph, ask many requests of one to four rows at once, and compare the answers."""
    return asyncio.run(_compare(path, graph, answers, seed, batching))


async def _compare(path: Path, graph: RowGraph, answers: int, seed: int, batching: dict[str, Any]) -> Compared:
    random = np.random.default_rng(seed)
    requests = [graph.rows(random, int(random.choice((1, 1, 1, 2, 4)))) for _ in range(answers)]
    model = inspect(path).model
    given = serve_settings(batching={"max_queue": answers + 1, "search": False, **batching})
    served = ServedModel(model, "onnxruntime", RunnerOptions(threads=1, lanes=1), given, ProcessLink, Metrics())
    served.start()
    try:
        await served.loaded()
        waiting = [asyncio.ensure_future(_ask(served, rows)) for rows in requests]
        found = await asyncio.gather(*waiting)
        joining, runs = served.joining, served.statistics().execution_count
    finally:
        await served.stop(1.0)
        served.close()
    # As many threads as the worker has: with others the runtime sums in another order, which a quantiser or a
    # difference of two large sums makes visible.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wrong = []
    for number, (rows, outputs) in enumerate(zip(requests, found, strict=True)):
        own = _own(session, rows)
        if not _same(own, outputs):
            wrong.append(f"{graph.name}: request {number} of {len(rows)} row(s)")
    return Compared(len(found), tuple(wrong), joining, runs)


async def _ask(served: ServedModel, rows: np.ndarray) -> dict[str, np.ndarray] | None:
    try:
        tensors: list[Tensor] = [to_wire("x", DATATYPES[rows.dtype], rows)]
        outputs = await served.submit(served.validate(tensors))
    except AirworthyError:
        return None
    return {tensor.meta.name: np.array(from_wire(tensor)) for tensor in outputs}


def _own(session: Any, rows: np.ndarray) -> dict[str, np.ndarray] | None:
    try:
        given = session.run(None, {"x": rows})
    except Exception:  # noqa: BLE001 - the runtime's exceptions have no common base
        return None
    return {spec.name: array for spec, array in zip(session.get_outputs(), given, strict=True)}


def _same(own: dict[str, np.ndarray] | None, served: dict[str, np.ndarray] | None) -> bool:
    if own is None or served is None:
        return own is served
    return all(_alike(array, served[name]) for name, array in own.items())


def _alike(own: np.ndarray, served: np.ndarray) -> bool:
    if own.shape != served.shape or own.dtype != served.dtype:
        return False
    if own.dtype.kind != "f":
        return bool(np.array_equal(own, served))
    most = float(np.abs(own).max()) if own.size else 0.0
    return bool(np.allclose(own, served, rtol=1e-4, atol=max(1e-5 * most, ROUNDING)))

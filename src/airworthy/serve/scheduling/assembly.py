"""One batch from the tensors of several requests, and the answers cut out of its outputs.

Row-major tensors that differ only in their first size are put together by putting their bytes together; rows of
different lengths are filled up first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airworthy.serve.tensors import BYTE_WIDTH, Buffer, Tensor, TensorMeta, element_count, iterate_strings


class RowsLost(Exception):
    """The outputs don't have one row for each row that went in: this model can't be batched."""


def assemble(
    requests: Sequence[Sequence[Tensor]], padding: Mapping[str, bytes] | None = None
) -> tuple[tuple[TensorMeta, ...], list[Buffer]]:
    """The batch's tensors.

    Args:
        requests: each request's tensors, the same names in the same order.
        padding: for inputs whose second size differs between requests, the bytes of one filling element by name.
    """
    if len(requests) == 1:
        return tuple(tensor.meta for tensor in requests[0]), [tensor.data for tensor in requests[0]]
    metas, buffers = [], []
    for column in zip(*requests, strict=True):
        first = column[0].meta
        rows = sum(tensor.meta.shape[0] for tensor in column)
        filler = padding.get(first.name) if padding else None
        if filler is None:
            parts, shape = [tensor.data for tensor in column], (rows, *first.shape[1:])
        else:
            longest = max(tensor.meta.shape[1] for tensor in column)
            parts = [part for tensor in column for part in _filled(tensor, longest, filler)]
            shape = (rows, longest)
        data = b"".join(parts)
        metas.append(TensorMeta(first.name, first.datatype, shape, len(data)))
        buffers.append(data)
    return tuple(metas), list(buffers)


def _filled(tensor: Tensor, longest: int, filler: bytes) -> list[Buffer]:
    rows, length = tensor.meta.shape
    if length == longest:
        return [tensor.data]
    view, width, fill = memoryview(tensor.data), length * len(filler), filler * (longest - length)
    return [part for row in range(rows) for part in (view[row * width : (row + 1) * width], fill)]


def disassemble(outputs: Sequence[Tensor], rows: Sequence[int]) -> list[tuple[Tensor, ...]]:
    """Each request's part of the outputs, in the order of the requests.

    Args:
        outputs: the batch's outputs.
        rows: how many rows each request had.

    Raises:
        RowsLost: an output has another number of rows than went in.
    """
    if len(rows) == 1:
        return [tuple(outputs)]
    total = sum(rows)
    columns = []
    for output in outputs:
        if not output.meta.shape or output.meta.shape[0] != total:
            raise RowsLost(output.meta.name)
        columns.append(_cut(output, rows))
    return list(zip(*columns, strict=True))


def _cut(output: Tensor, rows: Sequence[int]) -> list[Tensor]:
    meta, view = output.meta, memoryview(output.data)
    per_row = element_count(meta.shape[1:])
    if meta.datatype == "BYTES":
        bounds, position = [0], 0
        for item in iterate_strings(view):
            position += 4 + len(item)
            bounds.append(position)
        offsets = [bounds[count * per_row] for count in _running(rows)]
    else:
        width = per_row * BYTE_WIDTH[meta.datatype]
        offsets = [count * width for count in _running(rows)]
    return [
        Tensor(TensorMeta(meta.name, meta.datatype, (count, *meta.shape[1:]), end - start), view[start:end])
        for count, start, end in zip(rows, offsets, offsets[1:], strict=False)
    ]


def _running(rows: Sequence[int]) -> list[int]:
    totals = [0]
    for count in rows:
        totals.append(totals[-1] + count)
    return totals

"""Makes one smaller ONNX model, in a process of its own: a request on standard input, one line of what came of it.

ONNX Runtime's own quantiser does the work; it loads the graph with the package `onnx`, and runs it to calibrate.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.messages import say

BOOT = """
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
from airworthy.engines.quantising import main
main()
"""
"""Unlike `python -m`, this leaves the current directory off the import path."""
CALIBRATION_BATCH = 16
"""Rows of a run while calibrating."""
BLOCK = 32
"""Weights that share a scale, where weights alone are quantised."""


class QuantisingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made."""

    source: str
    """The float model."""
    target: str
    """The file to write."""
    method: str
    """`dynamic`, `static` or `weights`."""
    calibrator: str = ""
    """How ranges are found, for `static`."""
    bits: int = 8
    """Bits of a weight, for `weights`."""
    per_channel: bool = False
    """Whether each channel has a scale of its own."""
    reduce_range: bool = False
    """Whether weights have 7 bits."""
    rows: str = ""
    """A `.npz` with an array an input, for `static`."""
    keep: tuple[str, ...] = ()
    """Nodes that stay in float."""


def main() -> None:
    """Do what the request says."""
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=QuantisingRequest)
    # What the quantiser prints goes to standard error: standard output is for the result alone.
    result = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    result.write(json.dumps(_made(request)) + "\n")


def _made(request: QuantisingRequest) -> dict[str, Any]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # Folding first is advised; a graph whose types can't be inferred after it is quantised as it is.
    first = _attempt(request, folded=True)
    return first if "failed" not in first else _attempt(request, folded=False)


def _attempt(request: QuantisingRequest, *, folded: bool) -> dict[str, Any]:
    try:
        with tempfile.TemporaryDirectory(prefix="airworthy-quantise-", dir=Path(request.target).parent) as folder:
            prepared = Path(folder) / "prepared.onnx"
            _prepare(request.source, prepared, folded=folded)
            {"dynamic": _dynamic, "static": _static, "weights": _weights}[request.method](request, prepared)
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    except Exception as error:  # noqa: BLE001 - the quantiser's exceptions have no common base
        return {"failed": f"{type(error).__name__}: {error}"[:2000]}
    return {"made": Path(request.target).stat().st_size}


def _prepare(source: str, target: Path, *, folded: bool) -> None:
    """Infer shapes, and fold what the runtime would fold, so that the quantiser sees the graph that will run."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(source, str(target), skip_symbolic_shape=True, skip_optimization=not folded)


def _dynamic(request: QuantisingRequest, prepared: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        prepared,
        request.target,
        per_channel=request.per_channel,
        reduce_range=request.reduce_range,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(request.keep),
    )


def _static(request: QuantisingRequest, prepared: Path) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        prepared,
        request.target,
        _CalibrationRows(request.rows),
        quant_format=QuantFormat.QDQ,
        per_channel=request.per_channel,
        reduce_range=request.reduce_range,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod[request.calibrator],
        nodes_to_exclude=list(request.keep),
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )


def _weights(request: QuantisingRequest, prepared: Path) -> None:
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=True, bits=request.bits)
    quantiser = MatMulNBitsQuantizer(onnx.load(str(prepared)), algo_config=config, nodes_to_exclude=list(request.keep))
    quantiser.process()
    quantiser.model.save_model_to_file(request.target, use_external_data_format=False)


class _CalibrationRows:
    """The rows that ranges are taken from, a batch at a time, as the quantiser asks for them."""

    def __init__(self, path: str) -> None:
        import numpy as np

        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        self._batches = self._cut(arrays)

    def get_next(self) -> dict[str, Any] | None:
        """The next batch; None at the end."""
        return next(self._batches, None)

    @staticmethod
    def _cut(arrays: dict[str, Any]) -> Iterator[dict[str, Any]]:
        count = len(next(iter(arrays.values())))
        for start in range(0, count - count % CALIBRATION_BATCH or count, CALIBRATION_BATCH):
            yield {name: array[start : start + CALIBRATION_BATCH] for name, array in arrays.items()}


def missing(name: str) -> str:
    """What to say where a library is missing."""
    return say("{name} is not installed: pip install 'airworthy[optimise]'", name=name)

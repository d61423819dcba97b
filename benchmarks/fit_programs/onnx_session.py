"""An ONNX model in ONNX Runtime: MODEL BATCH LENGTH THREADS. Inputs are whole numbers or, without any, floats."""

from __future__ import annotations

import sys

from process import fastest, memory, report


def main() -> None:
    """Run it."""
    import numpy as np
    import onnxruntime

    path, batch, length, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    began = memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    loaded = memory()
    inputs = {each.name: np.ones((batch, length), np.int64) for each in session.get_inputs()}

    def run() -> object:
        return session.run(None, inputs)

    report(process=began, loaded=loaded, seconds=fastest(run), **memory())


main()

"""Which provider an ONNX Runtime session gives each node to, as a program: `python -m airworthy.engines.assignment`.

It loads an untrusted model, so it is run in a process of its own, with a limit on its memory; no
node is run. The graph is left as it is (no optimisation), so that nodes are those of the file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

RECORD = "session.record_ep_graph_assignment_info"
"""The session's setting that makes ONNX Runtime 1.24 and later remember the assignment."""
ROOM = 8 << 30
"""Bytes of address space beyond three times the model's size."""
_ERRORS_ONLY = 4


def assignment(path: str, providers: list[str] | None = None) -> dict[str, Any]:
    """The assignment of a model's nodes to the providers of the installed build, or the problem that it met."""
    try:
        import onnxruntime
    except ImportError:
        return {"problem": "onnxruntime is not installed"}
    names = providers or [each for each in onnxruntime.get_available_providers() if each != "AzureExecutionProvider"]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry(RECORD, "1")
    told: dict[str, Any] = {"version": onnxruntime.__version__, "providers": names}
    try:
        session = onnxruntime.InferenceSession(path, sess_options=options, providers=names)
    except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
        return {**told, "problem": " ".join(str(error).split())[:1000]}
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return {**told, "problem": "this version does not say; 1.24 and later do"}
    nodes = [
        {"provider": part.ep_name, "domain": node.domain, "operator": node.op_type, "name": node.name}
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]
    return {**told, "nodes": nodes}


def limit(size: int) -> None:
    """Bound this process's address space."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit on Windows
        import resource

        most = 3 * size + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(arguments: list[str]) -> int:
    """Print the assignment of `PATH SIZE` as JSON."""
    path, size = arguments[:2]
    limit(int(size))
    sys.stdout.write(json.dumps(assignment(path, arguments[2:] or None)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Whether batched answers are right: many graphs served to many callers at once, each answer against the runtime's own.

    python benchmarks/batching.py                      # the family and random graphs, at least 100,000 answers
    python benchmarks/batching.py --answers 2000       # fewer

The family holds graphs whose rows are independent and graphs whose rows are not, with the decision that is right for
each; random graphs are drawn from operators of both kinds. Exit status: 0 no answer is wrong and no decision is, 1
otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from random_graphs import draw, runs
from row_answers import Compared, compare
from row_graphs import FAMILY, RowGraph

SHARE = 0.5
"""The share of the answers that the family gets; random graphs get the rest."""
EACH = 400
"""Answers of one random graph."""


def main() -> int:
    """Serve, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answers", type=int, default=100_000, help="answers to compare at the least")
    parser.add_argument("--seed", type=int, default=0, help="the first random graph")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        each = -(-int(given.answers * SHARE) // len(FAMILY))
        family = [(graph, _served(graph, Path(folder), each, given.seed)) for graph in FAMILY]
        left = given.answers - sum(compared.answers for _, compared in family)
        drawn: list[tuple[RowGraph, Compared]] = []
        seed = given.seed
        while left > 0:
            graph = draw(seed)
            seed += 1
            if runs(graph.save(Path(folder) / "drawn.onnx"), graph):
                compared = _served(graph, Path(folder), min(EACH, left), seed)
                left -= compared.answers
                drawn.append((graph, compared))
    everything = [*family, *drawn]
    wrong = [line for _, compared in everything for line in compared.wrong]
    answers = sum(compared.answers for _, compared in everything)
    rightly = [graph for graph, compared in family if compared.joining.rows == graph.is_independent]
    joined = sum(compared.joining.rows for _, compared in drawn)
    runs_made = sum(compared.runs for _, compared in everything)
    for graph, compared in family:
        if compared.joining.rows != graph.is_independent:
            print(f"  {graph.name}: batches rows: {compared.joining.text}")
    print("\n".join(f"  wrong: {line}" for line in wrong[:20]))
    print(f"{len(family)} graphs of the family and {len(drawn)} drawn ({joined} batched), {runs_made} runs of models")
    print(f"{answers} answers, {len(wrong)} wrong; {len(rightly)} of {len(family)} rightly batched")
    print(f"{time.monotonic() - began:.0f} s")
    harmful = [graph for graph, compared in family if compared.joining.rows and not graph.is_independent]
    return 1 if wrong or harmful else 0


def _served(graph: RowGraph, folder: Path, answers: int, seed: int) -> Compared:
    path = graph.save(folder / f"{graph.name}.onnx")
    compared = compare(path, graph, answers, seed)
    path.unlink()
    return compared


if __name__ == "__main__":
    sys.exit(main())

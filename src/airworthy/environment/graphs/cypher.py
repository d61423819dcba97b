"""Cypher over the graph: an interface, the embedded engine behind it, and the ready-made questions as statements.

The graph itself is kept as plain JSON; an engine is filled anew for each run, so that no format of its own is ever the
only copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.environment.graphs.model import LABELS, DependencyGraph

ROWS = 10_000
"""Rows of an answer."""
SECONDS = 30
"""Seconds that a statement has."""

CONFLICTS = (
    "MATCH (a)-[r:DEPENDS_ON]->(b) WHERE r.met = false "
    "RETURN a.name AS package, r.requires AS requires, b.name AS name, b.version AS version ORDER BY package, name"
)
"""Requirements that are not satisfied."""
BLAST_RADIUS = (
    "MATCH (a)-[:DEPENDS_ON*1..15]->(b) WHERE b.key = $key AND a.key <> $key RETURN DISTINCT a.key AS key ORDER BY key"
)
"""Every node from which one can be reached."""
SHORTEST = (
    "MATCH p = shortestPath((a {root: true})-[:DEPENDS_ON*..15]->(b {key: $key})) "
    "RETURN a.key AS key, length(p) AS steps ORDER BY steps, key"
)
"""How far a node is from each root that leads to it."""


class QueryFailed(AirworthyError):
    """A statement that the engine refuses."""

    code = "query-failed"
    message = "the query cannot be run: {reason}"
    hint = "nodes are {labels} with key, name, version, root, conflict; edges DEPENDS_ON with requires, met, evidence"


class EngineNotLoaded(AirworthyError):
    """An engine that is installed and that this process can't load."""

    code = "engine-not-loaded"
    message = "{engine} could not be loaded into this process: {reason}"
    hint = "ask in a process of its own, with `airworthy graph --query`, or before other native libraries are loaded"


class CypherEngine(Protocol):
    """What runs statements over a graph."""

    name: str
    """Which one it is, with its version."""

    def run(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement that only reads; one dictionary a row.

        Raises:
            QueryFailed: it is no Cypher, changes something, takes too long or has too many rows.
        """


def node_rows(graph: DependencyGraph, label: str) -> list[dict[str, Any]]:
    """The nodes of a kind as rows."""
    return [
        {
            "key": node.id,
            "name": node.name,
            "version": node.version,
            "root": node.root,
            "conflict": node.conflict,
        }
        for node in graph.nodes
        if node.label == label
    ]


def edge_rows(graph: DependencyGraph) -> list[dict[str, Any]]:
    """The edges as rows."""
    return [
        {
            "source": edge.source,
            "target": edge.target,
            "requires": edge.requires,
            "met": edge.met,
            "conflict": edge.conflict,
            "evidence": edge.evidence,
        }
        for edge in graph.edges
    ]


class EmbeddedEngine:
    """kglite in this process; its wheel needs nothing else."""

    def __init__(self, graph: DependencyGraph) -> None:
        """Fill an engine.

        Raises:
            ExtraMissing: kglite is not installed.
            EngineNotLoaded: it is, and its library could not be loaded. Its thread-local storage has to fit into what
                the loader keeps for that (glibc's static TLS), which other libraries may have taken before.
        """
        try:
            import kglite
        except ModuleNotFoundError:
            raise ExtraMissing(job=say("a query"), library="kglite", extra="cypher") from None
        except ImportError as error:
            raise EngineNotLoaded(engine="kglite", reason=error) from None
        self.name = f"kglite {kglite.__version__}"
        self._error = kglite.KgError
        self._graph = kglite.KnowledgeGraph()
        self._graph.set_default_timeout(SECONDS * 1000)
        for label in LABELS:
            rows = node_rows(graph, label)
            if rows:
                self._graph.cypher(
                    f"UNWIND $rows AS row CREATE (n:{label} {{key: row.key, name: row.name, version: row.version, "
                    "root: row.root, conflict: row.conflict})",
                    params={"rows": rows},
                )
        for source in LABELS:
            for target in LABELS:
                self._add_edges(graph, source, target)
        self._graph.read_only(True)

    def _add_edges(self, graph: DependencyGraph, source: str, target: str) -> None:
        labels = {node.id: node.label for node in graph.nodes}
        rows = [r for r in edge_rows(graph) if labels[r["source"]] == source and labels[r["target"]] == target]
        if rows:
            self._graph.cypher(
                f"UNWIND $rows AS row MATCH (a:{source} {{key: row.source}}), (b:{target} {{key: row.target}}) "
                "CREATE (a)-[:DEPENDS_ON {requires: row.requires, met: row.met, conflict: row.conflict, "
                "evidence: row.evidence}]->(b)",
                params={"rows": rows},
            )

    def run(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement that only reads."""
        try:
            found: Any = self._graph.cypher(statement, params=dict(parameters))
            rows = [dict(row) for row in found]
        except (self._error, ValueError, RuntimeError, TypeError) as error:
            raise QueryFailed(reason=str(error).splitlines()[0][:400], labels=LABELS) from None
        if len(rows) > ROWS:
            raise QueryFailed(reason=say("it has more than {most} rows; add LIMIT", most=ROWS), labels=LABELS)
        return rows


def plain(value: Any) -> Any:
    """A value of an answer as JSON data: nodes and paths become their properties."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Sequence):
        return [plain(each) for each in value]
    return str(value)

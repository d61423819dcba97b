"""The graph in a Neo4j database, or in one that speaks its protocol; this file wraps the official driver.

Nodes are merged by key alone and edges between nodes that are there, as MERGE on a whole pattern would make both anew.
Every row carries the number of its push; what an earlier push of the same environment left and this one does not
have is removed at the end. All of it can be repeated, because the driver repeats what a lost connection cut off.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.environment.graphs.cypher import QueryFailed, edge_rows, node_rows
from airworthy.environment.graphs.model import LABELS, DependencyGraph

BATCH = 1000
"""Rows of one statement."""
CONNECT = 15.0
"""Seconds that a connection may take."""
RETRY = 30.0
"""Seconds for which a transaction is tried again."""
SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
"""Addresses that are taken."""

T = TypeVar("T")


class PushFailed(AirworthyError):
    """A graph that could not be sent."""

    code = "push-failed"
    message = "{url} did not take the graph: {reason}"
    hint = "check address, user and password; what was sent can be sent again, nothing is doubled"


class Pushed(msgspec.Struct, frozen=True):
    """What a database holds of an environment after a push."""

    url: str
    """The database."""
    nodes: int
    """Nodes of the environment."""
    edges: int
    """Edges between them."""
    removed: int
    """Nodes of earlier pushes that were removed."""


class BoltDatabase:
    """A database by its address; also a Cypher engine over what was pushed to it."""

    name = "neo4j"

    def __init__(self, url: str, user: str = "", password: str = "", database: str | None = None) -> None:
        """Connect.

        Raises:
            ExtraMissing: the driver is not installed.
            PushFailed: the address is none, or nothing answers there.
        """
        try:
            import neo4j
        except ImportError:
            raise ExtraMissing(job=say("sending a graph"), library="neo4j", extra="neo4j") from None
        if url.partition("://")[0] not in SCHEMES:
            raise PushFailed(url=url, reason=say("its scheme is none of {schemes}", schemes=SCHEMES))
        self._url, self._database = url, database
        self._errors = (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError, ValueError, OSError)
        auth = (user, password) if user else None
        try:
            self._driver = neo4j.GraphDatabase.driver(
                url, auth=auth, connection_timeout=CONNECT, max_transaction_retry_time=RETRY
            )
        except self._errors as error:
            raise PushFailed(url=url, reason=_one_line(error)) from None
        try:
            self._driver.verify_connectivity()
        except self._errors as error:
            self._driver.close()
            raise PushFailed(url=url, reason=_one_line(error)) from None

    def __enter__(self) -> BoltDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._driver.close()

    def push(self, graph: DependencyGraph, environment: str = "") -> Pushed:
        """Send a graph; the environment's earlier one is replaced.

        Raises:
            PushFailed: the database refused, or was lost.
        """
        environment = environment or graph.name
        run = uuid.uuid4().hex
        labels = {node.id: node.label for node in graph.nodes}
        try:
            with self._driver.session(database=self._database) as session:
                for label in LABELS:
                    session.run(
                        f"CREATE CONSTRAINT airworthy_{label.lower()} IF NOT EXISTS "
                        f"FOR (n:{label}) REQUIRE n.id IS UNIQUE"
                    ).consume()
                for label in LABELS:
                    rows = [{**row, "id": f"{environment}|{row['key']}"} for row in node_rows(graph, label)]
                    for batch in _batches(rows):
                        statement = (
                            f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n.key = row.key, "
                            "n.name = row.name, n.version = row.version, n.root = row.root, "
                            "n.conflict = row.conflict, n.environment = $environment, n.run = $run"
                        )
                        session.execute_write(_run, statement, {"rows": batch, "environment": environment, "run": run})
                for source in LABELS:
                    for target in LABELS:
                        pairs = [
                            {
                                **row,
                                "source": f"{environment}|{row['source']}",
                                "target": f"{environment}|{row['target']}",
                            }
                            for row in edge_rows(graph)
                            if (labels[row["source"]], labels[row["target"]]) == (source, target)
                        ]
                        for batch in _batches(pairs):
                            statement = (
                                f"UNWIND $rows AS row MATCH (a:{source} {{id: row.source}}) "
                                f"MATCH (b:{target} {{id: row.target}}) MERGE (a)-[r:DEPENDS_ON]->(b) "
                                "SET r.requires = row.requires, r.met = row.met, r.conflict = row.conflict, "
                                "r.evidence = row.evidence, r.run = $run"
                            )
                            session.execute_write(_run, statement, {"rows": batch, "run": run})
                removed = self._remove_older(session, environment, run)
                counts = [
                    session.execute_read(_one, statement, {"environment": environment})
                    for statement in (
                        "MATCH (n) WHERE n.environment = $environment RETURN count(n) AS n",
                        "MATCH (a)-[r:DEPENDS_ON]->(b) WHERE a.environment = $environment RETURN count(r) AS n",
                    )
                ]
        except self._errors as error:
            raise PushFailed(url=self._url, reason=_one_line(error)) from None
        return Pushed(self._url, int(counts[0]), int(counts[1]), removed)

    def _remove_older(self, session: Any, environment: str, run: str) -> int:
        given = {"environment": environment, "run": run}
        old = "MATCH (a)-[r:DEPENDS_ON]->(b) WHERE a.environment = $environment AND r.run <> $run DELETE r"
        session.execute_write(_run, old, given)
        gone = "MATCH (n) WHERE n.environment = $environment AND n.run <> $run"
        count = session.execute_read(_one, f"{gone} RETURN count(n) AS n", given)
        session.execute_write(_run, f"{gone} DETACH DELETE n", given)
        return int(count)

    def run(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement that only reads, as the embedded engine does.

        Raises:
            QueryFailed: the database refuses it.
        """
        try:
            with self._driver.session(database=self._database, default_access_mode="READ") as session:
                rows: list[dict[str, Any]] = session.execute_read(_rows, statement, dict(parameters))
                return rows
        except self._errors as error:
            raise QueryFailed(reason=_one_line(error), labels=LABELS) from None


def _run(transaction: Any, statement: str, parameters: dict[str, Any]) -> None:
    transaction.run(statement, parameters).consume()


def _one(transaction: Any, statement: str, parameters: dict[str, Any]) -> Any:
    return transaction.run(statement, parameters).single()["n"]


def _rows(transaction: Any, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [record.data() for record in transaction.run(statement, parameters)]


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:400] or type(error).__name__

"""The graph sent over Bolt to a real server, and asked there as in the embedded engine and in plain Python."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from airworthy.environment.graphs.cypher import BLAST_RADIUS, CONFLICTS, SHORTEST, EmbeddedEngine
from airworthy.environment.graphs.model import DependencyGraph, blast_radius, graph_of
from airworthy.environment.graphs.push import BoltDatabase, PushFailed
from airworthy.environment.packages import build_graph
from environments import CONFLICT, installed, package

SERVER = importlib.util.find_spec("arcadedb_embedded")
PASSWORD = "a password for tests"
START = 60.0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason="the server is not installed: pip install arcadedb-embedded"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own on a free port of loopback."""
    assert SERVER is not None
    assert SERVER.origin is not None
    root = Path(SERVER.origin).parent
    place = tmp_path_factory.mktemp("arcadedb")
    (place / "log").mkdir()
    java = next(root.rglob("bin/java"))
    jars = ":".join(str(path) for path in sorted(root.rglob("*.jar")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "arcadedb.server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "arcadedb.bolt.host": "127.0.0.1",
        "arcadedb.bolt.port": str(port),
        "arcadedb.server.httpIncomingHost": "127.0.0.1",
        "arcadedb.server.httpIncomingPort": "0-0",
        "arcadedb.server.rootPassword": PASSWORD,
        "arcadedb.server.defaultDatabases": "graph[root]",
        "arcadedb.server.rootPath": str(place),
        "arcadedb.server.databaseDirectory": str(place / "databases"),
    }
    words = [f"-D{key}={value}" for key, value in settings.items()]
    log = (place / "log" / "output").open("wb")
    command = [str(java), "-Xmx512m", *words, "-cp", jars, "com.arcadedb.server.ArcadeDBServer"]
    process = subprocess.Popen(command, cwd=place, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + START
        while "ArcadeDB Server started" not in (place / "log" / "output").read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail((place / "log" / "output").read_text(errors="replace")[-2000:])
            time.sleep(0.2)
        yield f"bolt://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="module")
def graph() -> DependencyGraph:
    wide = [package(f"p{number}", "1", "shared<2") for number in range(2300)]
    return graph_of("/env", build_graph(installed(*CONFLICT, *wide)))


def test_sent_twice_is_there_once(url: str, graph: DependencyGraph) -> None:
    with BoltDatabase(url, "root", PASSWORD, "graph") as database:
        for _ in range(2):
            sent = database.push(graph)
            assert (sent.nodes, sent.edges, sent.removed) == (len(graph.nodes), len(graph.edges), 0)


def test_the_same_answers_everywhere(url: str, graph: DependencyGraph) -> None:
    engine = EmbeddedEngine(graph)
    with BoltDatabase(url, "root", PASSWORD, "graph") as database:
        database.push(graph)
        for statement, given in (
            (CONFLICTS, {}),
            (BLAST_RADIUS, {"key": "package:shared"}),
            (SHORTEST, {"key": "package:shared"}),
        ):
            there, here = database.run(statement, given), engine.run(statement, given)
            assert sorted(map(str, there)) == sorted(map(str, here)), statement
        keys = [row["key"] for row in database.run(BLAST_RADIUS, {"key": "package:shared"})]
    assert keys == [node.id for node in blast_radius(graph, "package:shared")]


def test_what_vanished_is_removed_and_other_environments_stay(url: str, graph: DependencyGraph) -> None:
    other = msgspec.structs.replace(graph, name="/other", nodes=graph.nodes[:10], edges=())
    fewer = graph_of("/env", build_graph(installed(*CONFLICT)))
    with BoltDatabase(url, "root", PASSWORD, "graph") as database:
        database.push(graph)
        assert database.push(other).nodes == 10
        sent = database.push(fewer)
        assert (sent.nodes, sent.edges, sent.removed) == (7, 5, 2300)
        rows = database.run("MATCH (n) WHERE n.environment = '/other' RETURN count(n) AS n", {})
        assert rows == [{"n": 10}]


def test_a_wrong_password_is_one_message(url: str) -> None:
    with pytest.raises(PushFailed, match="did not take the graph"):
        BoltDatabase(url, "root", "wrong", "graph")

"""The dependency graph: questions, folding, pictures, other programs' forms, Cypher."""

from __future__ import annotations

import builtins
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.cli.main import main
from airworthy.core.errors import ExtraMissing
from airworthy.core.packages import Library
from airworthy.environment.graphs.cypher import (
    BLAST_RADIUS,
    CONFLICTS,
    SHORTEST,
    EmbeddedEngine,
    EngineNotLoaded,
    QueryFailed,
)
from airworthy.environment.graphs.drawing import png, svg
from airworthy.environment.graphs.folding import fold
from airworthy.environment.graphs.model import (
    DependencyEdge,
    DependencyGraph,
    DependencyNode,
    blast_radius,
    graph_of,
    paths_to,
)
from airworthy.environment.graphs.page import page
from airworthy.environment.graphs.texts import FORMS, from_json
from airworthy.environment.packages import build_graph
from environments import CONFLICT, environment, installed, package

LIBRARIES = (
    Library(by="driver", soname="libcudart.so.12", provider="package", owner="tool", path="/site/libcudart.so.12"),
    Library(by="driver", soname="libcuda.so.1", provider="driver", owner="nvidia-driver", path="/usr/lib/libcuda.so.1"),
    Library(by="below", soname="libc.so.6", provider="system", owner="libc6", path="/lib/libc.so.6"),
    Library(by="below", soname="libgone.so.1", provider="missing"),
    Library(
        by="below", soname="libgomp", provider="package", owner="below", evidence="sbom", component="pkg:rpm/x@8.5"
    ),
)


@pytest.fixture(scope="module")
def graph() -> DependencyGraph:
    return graph_of(
        "site", build_graph(installed(*CONFLICT)), LIBRARIES, {"nvidia-driver": "550", "nvidia.devices.0": "H200"}
    )


def large(count: int = 300) -> DependencyGraph:
    """A graph as wide as real ones: many roots, few hubs, a conflict far below."""
    packages = [
        package(f"p{n}", "1", *(f"p{2 * n + k}" for k in (1, 2) if 2 * n + k < count), "hub") for n in range(count)
    ]
    packages += [package("hub", "1", "deep<1"), package("deep", "1")]
    return graph_of("large", build_graph(installed(*packages)))


def test_conflict_chains_are_marked(graph: DependencyGraph) -> None:
    marked = {node.name for node in graph.nodes if node.conflict and node.label == "Package"}
    assert marked == {"app", "middle", "below", "shared", "tool", "driver"}
    assert {edge.requires for edge in graph.edges if not edge.met and edge.requires} == {"shared>=2"}


def test_libraries_stand_between_packages_and_what_brings_them(graph: DependencyGraph) -> None:
    cudart = graph.node("libcudart.so.12")
    assert cudart is not None
    assert (cudart.label, cudart.name) == ("Library", "libcudart")
    assert graph.node("libcudart") == cudart
    ways = {tuple(key.partition(":")[2] for key in path) for path in paths_to(graph, "driver:nvidia-driver")}
    assert ways == {("tool", "driver", "libcuda.so.1", "nvidia-driver")}
    evidence = {edge.target: edge.evidence for edge in graph.edges if edge.source == "package:below"}
    assert evidence["library:below/libgomp"] == "sbom"
    assert evidence["library:libc.so.6"] == "elf"
    assert ("driver:nvidia-driver", "device:nvidia.devices.0") in {(edge.source, edge.target) for edge in graph.edges}


def test_what_breaks_with_a_package(graph: DependencyGraph) -> None:
    found = blast_radius(graph, "package:shared")
    assert [node.name for node in found] == ["libcudart", "app", "below", "driver", "middle", "tool"]


def test_folded_is_readable_and_whole() -> None:
    made = large()
    folded = fold(made)
    assert len(folded.graph.nodes) <= 60
    kept = {node.id for node in folded.graph.nodes if node.label != "Fold"}
    members = [key for each in folded.folds for key in each.members]
    assert sorted([*kept, *members]) == [node.id for node in made.nodes]
    assert {node.id for node in made.nodes if node.conflict} <= kept
    assert any(edge.conflict for edge in folded.graph.edges)


def test_pictures(graph: DependencyGraph) -> None:
    picture = svg(fold(large()).graph)
    root = ET.fromstring(picture)
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "hub" in texts
    assert any("+" in text for text in texts if text)
    assert 'stroke="#c62828"' in picture
    data = png(svg(graph))
    assert data.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(data[16:20], "big") > 400
    assert len(set(png(svg(graph), zoom=0.2))) > 10


@pytest.mark.parametrize("form", [*FORMS, ".html", ".svg"])
def test_hostile_names_end_nothing(form: str) -> None:
    name = 'x"]; </script><svg onload=a> \n &amp; \u4e2d\u6587 %% --> end'
    made = DependencyGraph(
        name=name,
        nodes=(
            DependencyNode(id="package:x", label="Package", name=name, version=name),
            DependencyNode(id=name, label="Missing", name="y"),
        ),
        edges=(DependencyEdge(source="package:x", target=name, requires=name, met=False, conflict=True),),
    )
    text = FORMS[form](made) if form in FORMS else page(made) if form == ".html" else svg(made)
    if form == ".json":
        assert from_json(text.encode()) == made
    elif form in {".graphml", ".svg"}:
        ET.fromstring(text)
    elif form == ".html":
        assert text.count("</script>") == 2
        assert "<svg onload" not in text
    elif form == ".mmd":
        assert all(re.fullmatch(r"[\w #;.,:=\[\]\"()>-]*", row) for row in text.splitlines()), text
    else:
        assert text.count('"') % 2 == text.count('\\"') % 2
        assert len(text.splitlines()) == 7


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=20), st.integers(4, 9))
def test_any_graph_folds_and_draws(pairs: list[tuple[str, str]], most: int) -> None:
    names = sorted({name for pair in pairs for name in pair})
    packages = [package(name, "1", *(target for source, target in pairs if source == name)) for name in names]
    made = graph_of("any", build_graph(installed(*packages)))
    folded = fold(made, most=most)
    ET.fromstring(svg(folded.graph))
    for form in FORMS.values():
        assert form(made)


def test_cypher_answers_as_plain_python(graph: DependencyGraph) -> None:
    engine = EmbeddedEngine(graph)
    key = "package:shared"
    assert [row["key"] for row in engine.run(BLAST_RADIUS, {"key": key})] == [n.id for n in blast_radius(graph, key)]
    shortest: dict[str, int] = {}
    for path in paths_to(graph, key):
        shortest.setdefault(path[0], len(path) - 1)
    assert {row["key"]: row["steps"] for row in engine.run(SHORTEST, {"key": key})} == shortest
    rows = [(row["package"], row["requires"], row["name"]) for row in engine.run(CONFLICTS, {})]
    assert ("driver", "shared>=2", "shared") in rows
    query = "MATCH path=(a:Package)-[:DEPENDS_ON*1..9]->(b {name:'libcudart'}) RETURN length(path) AS n ORDER BY n"
    assert [row["n"] for row in engine.run(query, {})] == [1, 2]


@pytest.mark.parametrize("query", ["MATCH (n) DETACH DELETE n", "CREATE (:X)", "MATCH (", "", "RETURN 1/0"])
def test_a_query_that_is_refused(graph: DependencyGraph, query: str) -> None:
    with pytest.raises(QueryFailed, match="cannot be run"):
        EmbeddedEngine(graph).run(query, {})


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = environment(tmp_path / "site", CONFLICT)
    head = ["graph", "--python", str(site)]
    for suffix in (".svg", ".png", ".html", ".json"):
        assert main([*head, "--output", str(tmp_path / f"g{suffix}")]) == 0
    assert len(from_json((tmp_path / "g.json").read_bytes()).nodes) == 7
    capsys.readouterr()
    words = [
        "--conflicts",
        "--paths-to",
        "Shared",
        "--blast-radius",
        "driver",
        "--query",
        "MATCH (n) RETURN count(n) AS n",
    ]
    assert main([*head, *words, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == [{"n": 7}]
    assert document["affected"] == ["package:tool"]
    assert ["package:app", "package:middle", "package:below", "package:shared"] in document["paths"]
    assert document["conflicts"][0]["requires"] == "shared>=2"


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (ModuleNotFoundError("no kglite"), ExtraMissing, "not installed"),
        (ImportError("cannot allocate memory in static TLS block"), EngineNotLoaded, "static TLS block"),
    ],
)
def test_an_engine_that_is_not_there_and_one_that_cannot_be_loaded(
    graph: DependencyGraph, monkeypatch: pytest.MonkeyPatch, raised: ImportError, error: type[Exception], words: str
) -> None:
    def refuse(name: str, *given: Any, **more: Any) -> Any:
        if name == "kglite":
            raise raised
        return load(name, *given, **more)

    load = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(error, match=words):
        EmbeddedEngine(graph)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "g.pdf"], "no form of the graph"),
        (["--output", "none/g.svg"], "cannot be written"),
        (["--paths-to", "shard"], "did you mean `shared`?"),
        (["--query", "MATCH ("], "cannot be run"),
        (["--push", "http://localhost"], "its scheme is none of"),
        (["--push", "bolt://127.0.0.1:9"], "did not take the graph"),
        (["--password-env", "A", "--password-file", "B"], "give one"),
    ],
)
def test_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    environment(tmp_path / "site", CONFLICT)
    assert main(["graph", "--python", "site", *words]) == 2
    assert message in capsys.readouterr().err

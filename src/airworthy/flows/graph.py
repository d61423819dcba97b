"""The dependency graph of an environment or a lock: drawn, written, asked, sent."""

from __future__ import annotations

import difflib
from pathlib import Path

from airworthy.core.errors import AirworthyError, UnknownName
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.registry import unknown_name
from airworthy.core.report import Report
from airworthy.environment.graphs.folding import MOST_NODES, fold
from airworthy.environment.graphs.model import (
    DependencyGraph,
    DependencyNode,
    blast_radius,
    broken_edges,
    graph_of,
    graph_of_lock,
    paths_to,
)
from airworthy.flows.answers.graph import GraphAnswer
from airworthy.flows.files import OutputFailed, output_path, reason

PICTURES = (".svg", ".png", ".html")
"""Suffixes of files that are drawn."""


class UnknownForm(AirworthyError):
    """A file whose suffix stands for no form of the graph."""

    code = "unknown-form"
    message = "{path}: no form of the graph has this suffix"
    hint = "known: {suffixes}"


def graph(
    python: str | Path | None = None,
    *,
    lock: str | Path | None = None,
    native: bool = False,
    output: str | Path | None = None,
    most: int = MOST_NODES,
    conflicts: bool = False,
    paths: str = "",
    blast: str = "",
    query: str = "",
    push: str = "",
    user: str = "",
    password: str = "",
    progress: Progress = SILENT,
) -> Report[GraphAnswer]:
    """Make the graph, and draw, ask or send it.

    Args:
        python: the environment; this program's own if None.
        lock: the folder of a lock, in place of an environment.
        native: whether native libraries and drivers are in it.
        output: the file to write; its suffix says in what form.
        most: boxes of a picture; what goes beyond is folded.
        conflicts: whether requirements that are not satisfied are listed.
        paths: a node to which paths from roots are listed.
        blast: a node of which is listed what requires it.
        query: a Cypher statement.
        push: the address of a graph database.
        user: the user there.
        password: that user's password.
        progress: receives the stages.

    Raises:
        NotAnEnvironment: the path holds no environment.
        LockUnreadable: it is no lock.
        UnknownName: there is no node of that name.
        UnknownForm: the file's suffix stands for no form.
        QueryFailed: the engine refuses the statement.
        ExtraMissing: what draws, asks or sends is not installed.
        PushFailed: the database did not take it.
        OutputFailed: the file could not be written.
    """
    made = make_graph(python, lock, native, progress)
    keep: list[str] = []
    found = {name: _node(made, name) for name in (paths, blast) if name}
    keep += [node.id for node in found.values()]
    written, drawn, folds = "", 0, ()
    if output is not None:
        progress.stage(say("drawing {count} nodes", count=len(made.nodes)))
        text, drawn, folds = _form(made, output_path(output), most, keep)  # type: ignore[assignment]
        _write(output_path(output), text)
        written = str(output)
    rows, engine = None, ""
    if query:
        from airworthy.environment.graphs.cypher import EmbeddedEngine, plain

        embedded = EmbeddedEngine(made)
        engine = embedded.name
        rows = [plain(row) for row in embedded.run(query, {})]
    pushed = None
    if push:
        from airworthy.environment.graphs.push import BoltDatabase

        progress.stage(say("sending {count} nodes", count=len(made.nodes)))
        with BoltDatabase(push, user, password) as database:
            pushed = database.push(made)
    answer = GraphAnswer(
        of=made.name,
        nodes=len(made.nodes),
        edges=len(made.edges),
        unmet=len(broken_edges(made)),
        output=written,
        drawn=drawn,
        folds=folds,
        conflicts=_conflicts(made) if conflicts else None,
        paths=[list(path) for path in paths_to(made, found[paths].id)] if paths else None,
        affected=[node.id for node in blast_radius(made, found[blast].id)] if blast else None,
        query=query,
        engine=engine,
        rows=rows,
        pushed=pushed,
    )
    return Report(verb="graph", subject=made.name, answer=answer)


def make_graph(
    python: str | Path | None, lock: str | Path | None = None, native: bool = False, progress: Progress = SILENT
) -> DependencyGraph:
    """The graph of an environment, or of a lock."""
    if lock is not None:
        from airworthy.flows.locks import packages_of

        return graph_of_lock(str(lock), packages_of(Path(lock)))
    from airworthy.flows.deps import read_graph, read_native
    from airworthy.probes.python.elsewhere import host_of

    host = host_of(python)
    installed, packages = read_graph(host, python)
    if not native:
        return graph_of(installed.prefix, packages)
    progress.stage(say("reading native libraries"))
    libraries, above, _ = read_native(host, installed, progress)
    return graph_of(installed.prefix, packages, libraries, above)


def _node(made: DependencyGraph, name: str) -> DependencyNode:
    node = made.node(name) or made.node(name.lower().replace("_", "-"))
    if node is None:
        raise _unknown(made, name)
    return node


def _unknown(made: DependencyGraph, name: str) -> UnknownName:
    names = sorted({node.name for node in made.nodes})
    return unknown_name("node", name, difflib.get_close_matches(name, names, n=5) or names[:5])


def _form(made: DependencyGraph, path: Path, most: int, keep: list[str]) -> tuple[bytes, int, object]:
    from airworthy.environment.graphs.texts import FORMS

    suffix = path.suffix.lower()
    if suffix in FORMS:
        return FORMS[suffix](made).encode("utf-8", "replace"), len(made.nodes), ()
    if suffix == ".html":
        from airworthy.environment.graphs.page import page

        return page(made).encode("utf-8", "replace"), len(made.nodes), ()
    if suffix not in PICTURES:
        raise UnknownForm(path=path, suffixes=(*PICTURES, *FORMS))
    from airworthy.environment.graphs.drawing import png, svg

    folded = fold(made, most=most, keep=keep)
    picture = svg(folded.graph)
    data = png(picture) if suffix == ".png" else picture.encode("utf-8", "replace")
    return data, len(folded.graph.nodes), folded.folds


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except (OSError, ValueError) as error:
        raise OutputFailed(path=path, reason=reason(error)) from None


def _conflicts(made: DependencyGraph) -> list[dict[str, str]]:
    nodes = {node.id: node for node in made.nodes}
    return [
        {
            "package": nodes[edge.source].name,
            "requires": edge.requires,
            "name": nodes[edge.target].name,
            "version": nodes[edge.target].version,
        }
        for edge in broken_edges(made)
    ]

"""Operators by targets as a table, and what each target keeps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.report.layout import Line, line, table

MOST_ROWS = 40
"""Operators shown unless everything is requested; those that a target lacks come first."""
_SIGNS = {"runs": "yes", "parts": "parts", "casts": "casts", "missing": "no", "unknown": "?"}
_COLUMNS = ("target", "runs", "falls", "nowhere", "unknown", "arithmetic that leaves", "sub-graphs", "crossings", "")
_LEGEND = (
    ("parts", "made of other operators, which run"),
    ("casts", "computed in 32 bit between casts"),
    ("→", "falls back to the target named"),
    ("no", "runs nowhere: the model does not load"),
    ("?", "the tables do not say"),
)


def targets_view(matrix: dict[str, Any], *, verbose: bool) -> Iterator[Line]:
    """The lines of the answer's `targets`."""
    shares = matrix["shares"]
    names = [share["target"] for share in shares]
    if not names:
        return
    rows = sorted(_rows(matrix, names), key=lambda row: not row[1])
    shown = rows if verbose else rows[:MOST_ROWS]
    yield line((say("Operators by target"), "title"))
    head = (say("operator"), say("types"), say("nodes"), *names, "")
    yield from table([head, *(cells for cells, _ in shown)], indent=2)
    if len(shown) < len(rows):
        yield line((say("{count} more; -v shows them", count=len(rows) - len(shown)), "dim"), indent=2)
    seen = " ".join(cell for cells, _ in rows for cell in cells[3:])
    for sign, meaning in _LEGEND:
        if sign in seen:
            yield line((f"{sign}  ", "name"), (say(meaning), "dim"), indent=2)
    yield line()
    yield line((say("What stays on each"), "title"))
    shaped = any(share["arithmetic_leaving"] is not None for share in shares)
    columns = _COLUMNS if shaped else _COLUMNS[:5]
    told = tuple(say(name) if name else "" for name in columns)
    yield from table([told, *(_share(share)[: len(columns)] for share in shares)], indent=2)
    if shaped and not matrix["sizes"]:
        yield line((say("{operations:count} operations", operations=matrix["arithmetic"]), "dim"), indent=2)
    elif shaped:
        sizes = ", ".join(f"{name} = {size}" for name, size in matrix["sizes"].items())
        text = say(
            "{operations:count} operations with {sizes}; --size changes that",
            operations=matrix["arithmetic"],
            sizes=sizes,
        )
        yield line((text, "dim"), indent=2)
    if matrix.get("beyond"):
        yield line((matrix["beyond"], "warning"), indent=2)
    if matrix["uncounted"]:
        text = say(
            "the arithmetic of {count} nodes is not known: their sizes can't be determined", count=matrix["uncounted"]
        )
        yield line((text, "dim"), indent=2)
    if matrix["unheld"]:
        yield line(
            (say("not checked on {names}: no table for this format", names=tuple(matrix["unheld"])), "dim"), indent=2
        )
    if verbose:
        for share in shares:
            yield line((f"{share['target']}: {share['version']}, {share['source']}", "dim"), indent=2)
    yield line()


def assigned_view(told: dict[str, Any]) -> Iterator[Line]:
    """The lines of the answer's `assigned`: what the runtime did, and where that is not what was judged."""
    yield line((say("What ONNX Runtime {version} assigns", version=told.get("version", "")).rstrip(), "title"))
    if "problem" in told:
        yield line(told["problem"], indent=2)
        yield line()
        return
    counts = Counter(node["provider"] for node in told["nodes"])
    yield from table([(name, say("{count} nodes", count=count)) for name, count in counts.most_common()], indent=2)
    if "compared" in told:
        text = say("{agreeing} of them as judged for {target}", agreeing=told["agreeing"], target=told["target"])
        yield line((text, "dim"), indent=2)
        rows = [row for row in told["compared"] if row["judged"] != row["assigned"]]
        yield from table(
            [(row["operator"], _counts(row["judged"]), _counts(row["assigned"])) for row in rows], indent=4
        )
    yield line()


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.removesuffix('ExecutionProvider')} {count}" for name, count in counts.items()) or "-"


def _rows(matrix: dict[str, Any], names: list[str]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """A row an operator with its types, and whether a target lacks it."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for use in matrix["uses"]:
        name = f"{use['domain']}:{use['operator']}" if use["domain"] else use["operator"]
        types = ",".join(dict.fromkeys(each for each in use["inputs"] if each not in ("", "-")))
        groups[name, types].append(use)
    for (name, types), uses in groups.items():
        cells = [_cell(uses, target) for target in names]
        count = sum(use["nodes"] for use in uses)
        yield (name, types, str(count), *cells, ""), any("→" in cell or "no" in cell for cell in cells)


def _cell(uses: list[dict[str, Any]], target: str) -> str:
    """The verdict of all uses; with numbers where they differ."""
    counts: Counter[str] = Counter()
    for use in uses:
        cell = use["targets"][target]
        sign = f"→{cell['to']}" if cell["verdict"] == "falls" else _SIGNS[cell["verdict"]]
        counts[sign] += use["nodes"]
    if len(counts) == 1:
        return next(iter(counts))
    return " ".join(f"{number} {sign}" for sign, number in counts.most_common())


def _share(share: dict[str, Any]) -> tuple[str, ...]:
    leaving = share["arithmetic_leaving"]
    told = "" if leaving is None else "0" if leaving == 0 else "<0.1%" if leaving < 0.0005 else f"{leaving:.1%}"
    notes = []
    if share["shape"]:
        notes.append(say("{count} nodes work sizes out on the CPU, on purpose", count=share["shape"]))
    if share["fixed_shapes"]:
        notes.append(say("takes fixed sizes alone: fix the open ones, or all of it falls back"))
    figures = (share[name] for name in ("runs", "falls", "missing", "unknown"))
    borders = (str(share[name]) for name in ("subgraphs", "crossings"))
    return (share["target"], *(str(number) for number in figures), told, *borders, "; ".join(notes))

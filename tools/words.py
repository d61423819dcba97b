"""A lint of the vocabulary: idioms that only their authors understand, replaced names, class names with two meanings.

It reads what people read: comments, docstrings and other texts of the sources, and the hand-written pages; the pages
that `tools/docs.py` writes come from docstrings. It prints each use with its place and a count for each rule, and exits
with 1 if there is any.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "airworthy"
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/adr/*.md")
# A quotation of another program's output is not ours to word. Each row: path below the root, text on the line, reason.
ALLOWED: tuple[tuple[str, str, str], ...] = ()
_GAP = r"[^.;:()`\"]{1,60}?"


class Idiom(NamedTuple):
    """An idiom, the pattern that finds it, and the plain words for it."""

    name: str
    pattern: str
    instead: str


IDIOMS = (
    Idiom("hold against", rf"\b(hold|holds|held|holding)\b(?:{_GAP})?\sagainst\b", "check, compare"),
    Idiom("tell", r"(?<!\{)\b(tell|tells|told|telling)\b", "report, name, list, say, show"),
    Idiom("what is no", r"\bwhat\s(is|are|was)\s(no|none|not\san?)\b", "the noun: NaN, invalid, missing"),
    Idiom("is none", r"\b(that|which)\s(is|are|was|were)\snone\b", "invalid, missing"),
    Idiom("for the time being", r"\bfor\sthe\stime\sbeing\b", "until ..., for now"),
    Idiom("make no odds", r"\bmakes?\sno\sodds\b", "does not matter"),
    Idiom("suffice for", r"\b(suffice|suffices|sufficed)\sfor\b", "is enough for"),
    Idiom(
        "asked for", r"\b(is|are|was|were|be|been|being)\sasked\sfor\b", "a verb with a subject: the caller requests it"
    ),
    Idiom("get over", r"\b(got|get|gets|getting)\sover\b", "recovered from"),
    Idiom("nobody, somebody", r"\b(nobody|somebody|whoever|anybody|everybody)\b", "client, process, caller, user"),
    Idiom("look at", r"\b(look|looks|looked|looking)\sat\b", "read, inspect, probe"),
    Idiom(
        "a look",
        r"\b(a|the|one|each|every|another|last|next|first|second|such\sa)\slooks?\b(?!-)",
        "inspection, sample, probe",
    ),
    Idiom("fault of ours", r"\bfaults?\sof\sours\b|\b(our|its)\sown\sfaults?\b|\bour\sfaults?\b", "internal error"),
)
# Replaced names of classes and functions: one that comes back comes back with its old, private meaning.
CLASSES = frozenset(
    [
        "Doors",
        "Room",
        "Full",
        "Waiting",
        "Flight",
        "_Flight",
        "Slot",
        "Served",
        "Asked",
        "Pending",
        "Ticket",
        "Unwanted",
        "Meters",
        "Tally",
        "Answers",
        "Trials",
        "Search",
        "Forecast",
        "Curve",
        "Entrance",
        "Bounds",
        "Terms",
        "Watch",
        "Refusal",
        "ComeBack",
        "Returns",
        "Bodies",
        "Callers",
        "Gateway",
        "Inference",
    ]
)
FUNCTIONS = frozenset(
    [
        "digest_of",
        "turn_away",
        "come_in",
        "spare_the_collector",
        "conclude",
        "_conclude",
        "stand_ins",
        "misnamed",
        "many_tensors",
        "run_alone",
        "solo",
        "alone",
    ]
)
CONSTANTS = frozenset(["EACH", "MOST", "LOOK", "FEW", "SHOWS"])
MODULES = frozenset(
    [
        "doors",
        "wishes",
        "release_digest",
        "misnamed",
        "stand_ins",
        "confined",
        "fitting",
        "many_tensors",
        "look",
        "infer",
        "words",
    ]
)


class Use(NamedTuple):
    """One use of a banned idiom or name."""

    path: Path
    line: int
    rule: str
    text: str


def texts(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """What people read of a file: its first line's number and the text, for each piece."""
    if path.suffix != ".py":
        yield 1, source
        return
    middle = getattr(tokenize, "FSTRING_MIDDLE", -1)
    comment: list[str] = []
    start = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if comment and token.start[0] == start + len(comment):
                comment.append(token.string)
            else:
                if comment:
                    yield start, "\n".join(comment)
                comment, start = [token.string], token.start[0]
        elif token.type in (tokenize.STRING, middle):
            yield token.start[0], token.string
    if comment:
        yield start, "\n".join(comment)


def idioms(path: Path, source: str) -> Iterator[Use]:
    """Each banned idiom of a file. A line break or a comment sign inside one does not hide it."""
    where = path.relative_to(ROOT).as_posix()
    lines = source.splitlines()
    for first, text in texts(path, source):
        plain = re.sub(r"\n([ \t]*)#", lambda found: "\n" + " " * (len(found[1]) + 1), text)
        for idiom in IDIOMS:
            pattern = idiom.pattern.replace(r"\s", r"\s+")
            for found in re.finditer(pattern, plain, re.IGNORECASE):
                number = first + plain.count("\n", 0, found.start())
                line = lines[number - 1].strip()
                if not any(where == file and part in line for file, part, _ in ALLOWED):
                    yield Use(path, number, idiom.name, line)


def old_names(path: Path, tree: ast.Module) -> Iterator[Use]:
    """Each definition under a name that was replaced."""
    if path.stem in MODULES:
        yield Use(path, 1, "old name", path.stem)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            old = node.name in CLASSES
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            old = node.name in FUNCTIONS
        else:
            continue
        if old:
            yield Use(path, node.lineno, "old name", node.name)
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id.lstrip("_") in CONSTANTS:
                yield Use(path, node.lineno, "old name", target.id)


def twice(trees: dict[Path, ast.Module]) -> Iterator[Use]:
    """Each class whose name another class has as well."""
    places: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append((path, node.lineno))
    for name, found in sorted(places.items()):
        if len(found) > 1:
            for path, line in found:
                yield Use(path, line, "class defined twice", name)


def uses() -> list[Use]:
    """Everything the lint finds in the tree."""
    found: list[Use] = []
    trees: dict[Path, ast.Module] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        trees[path] = ast.parse(source)
        found += idioms(path, source)
        found += old_names(path, trees[path])
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            found += idioms(path, path.read_text(encoding="utf-8"))
    found += twice(trees)
    return found


def main() -> int:
    """Print what is found; 1 if that is anything."""
    found = uses()
    for use in found:
        print(f"{use.path.relative_to(ROOT)}:{use.line}: {use.rule}: {use.text}")
    counts = Counter(use.rule for use in found)
    for rule in (*(idiom.name for idiom in IDIOMS), "old name", "class defined twice"):
        print(f"{counts[rule]:5d}  {rule}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

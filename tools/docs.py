"""Writes the reference pages from the code; with `--check` it only compares, and fails where a page has drifted.

python tools/docs.py            write
python tools/docs.py --check    compare; exit status 1 and a diff for each page that differs
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from airworthy.causes.catalogue import standard
from airworthy.causes.pages import page as cause_page
from airworthy.cli.main import cli
from airworthy.cli.verbs import VERBS
from airworthy.core import errors, settings, values
from airworthy.core.keys import KEYS, Area, Key
from airworthy.core.settings.layers import is_table
from airworthy.core.settings.renamed import RENAMED
from airworthy.core.version import Version
from airworthy.flows import documents

DOCS = Path(__file__).parent.parent / "docs"
HEAD = "<!-- Made from the code by tools/docs.py; change the code. -->\n\n"
WIDTH = 88
"""Columns of the help blocks."""


def sentences(of: type) -> dict[str, str]:
    """The sentence under each field of a class, by the field's name."""
    body = ast.parse(inspect.getsource(of)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        enumerated = isinstance(field, ast.Assign) and isinstance(field.targets[0], ast.Name)
        if not (named or enumerated) or not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            continue
        target = field.target if isinstance(field, ast.AnnAssign) else field.targets[0]  # type: ignore[attr-defined]
        assert isinstance(target, ast.Name)
        found[target.id] = " ".join(str(after.value.value).split())
    return found


def type_name(kind: Any) -> str:
    """A type as a reader of TOML or JSON knows it."""
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Version: "version"}
    if kind in names:
        return names[kind]
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{value}`" for value in kind.__args__)
    if typing.get_origin(kind) is typing.Annotated:
        return f"{type_name(kind.__origin__)}, {_bounds(kind.__metadata__[0])}"
    if getattr(kind, "__origin__", None) is tuple:
        return f"list of {type_name(kind.__args__[0])}"
    if hasattr(kind, "__args__"):
        return " or ".join(type_name(each) for each in kind.__args__ if each is not type(None))
    if issubclass(kind, str):
        return " or ".join(f"`{member.value}`" for member in kind)
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _bounds(meta: msgspec.Meta) -> str:
    """The bounds of a number in words."""
    if meta.ge is not None and meta.le is not None and meta.le < 1e6:
        return f"{meta.ge:g} to {meta.le:,.0f}"
    if meta.gt is not None:
        return f"above {meta.gt:g}"
    return "of any size" if meta.ge is not None and meta.ge < -1e6 else f"{meta.ge:g} or more"


def cell(text: str) -> str:
    """A text that doesn't end a table's cell."""
    return text.replace("|", "\\|")


def settings_page() -> str:
    """Every setting with its type, default and meaning."""
    rows = [
        "# Settings",
        "",
        "`airworthy.toml` beside the model, or in the nearest folder above it; then the environment; then options of",
        "the command line. The later wins. A name that doesn't exist is an error that names the near one.",
        "",
    ]
    for table in msgspec.structs.fields(settings.Settings):
        rows += _table_of_settings(table.name, table.type)
    rows += _upstream_settings()
    rows += ["## Old names", "", "They hold as the new ones, and a line in the log names both.", ""]
    rows += ["| before | now |", "|---|---|", *(f"| `{old}` | `{new}` |" for old, new in RENAMED.items()), ""]
    return "\n".join(rows)


def _table_of_settings(name: str, struct: type[settings.Section]) -> list[str]:
    """A table of settings, and those within it after it."""
    rows = [
        f"## `[{name}]`",
        "",
        "| setting | type | default | meaning | variable |",
        "|---|---|---|---|---|",
    ]
    told = sentences(struct)
    inner = []
    for field in msgspec.structs.fields(struct):
        if is_table(field.type):
            inner.append((f"{name}.{field.name}", field.type))
            continue
        default = msgspec.json.encode(field.default).decode()
        variable = f"{settings.ENVIRONMENT_PREFIX}{name}_{field.name}".replace(".", "_").upper()
        named = "none" if field.name == "upstreams" else f"`{variable}`"
        parts = (f"`{field.name}`", type_name(field.type), f"`{default}`", told[field.name], named)
        rows.append(f"| {' | '.join(cell(part) for part in parts)} |")
    rows.append("")
    for path, table in inner:
        rows += _table_of_settings(path, table)
    return rows


def _upstream_settings() -> list[str]:
    rows = [
        "## `UpstreamSettings`",
        "",
        "An entry `[[serve.upstreams]]`.",
        "",
        "| setting | type | default | meaning |",
        "|---|---|---|---|",
    ]
    told = sentences(settings.UpstreamSettings)
    for field in msgspec.structs.fields(settings.UpstreamSettings):
        default = "required" if field.required else f"`{msgspec.json.encode(field.default).decode()}`"
        rows.append(f"| `{field.name}` | {type_name(field.type)} | {default} | {cell(told[field.name])} |")
    return [*rows, ""]


def facts_page() -> str:
    """Every fact with its type and meaning, and the compound values."""
    rows = [
        "# Facts",
        "",
        "What checks decide from. Each is *known* with its source, *absent* with its source (no such device, no limit",
        "set), or *unknown* with the reason; a check whose fact is unknown is skipped, never passed.",
        "",
    ]
    for area in Area:
        keys: list[Key[Any]] = [key for key in KEYS.values() if key.area is area]
        rows += [f"## {sentences(Area)[area.name]}", "", "| fact | type | meaning |", "|---|---|---|"]
        rows += [f"| `{key.name}` | {cell(type_name(key.type))} | {cell(key.doc)} |" for key in keys]
        rows.append("")
    rows += ["## Compound values", ""]
    for kind in vars(values).values():
        if isinstance(kind, type) and issubclass(kind, values.Value) and kind is not values.Value:
            told = sentences(kind)
            rows += [f"### {kind.__name__}", "", (kind.__doc__ or "").partition("\n")[0], ""]
            rows += ["| field | type | meaning |", "|---|---|---|"]
            for field in msgspec.structs.fields(kind):
                rows.append(f"| `{field.name}` | {cell(type_name(field.type))} | {cell(told[field.name])} |")
            rows.append("")
    return "\n".join(rows)


def answers_page() -> str:
    """The JSON document of every verb: its fields, and where its schema is."""
    rows = [
        "# Answers",
        "",
        "What a verb writes with `--format json`, and what its function returns. Every document has `schema`, `verb`,",
        "`subject`, `findings` and `results`; a field of the answer that does not apply is left out. The number in",
        "`schema` grows when an old reader would misread a new document; fields may be added without that.",
        "`airworthy.flows.documents.load_document` reads the documents of this and of every earlier release.",
        "",
    ]
    for verb, kinds in documents.ANSWERS.items():
        for kind in kinds:
            told = sentences(kind)
            summary = (kind.__doc__ or "").partition("\n")[0]
            rows += [f"## `{verb}`: {kind.__name__}", "", f"{summary} [JSON Schema]({schema_path(verb, kind)})", ""]
            fields = msgspec.structs.fields(kind)
            if fields:
                rows += ["| field | type | meaning |", "|---|---|---|"]
                rows += [
                    f"| `{each.name}` | {cell(json_type(each.type))} | {cell(told[each.name])} |" for each in fields
                ]
                rows.append("")
    return "\n".join(rows)


def json_type(kind: Any) -> str:
    """A type as a reader of JSON knows it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "object"
    if kind in (Path, Any):
        return "text" if kind is Path else "anything"
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin in (list, tuple):
        return f"list of {json_type(arguments[0])}s".replace("texts", "text")
    if origin is dict:
        return "object"
    if arguments:
        return " or ".join("null" if each is type(None) else json_type(each) for each in arguments)
    return type_name(kind)


def schema_path(verb: str, kind: type) -> str:
    """The file of a document's schema, beside the page."""
    return f"schemas/{verb}-{kind.__name__}.json"


def schemas() -> Iterator[tuple[str, str]]:
    """The JSON Schema of every document."""
    for verb, kinds in documents.ANSWERS.items():
        for kind in kinds:
            schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **documents.schema_of(verb, kind)}
            text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
            yield f"reference/{schema_path(verb, kind)}", text


def cli_page() -> str:
    """The help of every verb, as it is printed."""
    rows = ["# Command line", "", "```text", help_text(cli, "airworthy"), "```", ""]
    for name, (target, _) in VERBS.items():
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        rows += [f"## `airworthy {name}`", "", "```text", help_text(command, f"airworthy {name}"), "```", ""]
    rows += ["## Exit statuses", "", "| status | meaning |", "|---|---|"]
    told = sentences(errors.Exit)
    rows += [f"| {status.value} | {cell(told[status.name])} |" for status in errors.Exit]
    return "\n".join([*rows, ""])


def help_text(command: click.Command, path: str) -> str:
    """What `--help` prints, at a fixed width."""
    context = click.Context(command, info_name=path, terminal_width=WIDTH, help_option_names=["-h", "--help"])
    return command.get_help(context).rstrip()


def cause_pages() -> Iterator[tuple[str, str]]:
    """One page a cause, and the list of them by family."""
    families: dict[str, list[Any]] = {}
    for cause in standard():
        families.setdefault(cause.family, []).append(cause)
        yield f"causes/{cause.slug}.md", cause_page(cause, standard())
    rows = [
        "# Causes",
        "",
        "Everything that airworthy can predict, recognise or explain. `airworthy explain CAUSE`",
        "",
    ]
    rows[2] += " shows the same page in a terminal."
    for family in sorted(families):
        rows += [f"## {family}", "", "| cause | severity | what is wrong | asked |", "|---|---|---|---|"]
        for cause in sorted(families[family], key=lambda each: each.slug):
            asked = [word for word, here in (("before", cause.predictor), ("after", cause.signatures)) if here]
            parts = (f"[`{cause.slug}`]({cause.slug}.md)", cause.severity.value, cause.title, " and ".join(asked))
            rows.append(f"| {' | '.join(cell(part) for part in parts)} |")
        rows.append("")
    yield "causes/index.md", "\n".join(rows)


def pages() -> dict[str, str]:
    """All generated pages by their path under `docs/`."""
    made = {
        "reference/settings.md": settings_page(),
        "reference/facts.md": facts_page(),
        "reference/cli.md": cli_page(),
        "reference/answers.md": answers_page(),
    }
    made.update(cause_pages())
    return {path: HEAD + text.rstrip("\n") + "\n" for path, text in made.items()} | dict(schemas())


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = pages()
    made_only = (*DOCS.glob("causes/*.md"), *DOCS.glob("reference/schemas/*.json"))
    here = {path.relative_to(DOCS).as_posix() for path in made_only}
    stale = sorted(here - made.keys())
    drifted = 0
    for path, text in made.items():
        file = DOCS / path
        old = file.read_text(encoding="utf-8") if file.exists() else ""
        if old == text:
            continue
        drifted += 1
        if arguments:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), path, "code"))
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            print(f"wrote docs/{path}")
    for path in stale:
        print(f"docs/{path} is made by nothing")
        if not arguments:
            (DOCS / path).unlink()
    if arguments and (drifted or stale):
        print(f"{drifted} pages differ from the code: run `python tools/docs.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

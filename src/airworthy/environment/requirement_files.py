"""What a lock is made from: `pyproject.toml`, a list of requirements, or an environment."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from airworthy.causes.requirements import parse_requirement
from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class RequirementsUnreadable(AirworthyError):
    """An input of `lock` that can't be read."""

    code = "requirements-unreadable"
    message = "{path}: {problem}"
    hint = "give a pyproject.toml with a [project] table, or a file with one requirement a line"


class WantedRequirements(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be installed."""

    source: str
    """The file, or the environment."""
    lines: tuple[str, ...]
    """The requirements, one each."""
    options: tuple[str, ...] = ()
    """Lines of a list that are options for the installer: `--index-url …`, `-c file`."""
    project: str = ""
    """The project that requires them, which the lock does not hold; empty for none."""
    python: str = ""
    """The oldest Python that it takes, `3.10`; empty where it does not say."""


def parse_project(data: bytes, path: str, extras: tuple[str, ...], groups: tuple[str, ...]) -> WantedRequirements:
    """The requirements of a project with some of its extras and groups.

    Raises:
        RequirementsUnreadable: it is no such file, or has no such extra or group.
    """
    try:
        document: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequirementsUnreadable(path=path, problem=error) from None
    project = document.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise RequirementsUnreadable(path=path, problem=say("it has no [project] table with a name"))
    name = project["name"]
    offered, grouped = project.get("optional-dependencies", {}), document.get("dependency-groups", {})
    lines: dict[str, None] = dict.fromkeys(_texts(project.get("dependencies", []), path))
    waiting, seen = list(extras), set()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        if extra not in offered:
            raise RequirementsUnreadable(path=path, problem=say("it has no extra named {extra!r}", extra=extra))
        for text in _texts(offered[extra], path):
            written = parse_requirement(text)
            if written is not None and written.name == name.lower().replace("_", "-"):
                waiting += written.extras  # an extra that names others of the same project
            else:
                lines[text] = None
    for group in groups:
        if group not in grouped:
            raise RequirementsUnreadable(path=path, problem=say("it has no group named {group!r}", group=group))
        lines.update(dict.fromkeys(_texts([each for each in grouped[group] if isinstance(each, str)], path)))
    python = ""
    for clause in str(project.get("requires-python", "")).split(","):
        if clause.strip().startswith(">="):
            python = clause.strip()[2:].strip()
    return WantedRequirements(source=path, lines=tuple(lines), project=name, python=python)


def _texts(value: Any, path: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise RequirementsUnreadable(path=path, problem=say("a list of requirements holds something else than texts"))
    return value


def parse_list(data: bytes, path: str) -> WantedRequirements:
    """The requirements of a list, one a line; options keep their place beside them.

    Raises:
        RequirementsUnreadable: a line is no requirement.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequirementsUnreadable(path=path, problem=error) from None
    lines, options = [], []
    for number, row in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        content = row.partition(" #")[0].strip()
        if not content or content.startswith("#"):
            continue
        content = content.partition(" --hash")[0].strip()
        if content.startswith("-"):
            options.append(content)
        elif parse_requirement(content) is not None or "://" in content:
            lines.append(content)
        else:
            raise RequirementsUnreadable(
                path=path,
                problem=say("line {number} is no requirement: {content}", number=number, content=content[:80]),
            )
    return WantedRequirements(source=path, lines=tuple(lines), options=tuple(options))

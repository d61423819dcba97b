"""A catalogue that grows: entries of a project's own folder, and drafts of entries made from logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.flows.files import OutputFailed, reason

FOLDER = Path(".airworthy") / "causes"
"""Where a project keeps its own entries, in its own directory or one above."""
MOST_ENTRIES = 1000
"""Files of the folder that are read."""
MOST_BYTES = 1024 * 1024
"""Bytes of such a file that are read."""


class SlugTaken(AirworthyError):
    """A name for a new entry that another one has."""

    code = "slug-taken"
    message = "there is an entry named {slug} already{where}"
    hint = "choose a name that says what is different about this fault"


class SlugInvalid(AirworthyError):
    """A name for a new entry that is none."""

    code = "slug-invalid"
    message = "{slug!r} can't be the name of an entry"
    hint = "small letters, digits and single hyphens: `licence-server-down`"


class NothingWrong(AirworthyError):
    """A log in which no line sounds wrong, asked for a draft."""

    code = "nothing-wrong"
    message = "no line of {source} sounds like a failure"
    hint = "name the line: --line N"


class Written(NamedTuple):
    """A draft that was written."""

    path: Path
    """The file."""
    number: int
    """The line of the log that it is made from."""
    literal: str
    """The literal of its signature."""
    known: tuple[str, ...]
    """Causes that recognise the log already."""


def folder(start: Path | None = None) -> Path | None:
    """The folder of a project's own entries: here, or in the nearest directory above."""
    here = (start or Path.cwd()).absolute()
    for directory in (here, *here.parents):
        found = directory / FOLDER
        try:
            if found.is_dir():
                return found
        except OSError:
            continue  # a directory that may not be looked into holds none for us
    return None


def join_local(start: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Let the entries of a project's own folder join the catalogue; returns what they bring about, by slug.

    Raises:
        EntryInvalid: an entry can't be used.
        SlugTaken: it has the name of one of ours.
    """
    where = folder(start)
    if where is None:
        return {}
    from airworthy.causes.local import EntryInvalid, parse
    from airworthy.causes.registry import CAUSES

    more: dict[str, tuple[str, ...]] = {}
    for path in sorted(where.glob("*.toml"))[:MOST_ENTRIES]:
        try:
            with path.open("rb") as stream:
                text = stream.read(MOST_BYTES + 1).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise EntryInvalid(source=str(path), problem=reason(error)) from None
        entry = parse(path.stem, text, str(path))
        try:
            CAUSES.add(path.stem, entry.cause)
        except ValueError:
            raise SlugTaken(slug=path.stem, where=say(", and {path} would hide it", path=path)) from None
        more[path.stem] = entry.brings_about
    if more:
        from airworthy.recognition.catalogue import forget

        forget()
    return more


def new(slug: str, log: str, *, line: int | None = None) -> Written:
    """Write a draft of an entry from the line of a log that tells most about its failure.

    Args:
        slug: the name of the entry.
        log: a log; `-` is standard input.
        line: the number of the line, from 1; the one that tells most when None.

    Raises:
        SlugInvalid: the name is none.
        SlugTaken: there is an entry of that name.
        NothingWrong: no line sounds wrong, or there is no such line.
        OutputFailed: the file can't be written.
    """
    from airworthy.causes.local import LEAST_LITERAL, SLUG, draft
    from airworthy.causes.registry import CAUSES
    from airworthy.flows.logs import pieces
    from airworthy.recognition import gone_through
    from airworthy.recognition.catalogue import catalogue
    from airworthy.recognition.lines import read_line
    from airworthy.recognition.templates import signature_of, unrecognised

    if SLUG.match(slug) is None:
        raise SlugInvalid(slug=slug)
    join_local()
    if slug in CAUSES.names():
        raise SlugTaken(slug=slug, where="")
    if line is None:
        scan = gone_through(pieces(log), catalogue())
        found = unrecognised(scan.alarms, scan.ready)
        known = tuple(scan.hits)
        if found is None and scan.hits:
            # The log is recognised as something else; the line that did that is what the new entry is about.
            hit = next(iter(scan.hits.values()))[0]
            number, text = hit.number, hit.line.text.strip()
        elif found is None:
            raise NothingWrong(source=log)
        else:
            number, text = found.number, found.text
    else:
        number, known = line, ()
        text = read_line(_line(log, line)).text.strip()
    literal, pattern = signature_of(text)
    if len(literal) < LEAST_LITERAL:
        raise NothingWrong(source=log)
    where = folder() or Path.cwd() / FOLDER
    path = where / f"{slug}.toml"
    try:
        where.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(draft(slug, text, literal, pattern))
    except FileExistsError:
        raise SlugTaken(slug=slug, where=say(", at {path}", path=path)) from None
    except OSError as error:
        raise OutputFailed(path=path, reason=reason(error)) from None
    return Written(path, number, literal, known)


def _line(log: str, wanted: int) -> str:
    from airworthy.flows.logs import pieces

    before, rest = 0, b""
    for piece in pieces(log):
        block = rest + piece
        count = block.count(b"\n")
        if before + count >= wanted:
            return _plain(block.split(b"\n")[wanted - before - 1])
        before += count
        rest = block[block.rfind(b"\n") + 1 :]
    if rest and before + 1 == wanted:
        return _plain(rest)
    raise NothingWrong(source=log)


def _plain(line: bytes) -> str:
    from airworthy.recognition.lines import ESCAPES

    return re.sub(r"[\r\n]+", "", ESCAPES.sub(b"", line).decode("utf-8", "replace"))

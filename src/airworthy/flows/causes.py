"""Recorded causes and what they cost; drafts of entries for a project's own folder, made from logs."""

from __future__ import annotations

import re
from pathlib import Path

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.settings import Settings
from airworthy.flows.answers.causes import Draft, RecordedCauses
from airworthy.flows.catalogue import FOLDER, SlugTaken, catalogue_for, own_folder
from airworthy.flows.files import OutputFailed, reason


class SlugInvalid(AirworthyError):
    """An invalid name for a new entry."""

    code = "slug-invalid"
    message = "{slug!r} can't be the name of an entry"
    hint = "small letters, digits and single hyphens: `licence-server-down`"


class NothingWrong(AirworthyError):
    """A log in which no line sounds wrong, asked for a draft."""

    code = "nothing-wrong"
    message = "no line of {source} sounds like a failure"
    hint = "name the line: --line N"


def causes(settings: Settings | None = None, *, resolve: str = "") -> RecordedCauses:
    """Which recorded causes cost most, how often they came back, and how long they took to end.

    Args:
        settings: where diagnoses are kept.
        resolve: a cause whose open diagnoses are marked as resolved first.

    Raises:
        UnknownName: there is no cause of that name to resolve.
        StateUnusable: the database can't be used.
    """
    from airworthy.state import diagnoses
    from airworthy.state.directory import state_directory

    if resolve:
        catalogue_for().get(resolve)
    directory = state_directory(settings or Settings())
    resolved = diagnoses.resolve(directory, resolve) if resolve else None
    return RecordedCauses(causes=list(diagnoses.stats(directory)), resolved=resolved)


def new(slug: str, log: str, *, line: int | None = None) -> Draft:
    """Write a draft of an entry from the line of a log that says most about its failure.

    Args:
        slug: the name of the entry.
        log: a log; `-` is standard input.
        line: the number of the line, from 1; the one that says most when None.

    Raises:
        SlugInvalid: the name is none.
        SlugTaken: there is an entry of that name.
        NothingWrong: no line sounds wrong, or there is no such line.
        OutputFailed: the file can't be written.
    """
    from airworthy.causes.local import LEAST_LITERAL, SLUG, draft
    from airworthy.flows.logs import pieces
    from airworthy.recognition import gone_through
    from airworthy.recognition.failure_lines import failure_line
    from airworthy.recognition.lines import read_line
    from airworthy.recognition.templates import signature_of
    from airworthy.recognition.text_index import text_index

    if SLUG.match(slug) is None:
        raise SlugInvalid(slug=slug)
    catalogue = catalogue_for()
    if slug in catalogue:
        raise SlugTaken(slug=slug, where="")
    if line is None:
        scan = gone_through(pieces(log), text_index(catalogue))
        found = failure_line(scan)
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
    where = own_folder() or Path.cwd() / FOLDER
    path = where / f"{slug}.toml"
    try:
        where.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(draft(slug, text, literal, pattern))
    except FileExistsError:
        raise SlugTaken(slug=slug, where=say(", at {path}", path=path)) from None
    except OSError as error:
        raise OutputFailed(path=path, reason=reason(error)) from None
    return Draft(path, number, literal, known)


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

"""The catalogue of a place: the causes of this installation, and those that the project there writes for itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.flows.files import nearest, reason

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue
    from airworthy.causes.local import LocalEntry

FOLDER = ".airworthy/causes"
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


def own_folder(beside: str | Path | None = None) -> Path | None:
    """The folder of a project's own entries: beside the model or in the nearest directory above it.

    Args:
        beside: the model; the working directory without one, as for settings.
    """
    return nearest(FOLDER, beside, folder=True)


def catalogue_for(beside: str | Path | None = None) -> Catalogue:
    """The catalogue that holds for a model, or for the working directory without one.

    Raises:
        EntryInvalid: an entry of the project's own folder can't be used.
        SlugTaken: it has the name of one that comes with airworthy or with another package.
    """
    from airworthy.causes.catalogue import standard

    folder = own_folder(beside)
    if folder is None:
        return standard()
    entries = []
    for path in sorted(folder.glob("*.toml"))[:MOST_ENTRIES]:
        if path.stem in standard():
            raise SlugTaken(slug=path.stem, where=say(", and {path} would hide it", path=path))
        entries.append(_read(path))
    return standard().joined_by(entries) if entries else standard()


def _read(path: Path) -> LocalEntry:
    from airworthy.causes.local import EntryInvalid, parse

    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EntryInvalid(source=str(path), problem=reason(error)) from None
    return parse(path.stem, text, str(path))

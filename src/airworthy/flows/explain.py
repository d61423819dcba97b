"""What a cause is: its page of the catalogue; or all of them by family."""

from __future__ import annotations

from airworthy.causes.catalogue import Catalogue
from airworthy.flows.answers.explain import CauseList, CauseTitle, Explanation
from airworthy.flows.catalogue import catalogue_for


def explain(cause: str, catalogue: Catalogue | None = None) -> Explanation:
    """The page of a cause.

    Args:
        cause: its slug.
        catalogue: the causes that there are; those of the working directory by default.

    Raises:
        UnknownName: no cause has that slug; the way out names the nearest.
    """
    from airworthy.causes.pages import page

    catalogue = catalogue or catalogue_for()
    entry = catalogue.get(cause)
    return Explanation(cause=entry.slug, title=entry.title, page=page(entry, catalogue))


def list_causes(catalogue: Catalogue | None = None) -> CauseList:
    """Every cause, families together."""
    rows = (CauseTitle(each.slug, each.family, each.title) for each in catalogue or catalogue_for())
    return CauseList(causes=tuple(sorted(rows, key=lambda row: (row.family, row.cause))))

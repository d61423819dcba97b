"""Serving language models that other servers run: from their addresses, or from the settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import msgspec

from airworthy.artifacts.remote_names import is_download
from airworthy.core.errors import AirworthyError, Exit, SettingInvalid
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.settings import Settings
from airworthy.core.settings.upstreams import UpstreamSettings, problem_of
from airworthy.serve.service import Plan
from airworthy.serve.workers.upstreams.failures import UpstreamError
from airworthy.serve.workers.upstreams.upstream import Upstream, UpstreamKeyUnreadable

ENGINE = "upstream"
"""What stands in place of an engine's name."""
KEY_VARIABLE = "UPSTREAM_API_KEY"
"""The environment variable with the key of a server whose address is given on the command line."""
MAX_MODELS = 64
"""Models that are taken from one server's list."""


class UpstreamUnusable(AirworthyError):
    """A server that can't be served through ours."""

    code = "upstream-unusable"
    message = "{url}: {problem}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


def is_url(text: str) -> bool:
    """Whether a model is given by the address of a server that runs it."""
    return text.lower().startswith(("http://", "https://")) and not is_download(text)


def find(url: str, name: str | None, settings: Settings, key: str = "") -> tuple[UpstreamSettings, ...]:
    """The models that a server lists, as upstreams.

    Args:
        url: the server's base URL.
        name: the one model to take; where the server has one only, the name to serve it under. None for all.
        settings: the settings; an entry for the same URL lends its key, its kind and its clocks.
        key: where the key that it asks for stands, where no entry of the settings says so.

    Raises:
        SettingInvalid: the URL is none that can be served.
        UpstreamUnusable: it lists no model, or none of that name.
    """
    base = next((each for each in settings.serve.upstreams if each.url == url), None)
    base = msgspec.structs.replace(base, model="") if base else UpstreamSettings(name="any", url=url, key=key)
    problem, suggestion = problem_of((base,))
    if problem:
        raise SettingInvalid(source="command line", problem=problem, suggestion=suggestion)
    names = _listed(base)
    if not names:
        raise UpstreamUnusable(url=url, problem=say("it lists no model"), way_out=say("load one there"))
    if name is not None and name not in names and len(names) > 1:
        raise UpstreamUnusable(
            url=url, problem=say("it lists no {name!r}", name=name), way_out=say("take one of {names}", names=names)
        )
    if name is not None:
        model = name if name in names else names[0]
        return (msgspec.structs.replace(base, name=_served(name), model=model),)
    return tuple(msgspec.structs.replace(base, name=_served(each), model=each) for each in names[:MAX_MODELS])


def find_one(url: str, name: str | None, settings: Settings, key: str = "") -> tuple[UpstreamSettings, ...]:
    """The one model of a server. Arguments and errors are those of `find`, and where it lists several, that."""
    found = find(url, name, settings, key)
    if len(found) > 1:
        names = tuple(each.model for each in found)
        problem = say("it lists {count} models", count=len(found))
        way_out = say("choose one with --name: {names}; `airworthy serve` takes them all", names=names)
        raise UpstreamUnusable(url=url, problem=problem, way_out=way_out)
    return found


def key_given() -> str:
    """Where the key of a server on the command line stands; empty where none is given."""
    return f"env:{KEY_VARIABLE}" if os.environ.get(KEY_VARIABLE) else ""


def _served(name: str) -> str:
    from airworthy.flows.up import served_name

    return served_name(name)


def _listed(settings: UpstreamSettings) -> tuple[str, ...]:
    try:
        cards = asyncio.run(Upstream(settings).models())
    except UpstreamKeyUnreadable as error:
        raise UpstreamUnusable(url=settings.url, problem=str(error), way_out=say("give the key")) from None
    except UpstreamError as error:
        way_out = say("see that the server runs; its key is read from {name}", name=KEY_VARIABLE)
        raise UpstreamUnusable(url=settings.url, problem=error.detail, way_out=way_out) from None
    return tuple(card["id"] for card in cards if isinstance(card.get("id"), str) and card["id"])


def plans(upstreams: Sequence[UpstreamSettings]) -> tuple[Plan, ...]:
    """How to serve upstreams: those of one name are one model."""
    by_name: dict[str, list[UpstreamSettings]] = {}
    for each in upstreams:
        by_name.setdefault(each.name, []).append(each)
    return tuple(_plan(name, tuple(those)) for name, those in by_name.items())


def _plan(name: str, upstreams: tuple[UpstreamSettings, ...]) -> Plan:
    urls = tuple(each.url for each in upstreams)
    model = ModelInfo(name=name, path=urls[0], format=ENGINE, entry=urls[0], task="generation")
    notes = tuple(say("  upstream {url}", url=url) for url in urls)
    return Plan(model=model, engine=ENGINE, generates=True, notes=notes, upstreams=upstreams)

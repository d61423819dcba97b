"""`[[serve.upstreams]]`: servers whose models are served through ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from airworthy.core.messages import say
from airworthy.core.settings.section import NotNegative, Positive, Seconds, Section

Kind = Literal["auto", "vllm", "sglang", "llama-server", "ollama", "tgi", "lmstudio", "mindie", "openai", "other"]
KINDS: tuple[str, ...] = get_args(Kind)
"""The kinds of servers; `auto` asks the server."""
_URL = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?:/[\x21-\x7e]*)?")


class UpstreamSettings(Section, frozen=True):
    """One server for one model; several of one `name` share its requests."""

    name: str
    """The name that the model is served under."""
    url: str
    """The server's base URL, with or without `/v1`."""
    model: str = ""
    """The server's own name of the model; empty for `name`."""
    kind: Kind = "auto"
    """Which server it is, as `vllm` or `ollama`; `auto` asks it."""
    priority: NotNegative = 0
    """Servers of a higher number get requests only while none of a lower number takes them."""
    weight: Positive = 1
    """Its share of the requests among servers of its priority."""
    key: str = ""
    """Where the key that it asks for stands: a file whose only line it is, or `env:NAME`; not the key itself."""
    slots: Positive = 16
    """Requests that it is given at a time."""
    context: NotNegative = 0
    """Tokens of its context; 0 for what it says, and 8192 where it says nothing."""
    connect_timeout: Seconds = 5.0
    """Seconds for a connection."""
    first_chunk_timeout: Seconds = 30.0
    """Seconds from the connection to the first piece of an answer."""
    chunk_timeout: Seconds = 30.0
    """Seconds between two pieces of an answer; a comment in the stream counts as one."""
    retries: NotNegative = 2
    """Further tries of a request of which its client has seen nothing, on this server or another."""

    @property
    def upstream_model(self) -> str:
        """The server's own name of the model."""
        return self.model or self.name


def problem_of(upstreams: Sequence[UpstreamSettings]) -> tuple[str, str]:
    """What is wrong with upstreams, and what ends it; empty texts where nothing is."""
    seen: set[tuple[str, str, str]] = set()
    for each in upstreams:
        found = _problem(each)
        if found[0]:
            return found
        key = (each.name, each.url, each.upstream_model)
        if key in seen:
            return (
                say("`serve.upstreams` has {url} twice for {name!r}", url=each.url, name=each.name),
                say("give it a larger weight instead"),
            )
        seen.add(key)
    return "", ""


def _problem(each: UpstreamSettings) -> tuple[str, str]:
    if not each.name or not all(character.isalnum() or character in "._-" for character in each.name):
        problem = say("`serve.upstreams` names a model {name!r}", name=each.name)
        return problem, say("write letters, digits, `.`, `_` and `-`; the server's own name goes into `model`")
    wrong = _wrong_url(each.url)
    if wrong:
        return say("`serve.upstreams` of {name!r}: {wrong}", name=each.name, wrong=wrong), say(
            "write it as http://host:port, and the key into `key`"
        )
    return "", ""


def _wrong_url(url: str) -> str:
    """What is wrong with a server's URL, without repeating what may be a secret in it."""
    if "@" in url:
        return say("the URL holds a user name or a password")
    if "?" in url or "#" in url:
        return say("the URL holds more than a host and a path")
    found = _URL.fullmatch(url)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        return say("the URL is none of http:// or https:// with a host")
    return ""

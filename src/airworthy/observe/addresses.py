"""The base URL of a server, in parts; whatever is wrong with it is found before anything is sent."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

PORTS = {"http": 80, "https": 443}
"""The schemes that are spoken, and their ports."""


class AddressInvalid(AirworthyError):
    """A URL that names no server."""

    code = "address-invalid"
    message = "{url!r} is not the URL of a server: {problem}"
    hint = "write it as http://HOST:PORT"


class ServerAddress(NamedTuple):
    """A server's base URL."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name or an address; an IPv6 address without its brackets."""
    port: int
    """The port, the scheme's own where the URL names none."""
    path: str
    """The path without a slash at its end; empty for the root."""

    @property
    def url(self) -> str:
        """The base URL, the port always named."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse(url: str) -> ServerAddress:
    """A base URL in parts; one without a scheme is plain HTTP.

    Raises:
        AddressInvalid: the scheme, host or port can't be used, or the URL holds a secret or more than a path.
    """
    text = url if "://" in url else f"http://{url}"
    if "@" in text:
        # The URL is not repeated: it holds a secret.
        raise AddressInvalid(url=text.partition("://")[0] + "://...", problem=say("it holds a user name or a password"))
    if any(not 0x20 < ord(character) < 0x7F for character in text):
        raise AddressInvalid(url=url, problem=say("it holds blanks or characters beyond ASCII"))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressInvalid(url=url, problem=error) from None
    if parts.scheme not in PORTS:
        raise AddressInvalid(url=url, problem=say("the scheme is {scheme!r}", scheme=parts.scheme))
    if not parts.hostname or port == 0:
        raise AddressInvalid(url=url, problem=say("port 0") if parts.hostname else say("it names no host"))
    if parts.query or parts.fragment:
        raise AddressInvalid(url=url, problem=say("it holds more than a host and a path"))
    return ServerAddress(parts.scheme, parts.hostname, port or PORTS[parts.scheme], parts.path.rstrip("/"))

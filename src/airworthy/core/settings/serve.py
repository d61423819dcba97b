"""`[serve]` and the tables in it: the service."""

from __future__ import annotations

import re

from airworthy.core.messages import say
from airworthy.core.settings.generation import GenerationSettings
from airworthy.core.settings.section import (
    NotNegative,
    Port,
    Positive,
    Rate,
    Seconds,
    SecondsOrZero,
    Section,
    ValueRefused,
)
from airworthy.core.settings.upstreams import UpstreamSettings, problem_of

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9.\-\[\]:_]+")
_CACHE_URL = re.compile(r"(?:rediss?|unix)://.")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


class LimitSettings(Section, frozen=True):
    """`[serve.limits]`: how large a request may be, and how long it may take to arrive."""

    max_body: Positive = 32 * 1024 * 1024
    """The largest request body in bytes; a larger one is answered with 413."""
    max_bodies: Positive = 1024 * 1024 * 1024
    """Bytes of request bodies that are held at the same time; one that has no room is answered with 503."""
    max_headers: Positive = 64 * 1024
    """The most bytes of a request's headers; more are answered with 431."""
    max_url: Positive = 8 * 1024
    """The longest URL in bytes; a longer one is answered with 414."""
    header_timeout: Seconds = 10.0
    """Seconds for a connection's first bytes, and for a request's headers, to arrive; then it is closed."""
    body_timeout: Seconds = 10.0
    """Seconds for a request's body to arrive; slower ones are answered with 408."""


class BatchingSettings(Section, frozen=True):
    """`[serve.batching]`: what waits for a model, and what runs together."""

    max_queue: NotNegative = 0
    """Inputs that may wait for a model. 0 chooses: 256, or more if the model is estimated to clear them in a second."""
    join: bool = True
    """Whether rows of several requests may run together, where that is proven to change no answer; else never."""
    max_rows: Positive = 32
    """The most rows that run together."""
    max_tokens: NotNegative = 0
    """The most tokens that run together for texts, padding counted; 0 for what a search finds, and 256 before it."""
    max_wait: SecondsOrZero = 0.0
    """Seconds that a batch may wait to grow; 0 batches what has queued while the worker was busy."""
    search: bool = True
    """Whether trial runs, while idle, find how a model runs best; what they find is kept for later starts."""


class WorkerSettings(Section, frozen=True):
    """`[serve.workers]`: the processes that run models."""

    count: Positive = 1
    """Worker processes a model."""
    threads: NotNegative = 0
    """Threads of each worker's runtime; 0 divides the usable cores among the workers."""
    load_timeout: Seconds = 120.0
    """Seconds that a worker gets to load its model."""
    stall_timeout: Seconds = 60.0
    """Seconds without an answer from a busy worker after which it is replaced."""


class CacheSettings(Section, frozen=True):
    """`[serve.cache]`: answers that are kept for requests that come again."""

    bytes: NotNegative = 0
    """Bytes of answers that each model keeps; 0 keeps none."""
    ttl: SecondsOrZero = 3600.0
    """Seconds that a kept answer is good for."""
    url: str = ""
    """A Redis that keeps answers as well, for other processes and the next start: `redis://host:6379/0`."""
    timeout: Seconds = 0.05
    """Seconds that Redis gets to answer; then the model does."""

    def __post_init__(self) -> None:
        if self.url and not _CACHE_URL.match(self.url):
            raise ValueRefused(say("`serve.cache.url` is no URL of a Redis"), say("write it as redis://host:6379/0"))


class CallerSettings(Section, frozen=True):
    """`[serve.callers]`: what one caller may ask for."""

    rate: Rate = 0.0
    """Requests a second that one caller may make on average; more are answered with 429. 0 sets no limit."""
    burst: NotNegative = 0
    """Requests that a caller may make at once after a pause; 0 for as many as in a second."""
    bytes: Rate = 0.0
    """Bytes of bodies a second that one caller may send on average; 0 sets no limit."""
    requests: NotNegative = 0
    """Requests that one caller may have running or waiting at a time; 0 sets no limit."""
    header: str = ""
    """The header in which a proxy that checks who asks names the caller; without it a caller is an IP address."""
    high_priority: bool = False
    """Whether clients may raise their priority. Lowering it is always allowed."""

    def __post_init__(self) -> None:
        if self.header and not _HEADER.fullmatch(self.header):
            raise ValueRefused(
                say("`serve.callers.header` is {name!r}, which is no header's name", name=self.header),
                say("write the bare name, `x-api-key`"),
            )


class AdminSettings(Section, frozen=True):
    """`[serve.admin]`: models that are loaded and unloaded over the network."""

    enabled: bool = False
    """Whether models can be loaded and unloaded over the network, by who holds the admin key."""
    key_file: str = ""
    """A file whose only line is the admin key."""
    key: str = ""
    """The admin key itself, best given by the environment; at least 16 characters."""


class DecryptionSettings(Section, frozen=True):
    """`[serve.decryption]`: what opens encrypted models."""

    key: str = ""
    """A file with private keys, or `env:NAME`; not the key itself."""
    password: str = ""
    """Where that key's passphrase stands, if it has one: a file, or `env:NAME`; not the passphrase itself."""


class ServeSettings(Section, frozen=True):
    """`[serve]`: the service."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Port = 8000
    """The TCP port; 0 lets the system choose."""
    grpc_port: Port | None = None
    """The TCP port of the gRPC interface, which is off without one; 0 lets the system choose."""
    deadline: Seconds = 30.0
    """Seconds from a request's arrival to its answer; later ones are answered with 504."""
    drain: SecondsOrZero = 10.0
    """Seconds that running requests get after SIGTERM."""
    compress_from: NotNegative = 16 * 1024
    """The least bytes of a response that is compressed where the client asks for it; 0 turns it off."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose web pages may call the service, `https://app.example.com`; `*` is any, none turns it off."""
    allow_nonfinite: bool = False
    """Whether inputs may hold NaN or infinity."""
    pooling: str = ""
    """How token vectors become one vector a text, for folders that don't say it: `mean`, `cls`, `max`, `lasttoken`."""
    require_signature: str = ""
    """The publisher's public key or root certificate, a PEM file: models that it has not signed are not served."""
    limits: LimitSettings = LimitSettings()
    """`[serve.limits]`."""
    batching: BatchingSettings = BatchingSettings()
    """`[serve.batching]`."""
    workers: WorkerSettings = WorkerSettings()
    """`[serve.workers]`."""
    generation: GenerationSettings = GenerationSettings()
    """`[serve.generation]`."""
    cache: CacheSettings = CacheSettings()
    """`[serve.cache]`."""
    callers: CallerSettings = CallerSettings()
    """`[serve.callers]`."""
    admin: AdminSettings = AdminSettings()
    """`[serve.admin]`."""
    decryption: DecryptionSettings = DecryptionSettings()
    """`[serve.decryption]`."""
    upstreams: tuple[UpstreamSettings, ...] = ()
    """`[[serve.upstreams]]`: servers whose language models are served through this one."""

    def __post_init__(self) -> None:
        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueRefused(
                    say("`serve.cors_origins` holds {origin!r}, which is no origin", origin=origin),
                    say("write it as https://app.example.com"),
                )
        problem, suggestion = problem_of(self.upstreams)
        if problem:
            raise ValueRefused(problem, suggestion)

"""`airworthy.toml` and its environment: every setting with its type, default and meaning.

An unknown or ill-typed setting is an error that names the near one; nothing is passed over.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from airworthy.core.errors import SettingInvalid
from airworthy.core.finding import Severity
from airworthy.core.messages import say
from airworthy.core.upstreams import UpstreamSettings, problem_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT_PREFIX = "AIRWORTHY_"
"""`AIRWORTHY_SERVE_PORT=9000` sets `[serve] port`."""

S = TypeVar("S", bound="Section")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9.\-\[\]:_]+")
_CACHE_URL = re.compile(r"(?:rediss?|unix)://.")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")

DRIVER = re.compile(
    r"(?:(?P<maker>[A-Za-z]{2,20})\s+)?(?P<compare>[<>]=?|==?)?\s*(?P<version>\d{1,6}(?:\.\d{1,6}){0,5})(?:\.[x*])?"
)
"""How `policy.drivers` names a version."""
_LISTS = frozenset(
    {"ignore", "cors_origins", "accelerators", "drivers", "licenses_allowed", "licenses_denied", "suppress"}
)
"""Settings that are lists; their variables hold them with commas between."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a table of settings."""


class CheckSettings(Section, frozen=True):
    """`[check]`: how findings are judged."""

    fail_on: Severity = Severity.ERROR
    """The least severity that makes the exit status 1."""
    strict: bool = False
    """Whether a skipped check makes the exit status 4."""
    ignore: tuple[str, ...] = ()
    """Causes that are not checked, by slug."""


CACHE_TYPES = ("f16", "q8_0", "q4_0")
"""The types that keys and values of a language model can be kept in."""
_NESTED = frozenset({("serve", "generation")})
"""Tables within tables, by both names."""


class GenerationSettings(Section, frozen=True):
    """`[serve.generation]`: language models."""

    context: int = 0
    """Tokens of one request, prompt and answer together; 0 for what the model was made for, as far as memory allows."""
    slots: int = 0
    """Requests that are answered at the same time; 0 for as many as memory and processor suit."""
    cache_type: str = "f16"
    """The type that keys and values are kept in: `f16`, or `q8_0` for half the memory."""
    max_tokens: int = 0
    """The most tokens of an answer, whatever is requested; 0 for what the context holds."""
    max_queue: int = 256
    """Requests that may wait; one more is answered with 503, as is one whose first token would come too late."""
    first_token_timeout: float = 60.0
    """Seconds from a request's arrival to its first token; later ones are answered with 504."""
    token_timeout: float = 30.0
    """Seconds between two tokens, after which an answer is ended."""
    timeout: float = 600.0
    """Seconds that a whole answer may take."""


class ServeSettings(Section, frozen=True):
    """`[serve]`: the service."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8000
    """The TCP port; 0 lets the system choose."""
    max_body: int = 32 * 1024 * 1024
    """The largest request body in bytes; a larger one is answered with 413."""
    max_bodies: int = 1024 * 1024 * 1024
    """Bytes of request bodies that are held at the same time; one that has no room is answered with 503."""
    max_queue: int = 0
    """Inputs that may wait for a model. 0 chooses: 256, or more if the model is estimated to clear them in a second."""
    max_batch: int = 32
    """The most rows that run together."""
    batch_rows: bool = True
    """Whether rows of several requests may run together, where that is proven to change no answer; else never."""
    max_batch_tokens: int = 0
    """The most tokens that run together for texts, padding counted; 0 for what a search finds, and 256 before it."""
    search: bool = True
    """Whether trial runs, while idle, find how a model runs best; what they find is kept for later starts."""
    batch_wait: float = 0.0
    """Seconds that a batch may wait to grow; 0 batches what has queued while the worker was busy."""
    deadline: float = 30.0
    """Seconds from a request's arrival to its answer; later ones are answered with 504."""
    body_timeout: float = 10.0
    """Seconds for a request's body to arrive; slower ones are answered with 408."""
    drain: float = 10.0
    """Seconds that running requests get after SIGTERM."""
    load_timeout: float = 120.0
    """Seconds that a worker gets to load its model."""
    stall_timeout: float = 60.0
    """Seconds without an answer from a busy worker after which it is replaced."""
    workers: int = 1
    """Worker processes a model."""
    threads: int = 0
    """Threads of each worker's runtime; 0 divides the usable cores among the workers."""
    cache: int = 0
    """Bytes of answers that each model keeps for requests that come again; 0 keeps none."""
    cache_ttl: float = 3600.0
    """Seconds that a kept answer is good for."""
    cache_url: str = ""
    """A Redis that keeps answers as well, for other processes and the next start: `redis://host:6379/0`."""
    cache_timeout: float = 0.05
    """Seconds that Redis gets to answer; then the model does."""
    caller_rate: float = 0.0
    """Requests a second that one caller may make on average; more are answered with 429. 0 sets no limit."""
    caller_burst: int = 0
    """Requests that a caller may make at once after a pause; 0 for as many as in a second."""
    caller_bytes: float = 0.0
    """Bytes of bodies a second that one caller may send on average; 0 sets no limit."""
    caller_requests: int = 0
    """Requests that one caller may have running or waiting at a time; 0 sets no limit."""
    allow_high_priority: bool = False
    """Whether clients may raise their priority. Lowering it is always allowed."""
    caller_header: str = ""
    """The header in which a proxy that checks who asks names the caller; without it a caller is an IP address."""
    allow_nonfinite: bool = False
    """Whether inputs may hold NaN or infinity."""
    grpc_port: int | None = None
    """The TCP port of the gRPC interface, which is off without one; 0 lets the system choose."""
    admin: bool = False
    """Whether models can be loaded and unloaded over the network, by who holds the admin key."""
    admin_key_file: str = ""
    """A file whose only line is the admin key."""
    admin_key: str = ""
    """The admin key itself, best given by the environment; at least 16 characters."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose web pages may call the service, `https://app.example.com`; `*` is any, none turns it off."""
    max_headers: int = 64 * 1024
    """The most bytes of a request's headers; more are answered with 431."""
    max_url: int = 8 * 1024
    """The longest URL in bytes; a longer one is answered with 414."""
    header_timeout: float = 10.0
    """Seconds for a connection's first bytes, and for a request's headers, to arrive; then it is closed."""
    compress_from: int = 16 * 1024
    """The least bytes of a response that is compressed where the client asks for it; 0 turns it off."""
    decryption_key: str = ""
    """What opens encrypted models: a file with private keys, or `env:NAME`; not the key itself."""
    decryption_password: str = ""
    """Where that key's passphrase stands, if it has one: a file, or `env:NAME`; not the passphrase itself."""
    generation: GenerationSettings = GenerationSettings()
    """`[serve.generation]`."""
    upstreams: tuple[UpstreamSettings, ...] = ()
    """`[[serve.upstreams]]`: servers whose language models are served through this one."""
    require_signature: str = ""
    """The publisher's public key or root certificate, a PEM file: models that it has not signed are not served."""


class RequirementSettings(Section, frozen=True):
    """`[requirements]`: what a machine must have at least; `airworthy check` says which of it is missing."""

    cores: int = 0
    """Processors that may be used, after affinity and quota."""
    memory: int = 0
    """Bytes of memory that may be used, after the container's limit."""
    disk: int = 0
    """Bytes free in the folder that is worked in."""
    devices: int = 0
    """Accelerators."""
    device_memory: int = 0
    """Bytes of memory of the accelerator that has most."""
    storage_read: int = 0
    """Bytes a second that `--storage` reads in order."""
    storage_writes: int = 0
    """Random writes of 4 KiB a second that `--storage` makes."""
    capability: str = ""
    """Compute capability of the newest NVIDIA device, `8.0`."""
    driver: str = ""
    """NVIDIA driver, `535`."""
    python: str = ""
    """Interpreter, `3.10`."""


class PolicySettings(Section, frozen=True):
    """`[policy]`: what a machine may have; anything else is an error of `airworthy check`."""

    accelerators: tuple[str, ...] = ()
    """Accelerators that are allowed, by maker, name, part of the name or architecture: `H100`, `sm_90`, `ascend`."""
    drivers: tuple[str, ...] = ()
    """Drivers that are allowed: `535`, `>=550`; with a maker before it, `ascend 24.1`, only for that maker's."""


class AuditSettings(Section, frozen=True):
    """`[audit]`: what `airworthy audit-deps` compares packages with."""

    snapshot: str = ""
    """Advisories on disk: OSV's `all.zip` of PyPI, or a folder of such files. Empty asks a service."""
    max_age_days: float = 7.0
    """Days after which a snapshot is too old to say that nothing is known."""
    licenses_allowed: tuple[str, ...] = ()
    """Licences that are allowed, by SPDX identifier; empty allows all that are not denied."""
    licenses_denied: tuple[str, ...] = ()
    """Licences that are not."""
    suppress: tuple[str, ...] = ()
    """Advisories that are accepted: `GHSA-xxxx-xxxx-xxxx@package until 2027-01-31: reason`."""


class StateSettings(Section, frozen=True):
    """`[state]`: what is kept between runs."""

    directory: str = ""
    """The directory that holds it; empty for `airworthy` in the user's state directory (`XDG_STATE_HOME`)."""


class Settings(Section, frozen=True):
    """All of `airworthy.toml`."""

    check: CheckSettings = CheckSettings()
    """`[check]`."""
    serve: ServeSettings = ServeSettings()
    """`[serve]`."""
    requirements: RequirementSettings = RequirementSettings()
    """`[requirements]`."""
    policy: PolicySettings = PolicySettings()
    """`[policy]`."""
    audit: AuditSettings = AuditSettings()
    """`[audit]`."""
    state: StateSettings = StateSettings()
    """`[state]`."""


def parse(text: str, source: str) -> dict[str, Any]:
    """A settings file as plain data, its names checked.

    Raises:
        SettingInvalid: not TOML, or it holds a name that doesn't exist.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingInvalid(source=source, problem=f"not TOML: {error}", suggestion="mend the line named") from None
    _check_names(data, Settings, source, "")
    return data


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the environment's variables, as plain data.

    Raises:
        SettingInvalid: a variable begins with `AIRWORTHY_` and names no setting.
    """
    data: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        table, _, name = variable[len(ENVIRONMENT_PREFIX) :].lower().partition("_")
        given: Any = value.split(",") if name in _LISTS else value
        inner, _, field = name.partition("_")
        nested = {inner: {field: given}} if (table, inner) in _NESTED else {name: given}
        _check_names({table: nested}, Settings, f"environment variable {variable}", "")
        _merge(data, {table: nested})
    return data


def _merge(target: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Add a layer of tables, whose values win."""
    for name, value in layer.items():
        if isinstance(value, Mapping):
            _merge(target.setdefault(name, {}), value)
        else:
            target[name] = value


def resolve(*layers: Mapping[str, Any], source: str = "settings") -> Settings:
    """One set of settings from layers of plain data, a later layer winning.

    Raises:
        SettingInvalid: a value has the wrong type or lies outside its range.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge(merged, layer)
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingInvalid(source=source, problem=str(error), suggestion="give a value of that type") from None
    _check_ranges(settings, source)
    return settings


def _check_names(data: Mapping[str, Any], struct: type[Section], source: str, prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for name, value in data.items():
        if name not in fields:
            raise SettingInvalid(
                source=source,
                problem=say("there is no setting `{name}`", name=prefix + name),
                suggestion=_suggestion(name, list(fields), prefix),
            )
        inner = fields[name]
        if isinstance(inner, type) and issubclass(inner, Section):
            if not isinstance(value, Mapping):
                problem = say("`{name}` is a table", name=prefix + name)
                raise SettingInvalid(source=source, problem=problem, suggestion=f"write [{name}] and its settings")
            _check_names(value, inner, source, f"{prefix}{name}.")


def _suggestion(name: str, known: list[str], prefix: str) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return say("did you mean `{near}`?", near=prefix + near[0])
    return say("settings here: {known}", known=[prefix + each for each in known])


def _check_ranges(settings: Settings, source: str) -> None:
    serve = settings.serve
    positive = ("max_body", "max_bodies", "max_batch", "deadline", "workers", "stall_timeout")
    times = ("body_timeout", "load_timeout", "header_timeout", "cache_timeout")
    for name in (*positive, *times, "max_headers", "max_url"):
        if getattr(serve, name) <= 0:
            problem = say("`serve.{name}` must be above 0, not {value}", name=name, value=getattr(serve, name))
            raise SettingInvalid(source=source, problem=problem, suggestion="give a larger number")
    not_negative = ("max_queue", "batch_wait", "drain", "threads", "cache", "cache_ttl", "compress_from")
    for name in (*not_negative, "caller_rate", "caller_burst", "caller_bytes", "caller_requests"):
        if getattr(serve, name) < 0:
            problem = say("`serve.{name}` cannot be negative", name=name)
            raise SettingInvalid(source=source, problem=problem, suggestion="give 0 or more")
    if serve.cache_url and not _CACHE_URL.match(serve.cache_url):
        problem = say("`serve.cache_url` is no URL of a Redis")
        raise SettingInvalid(source=source, problem=problem, suggestion="write it as redis://host:6379/0")
    if serve.caller_header and not _HEADER.fullmatch(serve.caller_header):
        problem = say("`serve.caller_header` is {name!r}, which is no header's name", name=serve.caller_header)
        raise SettingInvalid(source=source, problem=problem, suggestion="write the bare name, `x-api-key`")
    for origin in serve.cors_origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            problem = say("`serve.cors_origins` holds {origin!r}, which is no origin", origin=origin)
            raise SettingInvalid(source=source, problem=problem, suggestion="write it as https://app.example.com")
    for name in ("port", "grpc_port"):
        port = getattr(serve, name)
        if port is not None and not 0 <= port <= 65535:
            problem = say("`serve.{name}` is {port}, and ports go from 0 to 65535", name=name, port=port)
            raise SettingInvalid(source=source, problem=problem, suggestion="give a port in that range")
    _check_generation(serve.generation, source)
    problem, suggestion = problem_of(serve.upstreams)
    if problem:
        raise SettingInvalid(source=source, problem=problem, suggestion=suggestion)
    _check_demands(settings, source)


def _check_generation(generation: GenerationSettings, source: str) -> None:
    for name in ("first_token_timeout", "token_timeout", "timeout", "max_queue"):
        if not 0 < getattr(generation, name) < float("inf"):
            problem = say("`serve.generation.{name}` must be a number above 0", name=name)
            raise SettingInvalid(source=source, problem=problem, suggestion="give a larger number")
    for name in ("context", "slots", "max_tokens"):
        if getattr(generation, name) < 0:
            problem = say("`serve.generation.{name}` cannot be negative", name=name)
            raise SettingInvalid(source=source, problem=problem, suggestion="give 0 or more")
    if generation.cache_type not in CACHE_TYPES:
        problem = say("`serve.generation.cache_type` is {value!r}", value=generation.cache_type)
        suggestion = say("give one of {known}", known=CACHE_TYPES)
        raise SettingInvalid(source=source, problem=problem, suggestion=suggestion)


def _check_demands(settings: Settings, source: str) -> None:
    asked = settings.requirements
    for name in ("cores", "memory", "disk", "devices", "device_memory", "storage_read", "storage_writes"):
        if getattr(asked, name) < 0:
            problem = say("`requirements.{name}` cannot be negative", name=name)
            raise SettingInvalid(source=source, problem=problem, suggestion="give 0 or more")
    for name in ("capability", "driver", "python"):
        value = getattr(asked, name)
        if value and not re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,5}", value):
            problem = say("`requirements.{name}` is {value!r}, which is no version", name=name, value=value)
            raise SettingInvalid(source=source, problem=problem, suggestion="write numbers with dots, `8.0`")
    for value in settings.policy.drivers:
        if not DRIVER.fullmatch(value.strip()):
            problem = say("`policy.drivers` holds {value!r}, which is no version", value=value)
            raise SettingInvalid(source=source, problem=problem, suggestion="write `535`, `>=550` or `ascend 24.1`")
    if any(not value.strip() for value in settings.policy.accelerators):
        problem = say("`policy.accelerators` holds an empty text")
        raise SettingInvalid(source=source, problem=problem, suggestion="name a maker, a device or an architecture")

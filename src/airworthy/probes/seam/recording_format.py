"""Recordings of hosts: JSON that a fake host is made from, and that it is written to."""

from __future__ import annotations

import base64
from typing import Any, Union

import msgspec

from airworthy.probes.seam.contents import Answer, Content, Parts, Slow
from airworthy.probes.seam.host import (
    Completed,
    HostError,
    Interpreter,
    Nvml,
    NvmlDevice,
    Permissions,
    Space,
)

SCHEMA = 1
"""The number that a recording carries."""


class _Error(msgspec.Struct, forbid_unknown_fields=True):
    error: str


class _Recording(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    description: str = ""
    uname: tuple[str, str, str] = ("Linux", "6.1.0", "x86_64")
    affinity: int | None = None
    libc: str = ""
    cwd: str = "/work"
    interpreter: Any = None
    nvml: Any = None
    env: dict[str, str] = {}
    disks: dict[str, Union[Space, _Error]] = {}
    files: dict[str, Union[str, dict[str, Any]]] = {}
    directories: dict[str, Union[tuple[str, ...], _Error]] = {}
    links: dict[str, str] = {}
    commands: dict[str, dict[str, Any]] = {}
    ports: dict[str, str] = {}
    listening: tuple[str, ...] = ()
    rights: dict[str, Union[Permissions, _Error]] = {}


def encode(**parts: Any) -> bytes:
    """A recording: indented JSON, names sorted.

    Args:
        parts: the fields of a host, each as `FakeHost` takes it.
    """
    recording = {
        "schema": SCHEMA,
        **{
            name: {key: _plain(value) for key, value in sorted(part.items())}
            if isinstance(part, dict)
            else _plain(part)
            for name, part in parts.items()
        },
    }
    return msgspec.json.format(msgspec.json.encode(recording), indent=2) + b"\n"


def decode(data: bytes) -> dict[str, Any]:
    """The fields of a recorded host, each as `FakeHost` takes it.

    Raises:
        ValueError: not a recording, or one of another schema.
    """
    try:
        recording = msgspec.json.decode(data, type=_Recording)
        if recording.schema != SCHEMA:
            raise ValueError(f"its schema is {recording.schema}, this version reads {SCHEMA}")
        return {
            "files": {path: _content(value) for path, value in recording.files.items()},
            "commands": {command: _answer(value) for command, value in recording.commands.items()},
            "env": recording.env,
            "directories": _or_error(recording.directories),
            "links": recording.links,
            "disks": _or_error(recording.disks),
            "affinity": recording.affinity,
            "uname": recording.uname,
            "libc": recording.libc,
            "interpreter": _value(recording.interpreter, Interpreter),
            "nvml": _value(recording.nvml, Nvml),
            "ports": recording.ports,
            "listening": recording.listening,
            "cwd": recording.cwd,
            "rights": _or_error(recording.rights),
        }
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not a recorded host: {error}") from None


def _or_error(values: dict[str, Any]) -> dict[str, Any]:
    """Values by path; an error that was recorded in the place of one is that error again."""
    return {path: HostError(value.error) if isinstance(value, _Error) else value for path, value in values.items()}


def _plain(value: Any) -> Any:
    """A value as JSON data; an error is `{"error": …}`."""
    if isinstance(value, HostError):
        return {"error": str(value)}
    if isinstance(value, Slow):
        return {"seconds": value.seconds, **_plain(value.answer)}
    if isinstance(value, Completed):
        return {"status": value.status, "output": value.output, "errors": value.errors}
    if isinstance(value, Parts):
        return {"parts": {str(offset): base64.b64encode(data).decode() for offset, data in value.parts}}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (Interpreter, Nvml, NvmlDevice)):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _content(value: str | dict[str, Any]) -> Content:
    if isinstance(value, str):
        return value
    if "error" in value:
        return HostError(str(value["error"]))
    if "parts" in value:
        return Parts(tuple((int(offset), base64.b64decode(data)) for offset, data in value["parts"].items()))
    return base64.b64decode(value["base64"])


def _answer(value: dict[str, Any]) -> Answer:
    if "error" in value:
        return HostError(str(value["error"]))
    done = Completed(int(value.get("status", 0)), str(value.get("output", "")), str(value.get("errors", "")))
    return Slow(float(value["seconds"]), done) if "seconds" in value else done


def _value(value: Any, type_: Any) -> Any:
    """A named tuple of an object with its fields; the error that stands in its place; None for null."""
    if value is None:
        return None
    if "error" in value:
        return HostError(str(value["error"]))
    if type_ is Nvml:
        value = {**value, "devices": [_fields(device, NvmlDevice) for device in value["devices"]]}
    return msgspec.convert(_fields(value, type_), type_)


def _fields(value: Any, type_: Any) -> list[Any]:
    return [{**type_._field_defaults, **value}[name] for name in type_._fields]

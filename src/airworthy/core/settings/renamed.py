"""Settings that have moved: an old name holds as the new one, and a log line names both."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airworthy.core.log_events import log_event

LOG = logging.getLogger(__name__)

RENAMED: dict[str, str] = {
    "serve.max_body": "serve.limits.max_body",
    "serve.max_bodies": "serve.limits.max_bodies",
    "serve.max_headers": "serve.limits.max_headers",
    "serve.max_url": "serve.limits.max_url",
    "serve.header_timeout": "serve.limits.header_timeout",
    "serve.body_timeout": "serve.limits.body_timeout",
    "serve.max_queue": "serve.batching.max_queue",
    "serve.batch_rows": "serve.batching.join",
    "serve.max_batch": "serve.batching.max_rows",
    "serve.max_batch_tokens": "serve.batching.max_tokens",
    "serve.batch_wait": "serve.batching.max_wait",
    "serve.search": "serve.batching.search",
    "serve.workers": "serve.workers.count",
    "serve.threads": "serve.workers.threads",
    "serve.load_timeout": "serve.workers.load_timeout",
    "serve.stall_timeout": "serve.workers.stall_timeout",
    "serve.cache": "serve.cache.bytes",
    "serve.cache_ttl": "serve.cache.ttl",
    "serve.cache_url": "serve.cache.url",
    "serve.cache_timeout": "serve.cache.timeout",
    "serve.caller_rate": "serve.callers.rate",
    "serve.caller_burst": "serve.callers.burst",
    "serve.caller_bytes": "serve.callers.bytes",
    "serve.caller_requests": "serve.callers.requests",
    "serve.caller_header": "serve.callers.header",
    "serve.allow_high_priority": "serve.callers.high_priority",
    "serve.admin": "serve.admin.enabled",
    "serve.admin_key_file": "serve.admin.key_file",
    "serve.admin_key": "serve.admin.key",
    "serve.decryption_key": "serve.decryption.key",
    "serve.decryption_password": "serve.decryption.password",
}
"""What a setting is called now, by the name that it had before."""


def redirected(data: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The settings of a layer under their names of today; where both names are given, today's holds.

    Args:
        data: a layer as plain data.
        source: where the layer came from, for the log.
    """
    given: dict[str, Any] = {
        table: dict(values) if isinstance(values, Mapping) else values for table, values in data.items()
    }
    for old, new in RENAMED.items():
        table, name = old.split(".")
        values = given.get(table)
        # A name that is a table today was a plain value before.
        if not isinstance(values, dict) or name not in values or isinstance(values[name], Mapping):
            continue
        value = values.pop(name)
        _, inner, field = new.split(".")
        place = values.setdefault(inner, {})
        if isinstance(place, Mapping):
            values[inner] = {field: value, **place}
            log_event(LOG, "setting_renamed", logging.WARNING, old=old, new=new, source=source)
        else:
            values[name] = value
    return given

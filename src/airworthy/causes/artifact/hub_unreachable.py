"""The model hub can't be reached.

## What happens

Loading a model by its name waits, retries and ends in `We couldn't connect to 'https://huggingface.co'`, `Max
retries exceeded`, `offline mode is enabled` or `no such host`. Later errors about missing files follow from it.

## Why

A model that is named as on a hub is looked up there, even if it is in the cache. The machine has no way out, a
proxy is not set or refuses, a certificate of the company's own is not trusted, the hub is down or blocked here.
With `HF_HUB_OFFLINE=1` nothing is asked, and only what is in the cache is found.

## How to end it

Download the model where there is a network and give the path of the folder in place of the name. Or set the proxy
(`HTTPS_PROXY`), the certificates (`REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`), or a mirror (`HF_ENDPOINT`).

## How to prevent it

Serve from folders, never from names; build models into the image or a volume; set `HF_HUB_OFFLINE=1` in production,
so that a name is an error at once.

## Example

```
OSError: We couldn't connect to 'https://huggingface.co' to load this file, couldn't find it in the cached files and
it looks like bert-base-uncased is not the path to a directory containing a file named config.json.
```

## References

- https://huggingface.co/docs/transformers/installation#offline-mode
- https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_HUB = (
    r"(?P<host>(?:[\w.-]{1,60}\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com|modelscope\.c\w|modelscope\.ai|"
    r"ollama\.ai|ollama\.com"
    r"|xethub\.hf\.co|openaipublic\.azureedge\.net|dl\.fbaipublicfiles\.com|tfhub\.dev|kaggle\.com|aistudio\.baidu\.com"
    r"|paddle-model-ecology\.bj\.bcebos\.com|civitai\.com))"
)
_TROUBLE = (
    r"(?:no such host|i/o timeout|connection refused|connection reset|TLS handshake timeout|server misbehaving"
    r"|network is unreachable|certificate|Connection aborted|Connection reset|timed out|Temporary failure|Name or "
    r"service"
    r"|getaddrinfo|RemoteDisconnected|unexpected EOF|max retries exceeded)"
)

CAUSE = Cause(
    slug="hub-unreachable",
    severity=Severity.ERROR,
    message="the model hub at {host} can't be reached",
    unpredictable="whether the network leads to the hub is known only by going there, and a check goes nowhere",
    signatures=(
        Signature("couldn't connect to '", r"couldn't connect to 'https?://(?P<host>[^/'\n]{1,100})"),
        Signature("ConnectionPool(host=", rf"host=\\?'{_HUB}\\?', port=\d+\): (?:Max retries exceeded|Read timed out)"),
        Signature("Failed to resolve", rf"Failed to resolve \\?'{_HUB}"),
        Signature("outgoing traffic has been disabled"),
        Signature("OfflineModeIsEnabled"),
        Signature("offline mode is enabled"),
        Signature("Connection error, and we cannot find the requested files in the cached path"),
        Signature(" on the Hub (", r"Couldn't reach .{1,200} on the Hub"),
        Signature("registry.ollama.ai", rf"(?i)registry\.ollama\.ai.{{0,300}}{_TROUBLE}"),
        Signature("URL fetch failure on http", r"URL fetch failure on https?://(?P<host>[^/\s]{1,100})"),
        Signature("Server Error", rf"5\d\d Server Error.{{0,200}}https?://{_HUB}", weight=0.97),
        Signature("error happened while trying to locate the file", weight=0.95),
        Signature("LocalEntryNotFoundError", weight=0.95),
        Signature("thrown while requesting", rf"thrown while requesting (?:HEAD|GET) https?://{_HUB}", weight=0.95),
        Signature("Cannot find an appropriate cached snapshot folder", weight=0.92),
        Signature("huggingface.co", rf"(?i)huggingface\.co.{{0,300}}{_TROUBLE}", weight=0.9),
        Signature("huggingface.co", rf"(?i){_TROUBLE}.{{0,300}}huggingface\.co", weight=0.88),
        Signature("cloudflarestorage.com/ollama", rf"(?i)cloudflarestorage\.com/ollama.{{0,300}}{_TROUBLE}"),
        Signature("An error occured while synchronizing the model", weight=0.9),
        Signature(
            "<urlopen error",
            r"(?i)<urlopen error .{0,100}(?:Temporary failure|Name or service|getaddrinfo|network is unreachable|"
            r"timed out"
            r"|certificate)",
            weight=0.7,
        ),
        Signature(
            "ConnectError: ",
            r"(?i)(?:httpx|httpcore)\.ConnectError: .{0,100}(?:Temporary failure|Name or service|getaddrinfo|"
            r"certificate)",
            weight=0.72,
        ),
        Signature("429 Client Error", rf"429 Client Error.{{0,200}}https?://{_HUB}", weight=0.75),
    ),
    related=("hub-unauthorized", "model-not-found", "tls-failure", "package-index-unreachable"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Bring the model here, or open the way."""
    yield Remedy(
        why=say("Download where there is a network, copy the folder here, and give its path in place of the name."),
        commands=("hf download REPOSITORY --local-dir MODEL",),
        safe=True,
    )
    yield Remedy(
        why=say("Or open the way: a proxy, the company's certificates, or a mirror that this machine reaches."),
        commands=(
            "export HTTPS_PROXY=http://PROXY:PORT",
            "export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            "export REQUESTS_CA_BUNDLE=$SSL_CERT_FILE",
            "export HF_ENDPOINT=https://MIRROR",
        ),
        safe=True,
    )

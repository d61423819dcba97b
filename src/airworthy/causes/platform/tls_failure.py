"""A TLS connection failed: certificate, protocol version or handshake.

## What happens

A client refuses to talk to a server that is there: `certificate verify failed`, `x509: certificate signed by unknown
authority`, `WRONG_VERSION_NUMBER`, `curl: (60)`. Browsers on the same desk may well be content.

## Why

The certificate was made by an authority that this client does not know: a company's own, or that of a proxy which
opens connections. Python brings its own list (certifi), and so do Node and Java; what was added to the system's list
does not reach them. Or the certificate is past its date, or for another name, or the server sends it without the one
in between. `WRONG_VERSION_NUMBER` means that no TLS was spoken at all: https to a port of plain http. A clock that is
wrong makes every certificate invalid.

## How to end it

Fetch the chain and see which of these it is. Give the client the authority's certificate through the variable that it
reads. Do not turn the check off: an attacker in between can then change the model.

## How to prevent it

Put the company's authority into the base image, for the system and by `SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE`, and
watch dates of expiry.

## Example

```
requests.exceptions.SSLError: HTTPSConnectionPool(host='api.example', port=443): Max retries exceeded with url:
/v1/models (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed:
self-signed certificate in certificate chain (_ssl.c:1000)')))
```

## References

- https://docs.openssl.org/master/man1/openssl-verification-options/
- https://github.com/langgenius/dify/issues/16088
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import OS_NAME
from airworthy.core.messages import say

# A hub or an index that cannot be reached is named by what cannot be had, with TLS as the reason behind it.
_ELSEWHERE = (
    r"(?:huggingface\.co|hf\.co\b|hf-mirror\.com|modelscope\.cn|pypi\.org|pythonhosted\.org|/simple/"
    r"|Could not fetch URL)"
)
_NOT_ELSEWHERE = r"^(?!.{0,1500}" + _ELSEWHERE + r")"
_REASON = r"certificate verify failed: (?P<reason>[A-Za-z][\w' ,.-]{3,120}?)(?= ?\(_ssl|[\"'()\[\]]|$)"
_NAMED = "the other side's certificate was refused: {reason}"
_LIBRARY_REASONS = (
    r"UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|DH_KEY_TOO_SMALL|EE_KEY_TOO_SMALL|CA_MD_TOO_WEAK|KEY_VALUES_MISMATCH"
    r"|UNSAFE_LEGACY_RENEGOTIATION_DISABLED|NO_SHARED_CIPHER|TLSV1_\w+|SSLV3_\w+|BAD_\w+|HTTP_REQUEST|RECORD_LAYER_FAILURE"
)
_PLAIN = "TLS was spoken to a port that answers in plain text"

CAUSE = Cause(
    slug="tls-failure",
    severity=Severity.ERROR,
    uses=(OS_NAME,),
    message="the other side's certificate was refused: {reason}",
    unpredictable="a certificate is seen only when its server is asked",
    signatures=(
        Signature("certificate verify failed", _NOT_ELSEWHERE + r".{0,3000}?" + _REASON, message=_NAMED),
        Signature("certificate verify failed", _NOT_ELSEWHERE),
        Signature("CERTIFICATE_VERIFY_FAILED", _NOT_ELSEWHERE),
        Signature("CERTIFICATE_VERIFY_FAILED", weight=0.8),
        Signature("certificate verify failed", weight=0.8),
        Signature(
            "x509: ",
            r"x509: (?P<reason>(?:certificate|cannot|malformed|negative|invalid|unhandled)[^\"\\\n]{1,200})",
            message=_NAMED,
        ),
        Signature("error: tls: ", r"error: tls: (?P<reason>[a-z][\w ,.-]{4,120})", message="TLS failed: {reason}"),
        Signature("WRONG_VERSION_NUMBER", _NOT_ELSEWHERE, message=_PLAIN),
        Signature("wrong version number", r"(?i)ssl.{0,200}wrong version number", message=_PLAIN),
        Signature("server gave HTTP response to HTTPS client", message=_PLAIN),
        Signature("first record does not look like a TLS handshake", message=_PLAIN),
        Signature("packet length too long", r"(?i)ssl.{0,200}packet length too long", message=_PLAIN),
        Signature(
            "curl: (",
            r"curl: \((?:35|51|53|54|58|59|60|64|66|77|80|82|83|90|91)\) (?P<reason>[^\n]{1,200})",
            message="TLS failed: {reason}",
        ),
        Signature("server certificate verification failed", r"verification failed\. CAfile"),
        Signature(
            "SSL certificate problem: ", r"SSL certificate problem: (?P<reason>[\w' ,.-]{3,120})", message=_NAMED
        ),
        Signature("does not match target host name", weight=0.95),
        Signature("doesn't match", r"hostname '[^']{1,200}' doesn't match", weight=0.95),
        Signature(
            "Verify return code: ",
            r"Verify return code: (?!0\b)\d+ \((?P<reason>[^)]{1,120})\)",
            weight=0.95,
            message=_NAMED,
        ),
        Signature("verify error:num=", r"verify error:num=\d+:(?P<reason>[^\n]{1,120})", weight=0.95, message=_NAMED),
        Signature(
            "alert ",
            r"(?i)(?:tlsv?1?|sslv3|ssl/tls)[ _]alert[ _](?P<reason>[\w ]{3,80})",
            weight=0.95,
            message="the other side ended the handshake: {reason}",
        ),
        Signature(
            "ALERT_",
            r"\[SSL: (?P<reason>\w{0,20}ALERT_\w{3,80})\]",
            weight=0.95,
            message="the other side ended the handshake: {reason}",
        ),
        Signature(
            "[SSL: ",
            r"\[SSL: (?P<reason>" + _LIBRARY_REASONS + r")\]",
            weight=0.95,
            message="TLS failed: {reason}",
        ),
        Signature("[SSL] PEM lib", message="the file of the certificate or of the key is not one"),
        Signature("UNEXPECTED_EOF_WHILE_READING", _NOT_ELSEWHERE, weight=0.85),
        Signature("EOF occurred in violation of protocol", _NOT_ELSEWHERE, weight=0.85),
        Signature("handshake failure", r"(?i)(?:ssl|tls).{0,120}handshake failure", weight=0.95),
        Signature("andshake failed", r"(?i)(?:ssl|tls)[ _]?handshake failed", weight=0.9),
        Signature("Handshake failed with fatal error SSL_ERROR_SSL"),
        Signature("Could not find a suitable TLS CA certificate bundle"),
        Signature("unsafe legacy renegotiation disabled"),
        Signature("dh key too small"),
        Signature("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        Signature("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
        Signature("DEPTH_ZERO_SELF_SIGNED_CERT"),
        Signature("SELF_SIGNED_CERT_IN_CHAIN"),
        Signature("ERR_TLS_CERT_ALTNAME_INVALID"),
        Signature("CERT_HAS_EXPIRED"),
        Signature("PKIX path building failed"),
        Signature("SSLHandshakeException", weight=0.95),
        Signature("invalid peer certificate", r"invalid peer certificate: (?P<reason>[\w ()]{3,120})", message=_NAMED),
        Signature("certificate is not trusted", weight=0.95),
        Signature("SEC_E_UNTRUSTED_ROOT"),
        Signature("The SSL connection could not be established"),
        Signature("The remote certificate is invalid", weight=0.95),
        Signature("GnuTLS recv error", weight=0.8),
    ),
    related=("hub-unreachable", "package-index-unreachable", "image-pull-failed", "auth-failure"),
)

_PLAIN_SIGNS = re.compile(r"(?i)wrong.version|plain|HTTP_REQUEST|not look like")


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See the chain, then trust its authority."""
    reason = str(params.get("reason", ""))
    yield Remedy(
        why=say("Show the certificates that the server sends, with their names and dates, and this machine's clock."),
        commands=("openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null", "date -u"),
        safe=True,
    )
    if _PLAIN_SIGNS.search(reason):
        yield Remedy(why=say("Ask with http:// in place of https://, or at the port that speaks TLS."))
    elif re.search(r"(?i)expired|not yet valid", reason):
        yield Remedy(why=say("Renew the server's certificate, or set this machine's clock."))
    elif re.search(r"(?i)host ?name|not valid for|doesn't match|IP address", reason):
        yield Remedy(why=say("Ask under a name that the certificate holds, or have it made for this name as well."))
    else:
        system = "/etc/pki/tls/certs/ca-bundle.crt" if _red_hat(facts) else "/etc/ssl/certs/ca-certificates.crt"
        yield Remedy(
            why=say("Add the authority to the system's list and point Python, requests and Node to that list."),
            commands=(f"export SSL_CERT_FILE={system} REQUESTS_CA_BUNDLE={system} NODE_EXTRA_CA_CERTS={system}",),
            safe=True,
        )


def _red_hat(facts: Facts) -> bool:
    name = facts.get_value(OS_NAME, "")
    return any(word in name for word in ("Red Hat", "Rocky", "Alma", "CentOS", "Fedora", "Oracle"))

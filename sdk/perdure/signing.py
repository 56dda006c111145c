"""AWS Signature Version 4: the headers that tell a service who asks.

Made for JSON over HTTP as Lambda and CloudWatch Logs speak it: the body is at hand and always
signed, the path is encoded once more, as every service but S3 wants it. Nothing here reads a clock
or a file; `perdure.client` finds credentials.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSIGNED = frozenset(
    {
        "authorization",
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""What proxies may change on the way, and AWS's SDKs leave out."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Access keys. A session token comes with temporary ones."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def signature_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """The headers to send beside `headers`: X-Amz-Date, X-Amz-Security-Token, Authorization.

    `url` is as it will be sent, percent-encoded. A `host` in `headers` counts, else that of `url`.
    `at` must be aware; services refuse what is signed more than five minutes off their own clock.
    """
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": stamp}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token
    parts = urlsplit(url)
    signed = {"host": _host(url)}
    for name, value in (*headers.items(), *added.items()):
        if name.lower() not in _UNSIGNED:
            signed[name.lower()] = " ".join(value.split())
    names = ";".join(sorted(signed))
    request = "\n".join(
        (
            method.upper(),
            quote(_without_dots(parts.path), safe="/~"),
            _sorted_query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = _signing_key(credentials.secret_access_key, stamp[:8], region, service)
    signature = _mac(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}").hex()
    added["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return added


def _host(url: str) -> str:
    """As an HTTP client sends it: without the port that goes without saying."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def _without_dots(path: str) -> str:
    """RFC 3986's removal of dot segments, and of empty ones, as services do before they check."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    if not kept:
        return "/"
    return f"/{'/'.join(kept)}{'/' if path.endswith('/') else ''}"


def _sorted_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")

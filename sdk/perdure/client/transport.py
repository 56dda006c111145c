"""What both clients have of httpx: how it is set up, what its answers and errors mean."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from perdure.client.endpoint import Endpoint
from perdure.client.operation import Answer, Request
from perdure.client.programs import Lost

if TYPE_CHECKING:
    import httpx

DEFAULT_TRIES: Final = 5
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
_CONNECT_SECONDS = 5.0


def http_options(endpoint: Endpoint) -> dict[str, Any]:
    """For httpx.Client and AsyncClient. Proxies of the environment are for the world outside, and
    certificates need not be loaded where nothing is encrypted."""
    options: dict[str, Any] = {"trust_env": not _is_loopback(endpoint.lambda_url)}
    if endpoint.lambda_url.startswith("http:") and endpoint.logs_url.startswith("http:"):
        options["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return options


def timeout(request: Request, seconds: float) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(seconds + request.wait_seconds, connect=min(seconds, _CONNECT_SECONDS))


def answer_of(response: httpx.Response) -> Answer:
    return Answer(response.status_code, dict(response.headers), response.content)


def lost(error: httpx.TransportError, url: str) -> Lost:
    import httpx

    unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    parts = urlsplit(url)
    what = str(error) or type(error).__name__
    return Lost(
        f"{parts.scheme}://{parts.netloc} did not answer: {what}", not isinstance(error, unsent)
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

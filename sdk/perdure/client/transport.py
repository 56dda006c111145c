"""What both clients have of httpx: how it is set up, what its answers and errors mean."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from perdure import certificates
from perdure.client.endpoint import Endpoint
from perdure.client.errors import Misconfigured
from perdure.client.operation import Answer, Request
from perdure.client.programs import Lost

if TYPE_CHECKING:
    import httpx

DEFAULT_TRIES: Final = 5
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
_CONNECT_SECONDS = 5.0


def http_options(endpoint: Endpoint, environment: Mapping[str, str]) -> dict[str, Any]:
    """For httpx.Client and AsyncClient. Proxies of the environment are for the world outside, and
    certificates need not be loaded where nothing is encrypted. Raises Misconfigured for a file of
    certificates that is none."""
    options: dict[str, Any] = {"trust_env": not _is_loopback(endpoint.lambda_url)}
    if endpoint.lambda_url.startswith("http:") and endpoint.logs_url.startswith("http:"):
        options["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    elif any(environment.get(name) for name in (*certificates.VARIABLES, "SSL_CERT_FILE")):
        try:
            options["verify"] = certificates.tls_context(environment)
        except OSError as error:
            raise Misconfigured(str(error)) from None
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
    if "CERTIFICATE_VERIFY_FAILED" in what:
        what += "; name the file of its authority's certificate in AWS_CA_BUNDLE"
    return Lost(
        f"{parts.scheme}://{parts.netloc} did not answer{_by_way(url)}: {what}",
        not isinstance(error, unsent),
    )


def _by_way(url: str) -> str:
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or _is_loopback(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    shown = proxy.rpartition("@")[2]  # what stands before it is a secret
    return f" by way of the proxy {shown if '@' in proxy else proxy}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

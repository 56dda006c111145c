"""How the service calls URLs that others chose."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx


def outgoing_client(*, timeout: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
    """One that sends nothing of the service's own along: no password of a .netrc or a proxy's URL,
    no cookie of an earlier answer. It goes straight to the URL, and no redirect is followed. Of
    the environment it reads which authorities to trust: SSL_CERT_FILE and SSL_CERT_DIR."""
    return httpx.AsyncClient(
        timeout=timeout,
        limits=limits,
        follow_redirects=False,
        trust_env=False,
        verify=httpx.create_ssl_context(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "perdure"},
    )

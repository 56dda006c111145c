"""Whom a connection over TLS trusts."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Of AWS's SDKs. OpenSSL itself reads SSL_CERT_FILE and SSL_CERT_DIR."""


def tls_context(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The authorities in the file that AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE names, else those of the
    system. Raises OSError, which names the file, if that has none."""
    named = next((name for name in VARIABLES if environment.get(name)), None)
    if named is None:
        return ssl.create_default_context()
    file = environment[named]
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise OSError(f"{file}, which {named} names, has no certificates: {error}") from error

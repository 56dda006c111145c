"""URLs that the service may be told to call."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def http_url(text: str) -> SplitResult | None:
    """The parts of an http or https URL, None for anything else. One with a user or a fragment is
    something else too: the one would end up in logs, the other is never sent."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        url = urlsplit(text)
        plain = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if plain and url.username is None and not url.fragment else None


def without_query(text: str) -> str:
    """A URL as it may be logged: a query often holds a secret."""
    return text.partition("?")[0]

"""What every reader of a handler's name raises."""

from __future__ import annotations


class HandlerSpecError(ValueError):
    """A handler cannot be served as named; the text says what to change."""

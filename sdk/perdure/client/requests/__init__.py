"""Every call of the API as an Operation: pure functions from arguments to values."""

from __future__ import annotations

import uuid


def fresh_id() -> str:
    """By which the service knows a request that is sent again."""
    return str(uuid.uuid4())

"""Synchronous calls for their results."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_CALL_SECONDS = 120


def invoked(url: str, function: str, event: dict[str, Any]) -> Any:
    """What the function returned. Raises RuntimeError if it failed."""
    request = urllib.request.Request(  # noqa: S310  # our own service
        f"{url}/2015-03-31/functions/{function}:$LATEST/invocations",
        data=json.dumps(event).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as answer:  # noqa: S310  # the same
        result = json.load(answer)
    if isinstance(result, dict) and "errorType" in result:
        raise RuntimeError(f"{function} failed: {result}")
    return result

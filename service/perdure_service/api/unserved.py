"""Requests that nothing answers: what to do instead, where they are for another of Lambda's
operations.

It is 404 and never 5xx: Lambda's clients must not take the refusal for an outage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from perdure_service.domain.errors import UnknownOperation

_OF_A_FUNCTION = r"/[0-9-]{10}/functions/[^/]+"

_NO_MAPPINGS = """Event source mappings are not there yet. Read the source yourself and call \
Invoke for each message, with a DurableExecutionName made of the message's id: a message that is \
delivered again then finds the execution that it has."""
_NO_EVENT_CONFIG = """Lambda has no destinations for durable functions and does not retry their \
events: name a dead letter target when you create or serve the function."""
_NO_INVOKE_ASYNC = "InvokeAsync is out of date: call Invoke with InvocationType Event."

_INSTEAD: Mapping[re.Pattern[str], str] = {
    re.compile(r"/2015-03-31/event-source-mappings(/.*)?"): _NO_MAPPINGS,
    re.compile(rf"{_OF_A_FUNCTION}/event-invoke-config(/.*)?"): _NO_EVENT_CONFIG,
    re.compile(rf"{_OF_A_FUNCTION}/invoke-async"): _NO_INVOKE_ASYNC,
}


def unknown_operation(method: str, path: str) -> UnknownOperation:
    """The refusal of a request for a route that is not served; `path` is not decoded."""
    advice = next((text for pattern, text in _INSTEAD.items() if pattern.fullmatch(path)), None)
    return UnknownOperation(
        f"{method} {unquote(path)} is no operation of this service. "
        + (advice or "See /docs for those that are.")
    )

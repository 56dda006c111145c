"""What the client cannot send is refused before it sends anything, with the right kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.client.requests import callbacks, executions, invocations

wrong: Any = 5
MISTAKES: dict[str, Callable[[], object]] = {
    "The event cannot be written as JSON: .*set.*bytes as `payload`": lambda: invocations.invoke(
        "f", {1}
    ),
    "A payload is bytes, not dict: .* the event": lambda: invocations.start(
        "f",
        payload={},  # type: ignore[arg-type]  # that is the mistake
    ),
    "Give the event or a payload, not both": lambda: invocations.start("f", {}, payload=b"{}"),
    "name is a str, not int": lambda: invocations.start("f", name=wrong),
    "tenant_id is a str, not int": lambda: invocations.invoke("f", tenant_id=wrong),
    "The client_context cannot be written": lambda: invocations.invoke("f", client_context={1}),
    "The result cannot be written as JSON": lambda: callbacks.succeed("id", {1}),
    "An error is an ErrorObject, .*, not str": lambda: callbacks.fail(
        "id",
        "no stock",  # type: ignore[arg-type]  # that is the mistake
    ),
    "An error is an ErrorObject, .*, not int": lambda: executions.stop("arn", error=wrong),
    "statuses is a list, such as .'RUNNING'": lambda: executions.list_page("f", statuses="RUNNING"),  # type: ignore[arg-type]  # that is the mistake
    "statuses is a list, such as .5.": lambda: executions.list_page(None, statuses=wrong),
    "A time is a datetime with a time zone, not 5": lambda: executions.list_page(
        "f", started_after=wrong
    ),
}


@pytest.mark.parametrize("text", ["größe", "a\r\nX-Amz-Log-Type: Tail"])
def test_what_no_header_can_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name has printable ASCII characters only, unlike"):
        invocations.start("f", name=text)
    with pytest.raises(ValueError, match="tenant_id has printable ASCII characters only"):
        invocations.invoke("f", tenant_id=text)


@pytest.mark.parametrize("expected", MISTAKES)
def test_what_cannot_be_sent_is_refused(expected: str) -> None:
    with pytest.raises(TypeError, match=expected):
        MISTAKES[expected]()

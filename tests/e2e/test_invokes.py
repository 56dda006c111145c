"""Plain functions, invoked from outside; the scenarios invoke them from executions."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.caller import Caller


def test_a_plain_function_answers(caller: Caller) -> None:
    answer = caller.call("plain", {"a": 1})
    assert (answer.status, answer.error, answer.arn) == (200, None, None)
    assert answer.version == "$LATEST"
    assert answer.json["echo"] == {"a": 1}


def test_a_plain_function_fails(caller: Caller) -> None:
    answer = caller.call("plain", {"fail": "no"})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.json["errorType"] == "RuntimeError"
    assert answer.json["errorMessage"] == "no"
    assert answer.json["stackTrace"]


def test_a_plain_function_is_invoked_without_waiting(caller: Caller) -> None:
    answer = caller.call("plain", {"a": 1}, InvocationType="Event")
    assert (answer.status, answer.body, answer.arn) == (202, b"", None)


@pytest.mark.parametrize("function", ["plain", "workflows:$LATEST"])
def test_a_dry_run_starts_nothing(caller: Caller, function: str) -> None:
    answer = caller.call(function, {"fail": "no"}, InvocationType="DryRun")
    assert (answer.status, answer.body, answer.error, answer.arn) == (204, b"", None, None)


def test_a_durable_function_is_not_invoked_without_a_qualifier(caller: Caller) -> None:
    with pytest.raises(ClientError, match="You cannot invoke a durable function using an unqual"):
        caller.call("workflows", {"workflow": "step", "value": 1})

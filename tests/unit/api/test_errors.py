"""Errors on the wire."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from perdure_service.api.errors import WIRE_ERRORS, error_answer
from perdure_service.domain.errors import (
    DomainError,
    ExecutionAlreadyStarted,
    InvalidCheckpointToken,
    TooManyRequests,
    Unavailable,
)


def descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_refusal_of_the_domain_has_a_code_and_a_status() -> None:
    assert set(WIRE_ERRORS) == set(descendants(DomainError))


def test_the_message_is_given_in_both_spellings() -> None:
    answer = error_answer(InvalidCheckpointToken(), "POST /")
    assert answer.status == 400
    assert dict(answer.headers)[b"x-amzn-errortype"] == b"InvalidParameterValueException"
    text = "Invalid checkpoint token"
    assert json.loads(answer.body) == {"Type": "User", "message": text, "Message": text}


def test_too_many_requests_tells_why_and_when_to_come_back() -> None:
    error = TooManyRequests("Slow down", reason="CallerRateLimitExceeded", retry_after_seconds=3)
    answer = error_answer(error, "POST /")
    assert answer.status == 429
    assert dict(answer.headers)[b"retry-after"] == b"3"
    assert json.loads(answer.body)["Reason"] == "CallerRateLimitExceeded"


def test_what_may_pass_later_is_503(caplog: pytest.LogCaptureFixture) -> None:
    answer = error_answer(Unavailable("Postgres is away"), "GET /")
    assert answer.status == 503
    assert json.loads(answer.body)["Type"] == "Server"
    assert dict(answer.headers)[b"x-amzn-errortype"] == b"ServiceUnavailableException"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_refusal_is_one_line_whatever_it_quotes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    error_answer(ExecutionAlreadyStarted("arn\n\x1b[31mFAKE line" + "x" * 1_000), "POST /x")
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 700


def test_the_unexpected_is_500_and_logged_with_its_traceback_but_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = error_answer(ZeroDivisionError("secret"), "POST /x")
    assert answer.status == 500
    assert dict(answer.headers)[b"x-amzn-errortype"] == b"ServiceException"
    assert b"secret" not in answer.body
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "POST /x" in record.getMessage()

"""Errors on the wire."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from botocore.model import StructureShape

from perdure_service.api.errors import WIRE_ERRORS, WireError, error_answer
from perdure_service.domain.errors import (
    DomainError,
    ExecutionAlreadyStarted,
    InvalidCheckpointToken,
    TooManyRequests,
    Unavailable,
)
from tests.support.lambda_model import service_model


def descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_refusal_of_the_domain_has_a_code_and_a_status() -> None:
    assert set(WIRE_ERRORS) == set(descendants(DomainError))


def test_a_refusal_has_its_code_in_the_header_and_its_text_in_the_body() -> None:
    answer = error_answer(InvalidCheckpointToken(), "POST /")
    assert answer.status == 400
    assert dict(answer.headers)[b"x-amzn-errortype"] == b"InvalidParameterValueException"
    assert json.loads(answer.body) == {"Type": "User", "message": "Invalid checkpoint token"}


IN_THE_MODEL = [wire for wire in WIRE_ERRORS.values() if wire.code in service_model().shape_names]


@pytest.mark.parametrize("wire", IN_THE_MODEL, ids=lambda wire: wire.code)
def test_an_error_has_the_status_and_the_spelling_of_the_model(wire: WireError) -> None:
    shape = service_model().shape_for(wire.code)
    assert isinstance(shape, StructureShape)
    assert wire.message_member in shape.members
    outage = WIRE_ERRORS[Unavailable]
    assert wire is outage or wire.status == shape.metadata["error"]["httpStatusCode"]


def test_too_many_requests_tells_why_and_when_to_come_back() -> None:
    error = TooManyRequests("Slow down", reason="CallerRateLimitExceeded", retry_after_seconds=3)
    answer = error_answer(error, "POST /")
    assert answer.status == 429
    assert dict(answer.headers)[b"retry-after"] == b"3"
    assert json.loads(answer.body)["Reason"] == "CallerRateLimitExceeded"


def test_what_may_pass_later_is_503(caplog: pytest.LogCaptureFixture) -> None:
    answer = error_answer(Unavailable("Postgres is away"), "GET /")
    assert answer.status == 503
    assert json.loads(answer.body)["Type"] == "Service"
    assert dict(answer.headers)[b"x-amzn-errortype"] == b"ServiceException"
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

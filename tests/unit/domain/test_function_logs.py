"""What a structured line tells of itself."""

from __future__ import annotations

import json

import pytest

from perdure_service.domain.function_logs import LogLine, attributed
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.instant import Instant

REQUEST = "4f8b0f5e-0000-4000-8000-00000000000a"
EXECUTION = "0197e0c3-2c40-7000-8000-000000000001"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/{EXECUTION}"
TOLD = {"requestId": REQUEST, "executionArn": ARN, "operationId": "op", "message": "m"}


def told_by(message: str) -> tuple[str | None, str | None, str | None]:
    line = attributed(LogLine(Instant(1), message.encode("utf-8", "surrogatepass")))
    return line.request_id, line.execution_id, line.operation_id


@pytest.mark.parametrize(
    "message",
    [
        json.dumps(TOLD),
        json.dumps({**TOLD, "executionArn": None, "durableExecutionArn": ARN}),
        f"2026-11-27T10:00:00.000Z\t{REQUEST}\tINFO\t{json.dumps(TOLD)}",
    ],
)
def test_a_structured_line_tells_whose_it_is(message: str) -> None:
    assert told_by(message) == (REQUEST, EXECUTION, "op")


@pytest.mark.parametrize(
    "message",
    [
        "text",
        '"requestId"',
        '{"requestId": ',
        '["requestId"]',
        json.dumps({"requestId": 5, "executionArn": [], "operationId": {}}),
        json.dumps({"requestId": "no uuid", "executionArn": "arn:x", "operationId": ""}),
        json.dumps({"operationId": "x" * 65}),
        json.dumps({"operationId": "a\0b"}),
        '{"requestId":' * 100_000,
    ],
)
def test_what_is_no_such_line_tells_nothing(message: str) -> None:
    assert told_by(message) == (None, None, None)


def test_what_a_line_does_not_tell_is_known_otherwise() -> None:
    own, execution = InvocationId(REQUEST), ExecutionId(EXECUTION)
    line = LogLine(Instant(1), b'{"operationId": "op"}', own, execution)
    assert attributed(line) == LogLine(Instant(1), line.message, own, execution, "op")

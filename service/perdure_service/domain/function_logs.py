"""What functions write: lines in the streams of a log group, as CloudWatch Logs has them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import (
    EXECUTION_ARN_PATTERN,
    ExecutionId,
    InvocationId,
    WorkerId,
    is_uuid,
)
from perdure_service.domain.instant import MICROSECONDS, Instant

MAX_MESSAGE_BYTES = 1_048_576
LINE_OVERHEAD_BYTES = 26
"""What CloudWatch Logs counts for a line beside its message."""
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""What CloudWatch Logs takes as the retention of a group."""

_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}", re.ASCII)
_STREAM_NAME = re.compile(r"[^:*\x00]{1,512}")
_EXECUTION_ARN = re.compile(EXECUTION_ARN_PATTERN, re.ASCII)
_MAX_OPERATION_ID = 64


@frozen
class LogLine:
    """One message, which may have several lines. `at` is when it was written. The ids say whose it
    is, as far as that is known."""

    at: Instant
    message: bytes
    request_id: InvocationId | None = None
    execution_id: ExecutionId | None = None
    operation_id: str | None = None


@frozen
class LogChunk:
    """Lines of one stream, in their order."""

    group: str
    stream: str
    lines: Sequence[LogLine]

    @property
    def size_bytes(self) -> int:
        """As CloudWatch Logs counts it."""
        return sum(len(line.message) + LINE_OVERHEAD_BYTES for line in self.lines)


@frozen
class LogBatch:
    """What is kept together or not at all. Of one `source` each `number` is kept once, and only
    above those before it."""

    chunks: Sequence[LogChunk]
    source: WorkerId | None = None
    number: int = 0

    @property
    def size_bytes(self) -> int:
        return sum(chunk.size_bytes for chunk in self.chunks)


@frozen
class LogGroup:
    """`retention_days` None: as the service was told."""

    id: int
    name: str
    created_at: Instant
    retention_days: int | None
    stored_bytes: int


@frozen
class LogStream:
    """The times are those of its first and its last line, and of when the last arrived."""

    id: int
    name: str
    created_at: Instant
    first_at: Instant | None
    last_at: Instant | None
    ingested_at: Instant | None
    stored_bytes: int


def group_of(version: FunctionVersion) -> str:
    """The log group that a function writes to."""
    return version.logging.log_group or f"/aws/lambda/{version.function_name}"


def stream_of(version: FunctionVersion, at: Instant, unique: str) -> str:
    """A stream's name, as Lambda makes them: `unique` is 32 digits. In a group that functions may
    share, theirs is in it."""
    own = group_of(version) == f"/aws/lambda/{version.function_name}"
    day = datetime.fromtimestamp(at // MICROSECONDS, UTC).strftime("%Y/%m/%d")
    return f"{day}/{'' if own else version.function_name}[{version.version}]{unique}"


def iso(at: Instant) -> str:
    """As Lambda writes times into logs: to the millisecond, in UTC."""
    seconds, microseconds = divmod(at, MICROSECONDS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds // 1000:03d}Z"


def check_group_name(name: str) -> str:
    """`name`, or InvalidParameterValue."""
    if _GROUP_NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"'{name[:100]}' is not the name of a log group: use 1 to 512 letters, digits and any "
            "of . - _ / #"
        )
    return name


def check_stream_name(name: str) -> str:
    """`name`, or InvalidParameterValue."""
    if _STREAM_NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"'{name[:100]}' is not the name of a log stream: use 1 to 512 characters other than "
            "a colon and an asterisk."
        )
    return name


def attributed(line: LogLine) -> LogLine:
    """`line` with what it tells of itself, if it is a structured one: the loggers of AWS's SDKs
    write requestId, executionArn and operationId. What it does not tell stays as it is."""
    message = line.message
    if b'Id"' not in message and b'Arn"' not in message:
        return line
    # Node.js' text format has time, request id and level before the JSON.
    start = message.find(b"{")
    try:
        told = json.loads(message[start:])
    except (ValueError, RecursionError):
        return line
    if not isinstance(told, dict):
        return line
    return replace(
        line,
        request_id=_request_id(told.get("requestId")) or line.request_id,
        execution_id=_execution_id(told.get("executionArn") or told.get("durableExecutionArn"))
        or line.execution_id,
        operation_id=_operation_id(told.get("operationId")) or line.operation_id,
    )


def _request_id(told: object) -> InvocationId | None:
    return InvocationId(told) if isinstance(told, str) and is_uuid(told) else None


def _execution_id(told: object) -> ExecutionId | None:
    match = _EXECUTION_ARN.fullmatch(told) if isinstance(told, str) else None
    return ExecutionId(match[7]) if match is not None and is_uuid(match[7]) else None


def _operation_id(told: object) -> str | None:
    if isinstance(told, str) and 0 < len(told) <= _MAX_OPERATION_ID and "\0" not in told:
        return told.encode("utf-8", "replace").decode()
    return None

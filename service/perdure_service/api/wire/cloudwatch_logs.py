"""CloudWatch Logs' requests and answers: JSON 1.1, times in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Required

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from perdure_service.api.wire.text import WITHOUT_NUL
from perdure_service.application.log_events import EventsPage, FilteredPage, Window
from perdure_service.application.log_groups import (
    GroupPage,
    ManageLogGroups,
    Rejected,
    StreamPage,
)
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.function_logs import LogGroup, LogStream, check_group_name
from perdure_service.domain.instant import Instant
from perdure_service.ports.function_logs import KeptLine

_LAST_MILLISECOND = 253_402_300_799_999
_GROUP_ARN = re.compile(r"arn:[a-z-]+:logs:[a-z0-9-]*:[0-9]*:log-group:([^:]+)(?::\*)?")

GroupName = Annotated[
    str, StringConstraints(min_length=1, max_length=512, pattern=r"^[\.\-_/#A-Za-z0-9]+$")
]
GroupIdentifier = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\w#+=/:,.@-]*\*?$")
]
StreamName = Annotated[
    str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^:*]*$"), WITHOUT_NUL
]
Milliseconds = Annotated[int, Field(ge=0, le=_LAST_MILLISECOND)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
DescribeLimit = Annotated[int, Field(ge=1, le=50)]
EventsLimit = Annotated[int, Field(ge=1, le=10_000)]


class DescribeLogGroups(TypedDict, total=False):
    logGroupNamePrefix: GroupName | None
    logGroupNamePattern: GroupName | None
    nextToken: Token | None
    limit: DescribeLimit | None


class OfGroup(TypedDict, total=False):
    logGroupName: GroupName | None
    logGroupIdentifier: GroupIdentifier | None


class DescribeLogStreams(OfGroup, total=False):
    logStreamNamePrefix: StreamName | None
    orderBy: Annotated[str, StringConstraints(pattern=r"^(LogStreamName|LastEventTime)$")] | None
    descending: bool | None
    nextToken: Token | None
    limit: DescribeLimit | None


class GetLogEvents(OfGroup, total=False):
    logStreamName: Required[StreamName]
    startTime: Milliseconds | None
    endTime: Milliseconds | None
    nextToken: Token | None
    limit: EventsLimit | None
    startFromHead: bool | None


class FilterLogEvents(OfGroup, total=False):
    logStreamNames: Annotated[list[StreamName], Field(min_length=1, max_length=100)] | None
    logStreamNamePrefix: StreamName | None
    startTime: Milliseconds | None
    endTime: Milliseconds | None
    filterPattern: Annotated[str, StringConstraints(max_length=1024)] | None
    nextToken: Token | None
    limit: EventsLimit | None


class NamedGroup(TypedDict, total=False):
    logGroupName: Required[GroupName]


class NamedStream(NamedGroup, total=False):
    logStreamName: Required[StreamName]


class PutRetentionPolicy(NamedGroup, total=False):
    retentionInDays: Required[int]


class InputEvent(TypedDict, total=False):
    timestamp: Required[Milliseconds]
    message: Required[Annotated[str, StringConstraints(min_length=1)]]


class PutLogEvents(NamedStream, total=False):
    logEvents: Required[Annotated[list[InputEvent], Field(min_length=1, max_length=10_000)]]


class OfResource(TypedDict, total=False):
    resourceArn: Required[Annotated[str, StringConstraints(min_length=1, max_length=1011)]]


BODIES: Mapping[type, TypeAdapter[Any]] = {
    body: TypeAdapter(body)
    for body in (
        DescribeLogGroups,
        DescribeLogStreams,
        GetLogEvents,
        FilterLogEvents,
        NamedGroup,
        NamedStream,
        PutRetentionPolicy,
        PutLogEvents,
        OfResource,
    )
}


def group_name(body: OfGroup) -> str:
    """The name of the group that a request is about. Raises InvalidParameterValue."""
    name, identifier = body.get("logGroupName"), body.get("logGroupIdentifier")
    if name and identifier:
        raise InvalidParameterValue(
            "LogGroup name and LogGroup identifier are mutually exclusive parameters."
        )
    if identifier:
        return group_name_of_arn(identifier) if identifier.startswith("arn:") else identifier
    if not name:
        raise InvalidParameterValue("Give a logGroupName or a logGroupIdentifier.")
    return name


def group_name_of_arn(arn: str) -> str:
    match = _GROUP_ARN.fullmatch(arn)
    if match is None:
        raise InvalidParameterValue(f"'{arn[:200]}' is not the ARN of a log group.")
    return check_group_name(match[1])


def window(start_ms: int | None, end_ms: int | None, *, end_included: bool) -> Window:
    end = None if end_ms is None else Instant((end_ms + end_included) * 1000)
    return Window(None if start_ms is None else Instant(start_ms * 1000), end)


def events_of(body: PutLogEvents) -> list[tuple[Instant, bytes]]:
    return [
        (Instant(event["timestamp"] * 1000), event["message"].encode("utf-8", "replace"))
        for event in body["logEvents"]
    ]


def group_page(page: GroupPage, logs: ManageLogGroups) -> dict[str, Any]:
    shown = {"logGroups": [_group(group, logs.arn(group.name)) for group in page.groups]}
    return _with_token(shown, page.token)


def stream_page(page: StreamPage, group_arn: str) -> dict[str, Any]:
    streams = [_stream(stream, group_arn) for stream in page.streams]
    return _with_token({"logStreams": streams}, page.token)


def events_page(page: EventsPage) -> dict[str, Any]:
    return {
        "events": [_event(line) for line in page.lines],
        "nextForwardToken": page.forward_token,
        "nextBackwardToken": page.backward_token,
    }


def filtered_page(page: FilteredPage) -> dict[str, Any]:
    events = [
        {"logStreamName": line.stream, **_event(line), "eventId": _event_id(line)}
        for line in page.lines
    ]
    return _with_token({"events": events, "searchedLogStreams": []}, page.token)


def rejected(found: Rejected) -> dict[str, Any]:
    told: Sequence[tuple[str, int | None]] = (
        ("tooOldLogEventEndIndex", found.too_old_end),
        ("tooNewLogEventStartIndex", found.too_new_start),
    )
    info = {name: index for name, index in told if index is not None}
    return {"rejectedLogEventsInfo": info} if info else {}


def _group(group: LogGroup, arn: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": _milliseconds(group.created_at),
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    }
    if group.retention_days is not None:
        shown["retentionInDays"] = group.retention_days
    return shown


def _stream(stream: LogStream, group_arn: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": _milliseconds(stream.created_at),
        "arn": f"{group_arn}:log-stream:{stream.name}",
        "storedBytes": stream.stored_bytes,
    }
    for name, at in (
        ("firstEventTimestamp", stream.first_at),
        ("lastEventTimestamp", stream.last_at),
        ("lastIngestionTime", stream.ingested_at),
    ):
        if at is not None:
            shown[name] = _milliseconds(at)
    return shown


def _event(line: KeptLine) -> dict[str, Any]:
    return {
        "timestamp": _milliseconds(line.line.at),
        "message": line.line.message.decode("utf-8", "replace"),
        "ingestionTime": _milliseconds(line.ingested_at),
    }


def _event_id(line: KeptLine) -> str:
    """56 digits, as CloudWatch has them, that sort by time."""
    return f"{_milliseconds(line.line.at):020d}{line.id:036d}"


def _milliseconds(at: Instant) -> int:
    return at // 1000


def _with_token(shown: dict[str, Any], token: str | None) -> dict[str, Any]:
    return shown if token is None else {**shown, "nextToken": token}

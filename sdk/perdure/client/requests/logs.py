"""The CloudWatch Logs API, as far as functions' logs are read with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from perdure.client.operation import (
    Answer,
    Operation,
    Page,
    Request,
    Service,
    json_body,
    nothing,
    query,
    segment,
)
from perdure.client.results.logs import (
    LogEvent,
    LogGroup,
    LogLines,
    log_event,
    log_group,
    log_line,
)

_MILLISECONDS: Final = 1000


def group_of(function: str) -> str:
    """The log group of a function: of a name, or of an ARN."""
    name = function.rsplit(":function:", maxsplit=1)[-1].partition(":")[0]
    return f"/aws/lambda/{name}"


def events_page(
    group: str,
    *,
    streams: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    pattern: str | None = None,
    page_size: int | None = None,
    marker: str | None = None,
) -> Operation[Page[LogEvent]]:
    members = {
        "logGroupName": group,
        "logStreamNames": list(streams) or None,
        "startTime": _epoch_ms(since),
        "endTime": _epoch_ms(until),
        "filterPattern": pattern,
        "limit": page_size,
        "nextToken": marker,
    }
    return Operation(_request("FilterLogEvents", members), _events)


def groups_page(
    *, prefix: str | None = None, page_size: int | None = None, marker: str | None = None
) -> Operation[Page[LogGroup]]:
    members = {"logGroupNamePrefix": prefix, "limit": page_size, "nextToken": marker}
    return Operation(_request("DescribeLogGroups", members), _groups)


def keep_for(group: str, days: int) -> Operation[None]:
    members = {"logGroupName": group, "retentionInDays": days}
    return Operation(_request("PutRetentionPolicy", members), nothing)


def delete_group(group: str) -> Operation[None]:
    return Operation(_request("DeleteLogGroup", {"logGroupName": group}), nothing)


def lines(
    of: str,
    *,
    after: str | None = None,
    newest: bool = False,
    limit: int | None = None,
    wait_seconds: float = 0.0,
) -> Operation[LogLines]:
    """Of a function, or with an execution's ARN of that execution. Only Perdure has these."""
    kind = "executions" if "/durable-execution/" in of else "functions"
    request = Request(
        "GET",
        f"/v1/{kind}/{segment(of)}/logs",
        query(after=after, newest=newest or None, limit=limit, wait_seconds=f"{wait_seconds:g}"),
        service=Service.PERDURE,
        wait_seconds=wait_seconds,
    )
    return Operation(request, _lines)


def _lines(answer: Answer) -> LogLines:
    document = answer.json()
    return LogLines(tuple(map(log_line, document["lines"])), document["cursor"])


def _request(action: str, members: Mapping[str, Any]) -> Request:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Logs_20140328.{action}",
    }
    return Request("POST", "/", headers=headers, body=json_body(members), service=Service.LOGS)


def _epoch_ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * _MILLISECONDS)


def _events(answer: Answer) -> Page[LogEvent]:
    document = answer.json()
    return Page(tuple(map(log_event, document.get("events") or ())), document.get("nextToken"))


def _groups(answer: Answer) -> Page[LogGroup]:
    document = answer.json()
    return Page(tuple(map(log_group, document.get("logGroups") or ())), document.get("nextToken"))

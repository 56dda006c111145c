"""Durable executions: get, list, history, stop, pause, resume, delete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from perdure.client.arguments import error_body, listed
from perdure.client.operation import (
    JSON_TYPE,
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
from perdure.client.requests import fresh_id
from perdure.client.results.error_object import ErrorObject
from perdure.client.results.executions import (
    Execution,
    ExecutionStatus,
    ExecutionSummary,
    execution,
    execution_line,
    execution_summary,
)
from perdure.client.results.history import HistoryEvent, history_event
from perdure.client.results.wire import moment

_JSON = {"Content-Type": JSON_TYPE}


def get(arn: str, *, include_data: bool = True) -> Operation[Execution]:
    request = Request("GET", _path(arn), query(IncludeExecutionData=include_data))
    return Operation(request, lambda answer: execution(answer.json()))


def list_page(
    function: str | None,
    *,
    qualifier: str | None = None,
    name: str | None = None,
    statuses: Sequence[ExecutionStatus] = (),
    started_after: datetime | None = None,
    started_before: datetime | None = None,
    oldest_first: bool = False,
    page_size: int | None = None,
    marker: str | None = None,
) -> Operation[Page[ExecutionSummary]]:
    """Without a function, those of all: `name` is then how their names begin."""
    if function is None:
        return _all_page(
            name_prefix=name,
            statuses=statuses,
            started_after=started_after,
            started_before=started_before,
            oldest_first=oldest_first,
            page_size=page_size,
            marker=marker,
        )
    parameters = query(
        Qualifier=qualifier,
        DurableExecutionName=name,
        StartedAfter=_iso(started_after),
        StartedBefore=_iso(started_before),
        ReverseOrder=oldest_first or None,
        MaxItems=page_size,
        Marker=marker,
    )
    wanted = tuple(("Statuses", status) for status in listed("statuses", statuses))
    path = f"/2025-12-01/functions/{segment(function)}/durable-executions"
    return Operation(Request("GET", path, (*parameters, *wanted)), _executions)


def _all_page(
    *,
    name_prefix: str | None,
    statuses: Sequence[ExecutionStatus],
    started_after: datetime | None,
    started_before: datetime | None,
    oldest_first: bool,
    page_size: int | None,
    marker: str | None,
) -> Operation[Page[ExecutionSummary]]:
    parameters = query(
        name_prefix=name_prefix,
        started_after=_iso(started_after),
        started_before=_iso(started_before),
        oldest_first=oldest_first or None,
        limit=page_size,
        marker=marker,
    )
    wanted = tuple(("status", status) for status in listed("statuses", statuses))
    request = Request("GET", "/v1/executions", (*parameters, *wanted), service=Service.PERDURE)
    return Operation(request, _execution_lines)


def history_page(
    arn: str,
    *,
    include_data: bool = True,
    newest_first: bool = False,
    page_size: int | None = None,
    marker: str | None = None,
) -> Operation[Page[HistoryEvent]]:
    parameters = query(
        IncludeExecutionData=include_data,
        ReverseOrder=newest_first or None,
        MaxItems=page_size,
        Marker=marker,
    )
    return Operation(Request("GET", f"{_path(arn)}/history", parameters), _events)


def stop(arn: str, *, error: ErrorObject | None = None) -> Operation[datetime]:
    """When it was stopped. An execution that has ended keeps its outcome."""
    body = error_body(error)
    request = Request("POST", f"{_path(arn)}/stop", headers=_JSON, body=body)
    return Operation(request, lambda answer: moment(answer.json()["StopTimestamp"]))


def pause(
    arn: str,
    *,
    reason: str | None = None,
    execution_timeout_paused: bool = True,
    client_token: str | None = None,
) -> Operation[None]:
    members = {
        "ClientToken": client_token or fresh_id(),
        "Reason": reason,
        "ExecutionTimeoutPaused": execution_timeout_paused,
    }
    request = Request("POST", f"{_path(arn)}/pause", headers=_JSON, body=json_body(members))
    return Operation(request, nothing)


def resume(
    arn: str, *, reason: str | None = None, client_token: str | None = None
) -> Operation[None]:
    members = {"ClientToken": client_token or fresh_id(), "Reason": reason}
    request = Request("POST", f"{_path(arn)}/resume", headers=_JSON, body=json_body(members))
    return Operation(request, nothing)


def delete(arn: str) -> Operation[datetime]:
    """When it was first asked for."""
    request = Request("DELETE", _path(arn))
    return Operation(request, lambda answer: moment(answer.json()["DeletionRequestTimestamp"]))


def _path(arn: str) -> str:
    return f"/2025-12-01/durable-executions/{segment(arn)}"


def _iso(at: datetime | None) -> str | None:
    """Raises TypeError for what is no datetime, ValueError for one that does not say its zone."""
    if at is None:
        return None
    given: object = at
    if not isinstance(given, datetime):
        raise TypeError(f"A time is a datetime with a time zone, not {given!r}.")
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: give it one, as tzinfo=datetime.UTC")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _executions(answer: Answer) -> Page[ExecutionSummary]:
    document = answer.json()
    found = map(execution_summary, document.get("DurableExecutions") or ())
    return Page(tuple(found), document.get("NextMarker"))


def _execution_lines(answer: Answer) -> Page[ExecutionSummary]:
    document = answer.json()
    following = parse_qs(urlsplit(document["next"] or "").query)
    return Page(
        tuple(map(execution_line, document["executions"])), following.get("marker", [None])[0]
    )


def _events(answer: Answer) -> Page[HistoryEvent]:
    document = answer.json()
    return Page(tuple(map(history_event, document.get("Events") or ())), document.get("NextMarker"))

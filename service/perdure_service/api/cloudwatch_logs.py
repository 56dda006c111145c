"""CloudWatch Logs' API, as far as people use it: JSON 1.1, every operation a POST to /."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic_core import to_json

from perdure_service.api.asgi import Answer, ClientGone, header
from perdure_service.api.hot import Exchange
from perdure_service.api.wire.cloudwatch_logs import (
    BODIES,
    DescribeLogGroups,
    DescribeLogStreams,
    FilterLogEvents,
    GetLogEvents,
    NamedGroup,
    NamedStream,
    OfResource,
    PutLogEvents,
    PutRetentionPolicy,
    events_of,
    events_page,
    filtered_page,
    group_name,
    group_name_of_arn,
    group_page,
    rejected,
    stream_page,
    window,
)
from perdure_service.api.wire.text import parse_json
from perdure_service.application.log_events import ReadLogEvents
from perdure_service.application.log_groups import ManageLogGroups
from perdure_service.domain.errors import (
    DomainError,
    InvalidParameterValue,
    InvalidRequestContent,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
    Unavailable,
    UnknownOperation,
)
from perdure_service.domain.limits import MEBIBYTE

logger = logging.getLogger(__name__)

_JSON_1_1 = b"application/x-amz-json-1.1"
_SERVICE = "Logs_20140328"
_BODY_BYTES = 8 * MEBIBYTE
_DESCRIBED = 50
_EVENTS = 10_000

Operation = Callable[[Any], Awaitable[dict[str, Any] | None]]

_ERRORS: Mapping[type[DomainError], tuple[int, str]] = {
    InvalidParameterValue: (400, "InvalidParameterException"),
    InvalidRequestContent: (400, "SerializationException"),
    RequestTooLarge: (413, "RequestEntityTooLargeException"),
    ResourceConflict: (400, "ResourceAlreadyExistsException"),
    ResourceNotFound: (400, "ResourceNotFoundException"),
    UnknownOperation: (400, "UnknownOperationException"),
    Unavailable: (503, "ServiceUnavailableException"),
}


class CloudWatchLogs:
    def __init__(self, groups: ManageLogGroups, events: ReadLogEvents) -> None:
        self._groups = groups
        self._events = events
        self._operations: Mapping[str, tuple[type, Operation]] = {
            "DescribeLogGroups": (DescribeLogGroups, self._describe_groups),
            "DescribeLogStreams": (DescribeLogStreams, self._describe_streams),
            "GetLogEvents": (GetLogEvents, self._get_events),
            "FilterLogEvents": (FilterLogEvents, self._filter_events),
            "CreateLogGroup": (NamedGroup, self._create_group),
            "CreateLogStream": (NamedStream, self._create_stream),
            "PutLogEvents": (PutLogEvents, self._put_events),
            "DeleteLogGroup": (NamedGroup, self._delete_group),
            "DeleteLogStream": (NamedStream, self._delete_stream),
            "PutRetentionPolicy": (PutRetentionPolicy, self._put_retention),
            "DeleteRetentionPolicy": (NamedGroup, self._delete_retention),
            "ListTagsForResource": (OfResource, self._list_tags),
            "ListTagsLogGroup": (NamedGroup, self._list_group_tags),
        }

    async def __call__(self, exchange: Exchange) -> Answer:
        """Answer a request by its X-Amz-Target, also with an error in the form of this API."""
        target = header(exchange.scope["headers"], b"x-amz-target") or ""
        try:
            return Answer(200, await self._answer(target, exchange), content_type=_JSON_1_1)
        except DomainError as error:
            return _refused(target, error)
        except ClientGone:
            raise
        except Exception:
            logger.exception("failed: %.100s", target)
            return _error(500, "InternalFailure", "The service failed; its log says why.")

    async def _answer(self, target: str, exchange: Exchange) -> bytes:
        service, _, name = target.partition(".")
        found = self._operations.get(name) if service == _SERVICE else None
        if found is None:
            raise UnknownOperation(
                f"'{target[:100]}' is no operation of this service. Of {_SERVICE} there are "
                f"{', '.join(self._operations)}."
            )
        kind, operation = found
        body = await exchange.body(_BODY_BYTES)
        shown = await operation(parse_json(BODIES[kind], body or b"{}"))
        return to_json(shown) if shown is not None else b""

    async def _describe_groups(self, body: DescribeLogGroups) -> dict[str, Any]:
        page = await self._groups.list_groups(
            prefix=body.get("logGroupNamePrefix"),
            infix=body.get("logGroupNamePattern"),
            token=body.get("nextToken"),
            limit=body.get("limit") or _DESCRIBED,
        )
        return group_page(page, self._groups)

    async def _describe_streams(self, body: DescribeLogStreams) -> dict[str, Any]:
        name = group_name(body)
        page = await self._groups.list_streams(
            name,
            prefix=body.get("logStreamNamePrefix"),
            by_time=body.get("orderBy") == "LastEventTime",
            descending=bool(body.get("descending")),
            token=body.get("nextToken"),
            limit=body.get("limit") or _DESCRIBED,
        )
        return stream_page(page, self._groups.arn(name))

    async def _get_events(self, body: GetLogEvents) -> dict[str, Any]:
        page = await self._events.of_stream(
            group_name(body),
            body["logStreamName"],
            window(body.get("startTime"), body.get("endTime"), end_included=False),
            token=body.get("nextToken"),
            from_head=bool(body.get("startFromHead")),
            limit=body.get("limit") or _EVENTS,
        )
        return events_page(page)

    async def _filter_events(self, body: FilterLogEvents) -> dict[str, Any]:
        page = await self._events.matching(
            group_name(body),
            window(body.get("startTime"), body.get("endTime"), end_included=True),
            streams=body.get("logStreamNames"),
            stream_prefix=body.get("logStreamNamePrefix"),
            pattern=body.get("filterPattern") or "",
            token=body.get("nextToken"),
            limit=body.get("limit") or _EVENTS,
        )
        return filtered_page(page)

    async def _create_group(self, body: NamedGroup) -> None:
        await self._groups.create_group(body["logGroupName"])

    async def _create_stream(self, body: NamedStream) -> None:
        await self._groups.create_stream(body["logGroupName"], body["logStreamName"])

    async def _put_events(self, body: PutLogEvents) -> dict[str, Any]:
        return rejected(
            await self._groups.put_events(
                body["logGroupName"], body["logStreamName"], events_of(body)
            )
        )

    async def _delete_group(self, body: NamedGroup) -> None:
        await self._groups.delete_group(body["logGroupName"])

    async def _delete_stream(self, body: NamedStream) -> None:
        await self._groups.delete_stream(body["logGroupName"], body["logStreamName"])

    async def _put_retention(self, body: PutRetentionPolicy) -> None:
        await self._groups.set_retention(body["logGroupName"], body["retentionInDays"])

    async def _delete_retention(self, body: NamedGroup) -> None:
        await self._groups.set_retention(body["logGroupName"], None)

    async def _list_tags(self, body: OfResource) -> dict[str, Any]:
        await self._groups.check_group(group_name_of_arn(body["resourceArn"]))
        return {"tags": {}}

    async def _list_group_tags(self, body: NamedGroup) -> dict[str, Any]:
        await self._groups.check_group(body["logGroupName"])
        return {"tags": {}}


def _refused(target: str, error: DomainError) -> Answer:
    status, code = next(
        (told for kind, told in _ERRORS.items() if isinstance(error, kind)),
        (500, "ServiceUnavailableException"),
    )
    logger.info("refused: %.100s: %d %s: %.500s", target, status, code, error.message)
    return _error(status, code, error.message)


def _error(status: int, code: str, message: str) -> Answer:
    body = to_json({"__type": code, "message": message})
    return Answer(status, body, ((b"x-amzn-errortype", code.encode()),), _JSON_1_1)

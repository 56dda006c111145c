"""Somebody who invokes functions and looks at executions, with boto3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from tests.support.traffic import Traffic
from tests.support.waiting import eventually

Event = dict[str, Any]

OPEN = ("RUNNING", "PAUSING", "PAUSED")

AWAY = (ConnectionError, HTTPClientError)
"""What boto3 raises when the service is not there or goes away."""


def lambda_client(
    url: str,
    *,
    attempts: int = 1,
    read_timeout_seconds: float = 60,
    traffic: Traffic | None = None,
) -> Any:
    """boto3 as anybody has it, with every answer checked against the model. One attempt: a test
    sees the first answer."""
    client = unwatched_client(url, attempts=attempts, read_timeout_seconds=read_timeout_seconds)
    return (traffic if traffic is not None else Traffic()).watch(client)


def unwatched_client(url: str, *, attempts: int = 1, read_timeout_seconds: float = 60) -> Any:
    """boto3 with no eye on the answers: for operations that are not served."""
    return _client("lambda", url, attempts, read_timeout_seconds)


def logs_client(url: str) -> Any:
    """CloudWatch Logs at the same endpoint."""
    return _client("logs", url, 1, 60)


def _client(
    service: Literal["lambda", "logs"], url: str, attempts: int, read_timeout_seconds: float
) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            read_timeout=read_timeout_seconds,
            max_pool_connections=64,
        ),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What Invoke answered. `error` is X-Amz-Function-Error."""

    status: int
    body: bytes
    error: str | None
    arn: str | None
    version: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    def __init__(self, url: str, *, attempts: int = 1, read_timeout_seconds: float = 60) -> None:
        self.url = url
        self.client = lambda_client(
            url, attempts=attempts, read_timeout_seconds=read_timeout_seconds
        )

    def call(self, function: str, event: Any = None, **arguments: Any) -> Answer:
        """Invoke and wait for the result."""
        answer = self.client.invoke(
            FunctionName=function, Payload=json.dumps(event).encode(), **arguments
        )
        return Answer(
            status=answer["StatusCode"],
            body=answer["Payload"].read(),
            error=answer.get("FunctionError"),
            arn=answer.get("DurableExecutionArn"),
            version=answer.get("ExecutedVersion"),
        )

    def start(self, function: str, event: Any = None, *, name: str | None = None) -> str:
        """Invoke without waiting; the execution's ARN."""
        named = {} if name is None else {"DurableExecutionName": name}
        answer = self.call(function, event, InvocationType="Event", **named)
        assert answer.status == 202, answer
        assert answer.body == b""
        assert answer.arn is not None
        return answer.arn

    def get(self, arn: str) -> dict[str, Any]:
        execution: dict[str, Any] = self.client.get_durable_execution(DurableExecutionArn=arn)
        return execution

    def until_closed(self, arn: str, timeout_seconds: float = 30) -> dict[str, Any]:
        """The closed execution. Waits through times in which the service is away."""
        closed = eventually(lambda: self._closed(arn), timeout_seconds)
        assert closed is not None
        return closed

    def history(self, arn: str) -> list[Event]:
        """All events, after checking that their ids are 1, 2, 3, ..."""
        pages = self.client.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn, IncludeExecutionData=True
        )
        events = [event for page in pages for event in page["Events"]]
        assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
        return events

    def until_event(self, arn: str, type_: str, count: int = 1) -> Event:
        """The `count`-th event of this type, once it is there."""

        def look() -> Event | None:
            found = [event for event in self.history(arn) if event["EventType"] == type_]
            return found[count - 1] if len(found) >= count else None

        event = eventually(look, 30)
        assert event is not None
        return event

    def _closed(self, arn: str) -> dict[str, Any] | None:
        try:
            execution = self.get(arn)
        except AWAY:
            return None
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
            return None
        return None if execution["Status"] in OPEN else execution


def types_of(history: Sequence[Event]) -> list[str]:
    return [event["EventType"] for event in history]


def names_of(history: Sequence[Event], type_: str) -> list[str]:
    """The operations that had such an event, in order."""
    return [event.get("Name", "") for event in history if event["EventType"] == type_]


def story_of(history: Sequence[Event]) -> list[str]:
    """Each event as "Type name"; an event of the execution or an invocation is just its type."""
    own = ("Execution", "InvocationCompleted")
    return [
        event["EventType"]
        if event["EventType"].startswith(own)
        else f"{event['EventType']} {event.get('Name', '')}".rstrip()
        for event in history
    ]

"""CloudWatch Logs, as somebody with boto3 sees it."""

from __future__ import annotations

from typing import Any

from tests.support.caller import logs_client


def events_of(url: str, group: str, **parameters: Any) -> list[Any]:
    """All events of a group, by boto3's paginator; none if it is not there yet."""
    logs = logs_client(url)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **parameters)
    try:
        return [event for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def messages_of(url: str, group: str, **parameters: Any) -> list[str]:
    return [event["message"] for event in events_of(url, group, **parameters)]

"""What a history says: the facts of its events, and what holds for every history."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.support.history_text import literal

Event = dict[str, Any]
Facts = dict[str, Any]

OWN_EVENTS = ("Execution", "Invocation")
"""How the types of events begin that belong to no operation."""

_SUB_TYPES = {
    "Step": "Step",
    "Wait": "Wait",
    "Callback": "Callback",
    "ChainedInvoke": "ChainedInvoke",
    "Context": "RunInChildContext",
}
_KIND = re.compile(r"ChainedInvoke|[A-Z][a-z]+")
_CLOSING = frozenset({"Succeeded", "Failed", "TimedOut", "Stopped"})
_SHOWN_CHARACTERS = 60


def check_laws(events: Sequence[Event]) -> None:
    """What holds for every history: gapless ids, times that never go back, one details member,
    the same identity on every event of an operation, nothing early, nothing after the end but the
    end of the invocation that still ran."""
    assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["EventType"] == "ExecutionStarted"
    times = [event["EventTimestamp"] for event in events]
    assert times == sorted(times), "a timestamp lies before the one of an earlier event"
    closed_at: int | None = None
    identities: dict[str, tuple[Any, ...]] = {}
    due: dict[str, Any] = {}
    for event in events:
        type_, id_ = event["EventType"], event.get("Id")
        details = [key for key in event if key.endswith("Details")]
        assert details == [f"{type_}Details"], f"{type_} has {details}"
        if closed_at is not None:
            assert (type_, event["EventId"]) == ("InvocationCompleted", closed_at + 1)
        if type_ == "InvocationCompleted":
            assert not {"Id", "Name", "SubType", "ParentId"} & event.keys()
            continue
        assert id_, f"{type_} without an Id"
        if type_.startswith("Execution"):
            assert id_ == events[0]["Id"]
            assert event.get("Name") == events[0].get("Name")
            if is_end(event):
                closed_at = event["EventId"]
            continue
        kind = _KIND.match(type_)
        assert kind is not None
        identity = (kind[0], event.get("Name"), event.get("SubType"), event.get("ParentId"))
        assert identities.setdefault(id_, identity) == identity, f"{type_} {identity}"
        _check_time(event, due)


def is_end(event: Event) -> bool:
    """Whether the event closes the execution."""
    kind, how = event["EventType"][:9], event["EventType"][9:]
    return kind == "Execution" and how in _CLOSING


def check_end(execution: Mapping[str, Any], end: Event) -> None:
    """GetDurableExecution tells the same end as the history."""
    how = end["EventType"].removeprefix("Execution")
    assert execution["Status"] == ("TIMED_OUT" if how == "TimedOut" else how.upper())
    assert execution["EndTimestamp"] == end["EventTimestamp"]
    details = end[f"{end['EventType']}Details"]
    assert execution.get("Result") == details.get("Result", {}).get("Payload")
    assert execution.get("Error") == details.get("Error", {}).get("Payload")


def is_closed(events: Sequence[Event]) -> bool:
    """Whether nothing can follow: the execution has ended, and its last invocation too."""
    last = events[-2:]
    ended = any(event["EventType"] == "InvocationCompleted" for event in last)
    return ended and any(map(is_end, last))


def _check_time(event: Event, due: dict[str, Any]) -> None:
    """Neither a wait's end nor a step's next attempt comes before its time."""
    id_, at = event["Id"], event["EventTimestamp"]
    match event["EventType"]:
        case "WaitStarted":
            details = event["WaitStartedDetails"]
            due[id_] = at + timedelta(seconds=details["Duration"])
            assert details["ScheduledEndTimestamp"] >= due[id_]
        case "StepSucceeded" | "StepFailed" as type_:
            delay = event[f"{type_}Details"]["RetryDetails"].get("NextAttemptDelaySeconds")
            if delay is not None:
                due[id_] = at + timedelta(seconds=delay)
        case "WaitSucceeded" | "StepStarted" if id_ in due:
            assert at >= due[id_], f"{event['EventType']} {event.get('Name')} came early"


def render(events: Sequence[Event]) -> str:
    """The history in the form above, without what needs no mention."""
    names = names_of(events)
    begun: set[str] = set()
    lines = []
    for event in events:
        type_, id_ = event["EventType"], event.get("Id", "")
        facts = facts_of(event, names)
        own = type_.startswith(OWN_EVENTS)
        if own or id_ in begun:
            facts.pop("in", None)
            facts.pop("as", None)
        begun.add(id_)
        if facts.get("as") == usual_sub_type(type_):
            facts.pop("as", None)
        for key, usual in (("in", None), ("attempt", 1), ("empty", False)):
            if facts.get(key) == usual:
                facts.pop(key, None)
        if "result" in facts:
            facts.pop("text", None)
        told = [f"{key}={literal(value)}" for key, value in facts.items()]
        words = [word for word in told if len(word) <= _SHOWN_CHARACTERS]
        if not own:
            words.insert(0, literal(event.get("Name")))
        lines.append(f"{event['EventId']:>4}  {type_:<24} {' '.join(words)}".rstrip())
    return "\n".join(lines)


def usual_sub_type(type_: str) -> str | None:
    return next((usual for kind, usual in _SUB_TYPES.items() if type_.startswith(kind)), None)


def names_of(events: Sequence[Event]) -> dict[str, str]:
    """The operations' names by id."""
    return {event["Id"]: event["Name"] for event in events if "Id" in event and "Name" in event}


def facts_of(event: Event, names: Mapping[str, str]) -> Facts:
    type_ = event["EventType"]
    details = event[f"{type_}Details"]
    facts: Facts = {"as": event.get("SubType")}
    if "ParentId" in event:
        facts["in"] = names.get(event["ParentId"], event["ParentId"])
    for key, member in (
        ("seconds", "Duration"),
        ("seconds", "ExecutionTimeout"),
        ("timeout", "Timeout"),
        ("heartbeat", "HeartbeatTimeout"),
        ("function", "FunctionName"),
        ("version", "ExecutedVersion"),
        ("tenant", "TenantId"),
        ("timeout_paused", "ExecutionTimeoutPaused"),
    ):
        if member in details:
            facts[key] = details[member]
    if type_ == "ChainedInvokeStarted":
        facts["child"] = "DurableExecutionArn" in details
    if "RetryDetails" in details:
        facts["attempt"] = details["RetryDetails"]["CurrentAttempt"]
        delay = details["RetryDetails"].get("NextAttemptDelaySeconds")
        if delay is not None:
            facts["delay"] = delay
    if "Result" in details:
        facts |= _payload("result", details["Result"])
        facts["empty"] = not facts["text"]
    if "Input" in details:
        facts |= _payload("input", details["Input"])
    if "Reason" in details:
        facts["reason"] = _payload("reason", details["Reason"])["text"]
    if "Error" in details:
        error = details["Error"]["Payload"]
        facts |= {"error": error.get("ErrorType"), "message": error.get("ErrorMessage")}
    return facts


def _payload(key: str, payload: Mapping[str, Any]) -> Facts:
    assert payload["Truncated"] is False
    text = payload.get("Payload")
    try:
        return {key: json.loads(text), "text": text} if text is not None else {"text": None}
    except ValueError:
        return {"text": text}

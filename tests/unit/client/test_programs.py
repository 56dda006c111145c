"""What is repeated, how long it waits, and what is raised in the end. Nothing is sent or slept."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest

from perdure.client import (
    AccessDenied,
    ClientError,
    Conflict,
    InvalidRequest,
    MalformedAnswer,
    NotFound,
    NotReady,
    NotServed,
    PreconditionFailed,
    ServiceFailed,
    ServiceUnreachable,
    StillOpen,
    Throttled,
    TooLarge,
    programs,
)
from perdure.client.operation import Answer, Operation, Request
from perdure.client.programs import Lost, Persistence, Program, Sleep
from perdure.client.refusals import refusal
from perdure.client.requests import executions, invocations

T = TypeVar("T")

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/i"
GOOD = Answer(200, {}, b"{}")
THROTTLED = Answer(429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message": "slow"}')
BROKEN = Answer(503, {"x-amzn-errortype": "ServiceException"}, b'{"Message": "away"}')
REFUSED = Lost("http://h did not answer: refused", was_sent=False)
CUT = Lost("http://h did not answer: cut", was_sent=True)

NAMED = invocations.start("f", name="n")
UNNAMED = invocations.start("f")
SYNCHRONOUS = invocations.invoke("f")
READING = executions.get(ARN)


def persistence(*, tries: int = 3, perdure: bool = True) -> Persistence:
    return Persistence(tries, perdure, draw=lambda: 1.0)


def played(program: Program[T], *outcomes: Answer | Lost) -> tuple[T, list[float]]:
    """Its result, and how long it slept each time. All outcomes must be asked for."""
    left = list(outcomes)
    slept: list[float] = []
    told: Answer | Lost | None = None
    while True:
        try:
            effect = program.send(told)
        except StopIteration as end:
            assert left == []
            return end.value, slept
        if isinstance(effect, Sleep):
            slept.append(effect.seconds)
            told = None
        else:
            told = left.pop(0)


def raised(program: Program[Any], *outcomes: Answer | Lost) -> ClientError:
    with pytest.raises(ClientError) as error:
        played(program, *outcomes)
    return error.value


@pytest.mark.parametrize("operation", [NAMED, UNNAMED, SYNCHRONOUS])
@pytest.mark.parametrize("outcome", [THROTTLED, REFUSED])
def test_what_did_nothing_is_sent_again(operation: Operation[Any], outcome: Answer | Lost) -> None:
    _, slept = played(programs.call(operation, persistence(perdure=False)), outcome, outcome, GOOD)
    assert slept == [0.1, 0.2]


@pytest.mark.parametrize("outcome", [BROKEN, CUT])
@pytest.mark.parametrize(
    ("operation", "perdure", "again"),
    [
        (NAMED, True, True),
        (NAMED, False, True),
        (SYNCHRONOUS, True, True),
        (SYNCHRONOUS, False, False),
        (UNNAMED, True, False),
        (UNNAMED, False, False),
    ],
)
def test_what_may_have_started_something_is_sent_again_only_if_that_is_found_again(
    operation: Operation[Any], perdure: bool, again: bool, outcome: Answer | Lost
) -> None:
    program = programs.call(operation, persistence(perdure=perdure))
    if again:
        played(program, outcome, GOOD)
    else:
        raised(program, outcome)


def test_it_gives_up_after_all_tries() -> None:
    error = raised(programs.call(NAMED, persistence()), CUT, CUT, REFUSED)
    assert isinstance(error, ServiceUnreachable)
    assert str(error) == (
        "http://h did not answer: refused (tries: 3). Is it running, and is that its address?"
    )
    assert isinstance(raised(programs.call(NAMED, persistence(tries=1)), BROKEN), ServiceFailed)


def test_the_service_says_how_long_to_wait() -> None:
    late = Answer(429, {"retry-after": "2"}, b"")
    never = Answer(429, {"retry-after": "86400"}, b"")
    odd = Answer(429, {"retry-after": "tomorrow"}, b"")
    program = programs.call(UNNAMED, persistence(tries=4))
    assert played(program, late, never, odd, GOOD)[1] == [2.0, 20.0, 0.4]


def test_a_refusal_after_a_lost_answer_says_that_the_first_try_may_have_done_it() -> None:
    gone = Answer(404, {"x-amzn-errortype": "ResourceNotFoundException"}, b"{}")
    lost = raised(programs.call(executions.delete(ARN), persistence()), CUT, gone)
    assert "earlier try" in lost.__notes__[0]
    throttled = raised(programs.call(executions.delete(ARN), persistence()), THROTTLED, gone)
    assert not hasattr(throttled, "__notes__")


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"DurableExecutionArn": 1}', b"\xff", b"null"]
)
def test_an_answer_that_is_none_is_told_as_such(body: bytes) -> None:
    error = raised(programs.call(READING, persistence()), Answer(200, {}, body))
    assert isinstance(error, MalformedAnswer)
    assert "is that the address of the service?" in str(error)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidParameterValueException", InvalidRequest),
        (401, "", AccessDenied),
        (403, "AccessDeniedException", AccessDenied),
        (404, "ResourceNotFoundException", NotFound),
        (404, "UnknownOperationException", NotServed),
        (400, "ResourceNotFoundException", NotFound),
        (409, "ResourceConflictException", Conflict),
        (412, "PreconditionFailedException", PreconditionFailed),
        (413, "RequestTooLargeException", TooLarge),
        (429, "TooManyRequestsException", Throttled),
        (400, "ThrottlingException", Throttled),
        (418, "", InvalidRequest),
        (502, "KMSNotFoundException", ServiceFailed),
    ],
)
def test_a_refusal_has_its_kind(status: int, code: str, kind: type[ClientError]) -> None:
    error = refusal(Answer(status, {"x-amzn-errortype": f"{code}:http://x"}, b'{"message": "m"}'))
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code, "m")
    logs = refusal(Answer(status, {}, json.dumps({"__type": f"a#{code}", "Message": "m"}).encode()))
    assert (type(logs), logs.code, logs.message) == (kind, code, "m")


def test_a_refusal_that_cannot_be_read_is_shown() -> None:
    assert str(refusal(Answer(502, {}, b"<h1>Bad Gateway</h1>"))) == (
        "status 502: <h1>Bad Gateway</h1>"
    )
    assert str(refusal(Answer(500, {}, b""))) == "status 500"


def execution(status: str) -> Answer:
    shape = {
        "DurableExecutionArn": ARN,
        "DurableExecutionName": "n",
        "FunctionArn": "f",
        "Status": status,
        "StartTimestamp": 1.5,
    }
    return Answer(200, {}, json.dumps(shape).encode())


def test_who_waits_looks_soon_and_then_seldom() -> None:
    looks = [execution("RUNNING")] * 15
    closed = execution("SUCCEEDED")
    program = programs.wait(ARN, persistence(), timeout_seconds=None, clock=lambda: 0.0)
    found, slept = played(program, *looks, closed, closed)
    assert found.status == "SUCCEEDED"
    assert slept[:2] == [0.05, pytest.approx(0.075)]
    assert slept == sorted(slept)
    assert slept[-2:] == [5.0, 5.0]


def test_who_waits_stops_at_the_timeout() -> None:
    now = iter([0.0, 0.97, 0.98, 1.0])
    program = programs.wait(ARN, persistence(), timeout_seconds=1.0, clock=lambda: next(now))
    error = raised(program, execution("PAUSED"), execution("PAUSING"))
    assert isinstance(error, StillOpen)
    assert error.execution_arn == ARN


def test_who_waits_bears_with_a_service_that_is_away_for_less_than_a_minute() -> None:
    def waiting(*times: float) -> Program[Any]:
        now = iter(times)
        return programs.wait(
            ARN, persistence(tries=1), timeout_seconds=None, clock=lambda: next(now)
        )

    closed = execution("SUCCEEDED")
    short = waiting(0.0, 1.0, 1.0, 59.0, 60.0)
    found, slept = played(short, execution("RUNNING"), CUT, BROKEN, closed, closed)
    assert found.status == "SUCCEEDED"
    assert slept[1:] == [1.0, 1.0]
    long = waiting(0.0, 1.0, 1.0, 59.0, 61.0)
    error = raised(long, execution("RUNNING"), CUT, REFUSED, THROTTLED)
    assert isinstance(error, Throttled)
    assert isinstance(raised(waiting(), REFUSED), ServiceUnreachable), "it was never there"
    refused = Answer(403, {}, b"")
    assert isinstance(raised(waiting(0.0, 1.0), execution("RUNNING"), refused), AccessDenied)


def function(**members: str) -> Answer:
    shape = {
        "FunctionName": "f",
        "FunctionArn": "arn:f",
        "Version": "1",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2026-01-31T12:00:00.000+0000",
        **members,
    }
    return Answer(200, {}, json.dumps(shape).encode())


def test_a_function_is_waited_for_until_it_is_ready() -> None:
    def waiting() -> Program[Any]:
        return programs.wait_until_ready(
            "f", None, persistence(), timeout_seconds=9.0, clock=lambda: 0.0
        )

    busy = [function(State="Pending"), function(State="Active", LastUpdateStatus="InProgress")]
    found, slept = played(waiting(), *busy, function(State="Active", LastUpdateStatus="Successful"))
    assert found.state == "Active"
    assert len(slept) == 2
    error = raised(waiting(), function(State="Failed", StateReason="no such handler"))
    assert isinstance(error, NotReady)
    assert "no such handler" in str(error)
    now = iter([0.0, 10.0])
    late = programs.wait_until_ready(
        "f", None, persistence(), timeout_seconds=9.0, clock=lambda: next(now)
    )
    assert "ask again" in str(raised(late, function(State="Pending")))


def page(*ids: int, marker: str | None = None) -> Answer:
    events = [{"EventId": id_, "EventType": "StepStarted", "EventTimestamp": 1} for id_ in ids]
    return Answer(200, {}, json.dumps({"Events": events, "NextMarker": marker}).encode())


def test_new_events_are_fetched_and_old_ones_are_not() -> None:
    program = programs.events_after(ARN, 3, persistence(), include_data=True)
    found, _ = played(program, page(7, 6, marker="m"), page(5, 4, marker="more"))
    assert [event.id for event in found] == [4, 5, 6, 7]
    program = programs.events_after(ARN, 3, persistence(), include_data=True)
    assert played(program, page(3, 2, marker="more"))[0] == ()


def test_who_follows_is_told_what_is_new_and_when_it_is_over() -> None:
    def following(last_seen: int) -> Program[Any]:
        return programs.next_events(
            ARN,
            last_seen,
            persistence(),
            include_data=True,
            longest_look_seconds=0.06,
            clock=lambda: 0.0,
        )

    is_open, ended = execution("RUNNING"), execution("FAILED")
    nothing = page(3, 2, 1)
    looks = [is_open, nothing] * 3
    came, slept = played(following(3), *looks, is_open, page(4, 3))
    assert ([event.id for event in came.events], came.ended) == ([4], False)
    assert slept == [0.05, 0.06, 0.06]
    came, _ = played(following(4), is_open, page(4), ended, page(5, 4))
    assert ([event.id for event in came.events], came.ended) == ([5], True)
    came, _ = played(following(5), ended, page(5))
    assert (came.events, came.ended) == ((), True)


def test_a_request_is_a_value() -> None:
    assert Request("GET", "/x") == Request("GET", "/x")

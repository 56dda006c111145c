"""`perdure.client` against the running service: the same assertions for both of its shells."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from perdure.client import (
    AlreadyStarted,
    AsyncClient,
    CallbackOpened,
    CallbackTimedOut,
    Client,
    Conflict,
    ErrorObject,
    ExecutionStatus,
    ExecutionStopped,
    FunctionFailed,
    InvalidRequest,
    InvocationSpan,
    NotDurable,
    NotFound,
    ServiceUnreachable,
    StillOpen,
)
from tests.contract.raw_worker import DURABLE, Delivered, RawWorker
from tests.contract.running_service import RunningService
from tests.support.answer_relay import AnswerRelay


class Asked:
    """AsyncClient as Client: each call on a loop of its own thread."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client = AsyncClient(url, environment={})

    def close(self) -> None:
        self._finish(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        return self._asked(getattr(self._client, name))

    def _asked(self, member: Any) -> Any:
        if not callable(member):
            return _Group(self, member)

        def call(*arguments: Any, **named: Any) -> Any:
            answer = member(*arguments, **named)
            if inspect.isasyncgen(answer):
                return iter(self._finish(_all(answer)))
            return self._finish(answer)

        return call

    def _finish(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self._loop).result(60)


class _Group:
    def __init__(self, asked: Asked, group: Any) -> None:
        self._asked, self._group = asked, group

    def __getattr__(self, name: str) -> Any:
        return self._asked._asked(getattr(self._group, name))


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]


@pytest.fixture(scope="session", params=["blocking", "asynchronous"])
def client(request: pytest.FixtureRequest, service: RunningService) -> Iterator[Client]:
    if request.param == "blocking":
        with Client(service.url, environment={}) as client:
            yield client
        return
    asked = Asked(service.url)
    yield cast(Client, asked)  # it answers to the same calls
    asked.close()


@pytest.fixture
def durable(worker: RawWorker) -> str:
    """The qualified name of a durable function that `worker` serves."""
    return f"{worker.function}:$LATEST"


def while_it_runs(work: Callable[[], object], call: Callable[[], Any]) -> Any:
    """The answer to `call` while another thread does the function's work."""
    worker = threading.Thread(target=work)
    worker.start()
    try:
        return call()
    finally:
        worker.join(30)


def test_a_call_waits_for_the_result(client: Client, worker: RawWorker, durable: str) -> None:
    seen: list[Delivered] = []

    def work() -> None:
        seen.append(worker.take())
        worker.succeed(seen[0], '{"done": "ü"}')

    answer = while_it_runs(work, lambda: client.invoke(durable, {"order": 1}))
    assert answer.value == {"done": "ü"}
    assert answer.executed_version == "$LATEST"
    assert answer.execution_arn == seen[0].arn
    given = seen[0].event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]
    assert json.loads(given["InputPayload"]) == {"order": 1}


def test_a_failed_call_raises_the_functions_error(
    client: Client, worker: RawWorker, durable: str
) -> None:
    error = {"ErrorType": "CardDeclined", "ErrorMessage": "no funds", "StackTrace": ["line 1"]}

    def work() -> None:
        worker.finish(worker.take(), json.dumps({"Status": "FAILED", "Error": error}).encode())

    with pytest.raises(FunctionFailed, match="CardDeclined: no funds") as failed:
        while_it_runs(work, lambda: client.invoke(durable))
    assert failed.value.error == ErrorObject("no funds", "CardDeclined", None, ("line 1",))
    assert failed.value.execution_arn is not None
    with pytest.raises(FunctionFailed, match="CardDeclined") as again:
        client.result(failed.value.execution_arn)
    assert again.value.error == failed.value.error


def test_a_start_is_waited_for_later(client: Client, worker: RawWorker, durable: str) -> None:
    started = client.start(durable, [1, 2], name="once")
    assert client.start(durable, [1, 2], name="once") == started
    with pytest.raises(StillOpen, match="goes on") as open_:
        client.result(started.arn, timeout_seconds=0)
    assert open_.value.execution_arn == started.arn
    worker.succeed(worker.take(), "[3]")
    assert client.result(started.arn, timeout_seconds=30) == [3]
    execution = client.get(started.arn)
    assert (execution.name, execution.status) == ("once", ExecutionStatus.SUCCEEDED)
    assert execution.input_value == [1, 2]
    assert execution.ended_at is not None
    assert execution.started_at.tzinfo is UTC
    assert client.get(started.arn, include_data=False).result is None
    with pytest.raises(AlreadyStarted, match="already started"):
        client.start(durable, "other", name="once")


def test_a_plain_function_leaves_no_execution(
    client: Client, http: httpx.Client, function: str
) -> None:
    RawWorker(http, function).register(DurableConfig=None)
    started = client.start(function, {})
    with pytest.raises(NotDurable, match="not durable"):
        _ = started.arn
    client.dry_run(function)


def test_a_payload_goes_as_it_is(client: Client, worker: RawWorker, durable: str) -> None:
    arn = client.start(durable, payload=b'{"a":  1}').arn
    assert client.get(arn).input == '{"a":  1}'
    with pytest.raises(InvalidRequest, match="InvalidRequestContentException"):
        client.start(durable, payload=b"{")


def test_lists_and_histories_go_on_over_pages(
    client: Client, worker: RawWorker, durable: str
) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)  # noqa: TID251  a window around now
    arns = [client.start(durable, number).arn for number in range(5)]
    listed = [one.arn for one in client.list(durable, page_size=2)]
    assert listed == arns[::-1]
    oldest = client.list(worker.function, page_size=2, oldest_first=True, started_after=before)
    assert [one.arn for one in oldest] == arns
    statuses = [ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED]
    assert list(client.list(worker.function, statuses=statuses)) == []
    assert list(client.list(worker.function, started_before=before)) == []
    worker.succeed(worker.take())
    closed = client.wait(arns[0], timeout_seconds=30)
    events = list(client.history(arns[0], page_size=1))
    assert [event.id for event in events] == [1, 2, 3]
    assert [event.type for event in events] == [
        "ExecutionStarted",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert events[0].value == 0
    assert events[2].value == "done"
    assert isinstance(events[1].detail, InvocationSpan)
    assert events[2].at == closed.ended_at
    assert list(client.history(arns[0], page_size=1, newest_first=True)) == events[::-1]
    bare = list(client.history(arns[0], include_data=False))
    assert [event.payload for event in bare] == [None, None, None]
    assert list(client.follow(arns[0])) == events


def test_an_execution_is_followed_to_its_end(
    client: Client, worker: RawWorker, durable: str
) -> None:
    arn = client.start(durable).arn

    def work() -> None:
        delivered = worker.take()
        client.pause(arn, reason="look")
        worker.succeed(delivered)

    followed = while_it_runs(work, lambda: list(client.follow(arn, longest_look_seconds=0.1)))
    assert [event.type for event in followed] == [event.type for event in client.history(arn)]
    assert followed[-1].type == "ExecutionSucceeded"


def test_a_stopped_execution_says_why(client: Client, worker: RawWorker, durable: str) -> None:
    arn = client.start(durable).arn
    at = client.stop(arn, error=ErrorObject("wrong order", "Mistake"))
    with pytest.raises(ExecutionStopped, match="Mistake: wrong order") as stopped:
        client.result(arn)
    assert stopped.value.execution_arn == arn
    assert client.get(arn).ended_at == at
    client.stop(arn)


def test_pause_and_resume(client: Client, worker: RawWorker, durable: str) -> None:
    arn = client.start(durable).arn
    with pytest.raises(Conflict):
        client.resume(arn)
    client.pause(arn, reason="price list", client_token="one")
    client.pause(arn, reason="price list", client_token="one")
    paused = client.get(arn)
    assert paused.status is ExecutionStatus.PAUSED
    assert paused.pause is not None
    assert (paused.pause.reason, paused.pause.execution_timeout_paused) == ("price list", True)
    client.resume(arn)
    assert client.get(arn).pause is None
    with pytest.raises(Conflict):
        client.delete(arn)
    worker.succeed(worker.take())
    client.wait(arn, timeout_seconds=30)
    asked = client.delete(arn)
    assert asked.tzinfo is UTC


def test_callbacks_are_completed_from_outside(
    client: Client, worker: RawWorker, durable: str
) -> None:
    arn = client.start(durable).arn
    delivered = worker.take()
    updates = [
        {
            "Id": operation,
            "Type": "CALLBACK",
            "Action": "START",
            "CallbackOptions": {"TimeoutSeconds": 600},
        }
        for operation in ("a", "b", "c")
    ]
    answer = worker.http.post(
        f"/2025-12-01/durable-executions/{arn}/checkpoint",
        json={"CheckpointToken": delivered.token, "Updates": updates},
    )
    assert answer.status_code == 200, answer.text
    opened = {
        event.operation_id: event.detail.callback_id
        for event in client.history(arn)
        if isinstance(event.detail, CallbackOpened)
    }
    client.callbacks.heartbeat(opened["a"])
    client.callbacks.succeed(opened["a"], {"approved": True})
    client.callbacks.succeed(opened["b"], payload=b"as it is")
    client.callbacks.fail(opened["c"], ErrorObject("no", "Denied"))
    ended = {event.operation_id: event for event in client.history(arn)}
    assert ended["a"].value == {"approved": True}
    assert ended["b"].value == "as it is"
    assert ended["c"].error == ErrorObject("no", "Denied")
    with pytest.raises((CallbackTimedOut, InvalidRequest)):
        client.callbacks.succeed(opened["a"], 1)
    with pytest.raises((NotFound, InvalidRequest)):
        client.callbacks.heartbeat("QUJD")


def test_what_is_not_there_is_not_found(client: Client, function: str) -> None:
    with pytest.raises(NotFound, match=function) as missing:
        client.invoke(f"{function}:$LATEST")
    assert (missing.value.status, missing.value.code) == (404, "ResourceNotFoundException")
    arn = (
        f"arn:aws:lambda:us-east-1:000000000000:function:{function}:1"
        "/durable-execution/x/0197e0c3-2c40-7000-8000-000000000001"
    )
    with pytest.raises(NotFound):
        client.get(arn)
    with pytest.raises(InvalidRequest):
        client.get("arn:nonsense")


def test_a_durable_function_wants_a_qualifier(client: Client, worker: RawWorker) -> None:
    assert worker.register(DurableConfig=DURABLE).status_code == 200
    with pytest.raises(InvalidRequest, match="unqualified"):
        client.start(worker.function)
    assert client.start(worker.function, qualifier="$LATEST").executed_version == "$LATEST"


def test_a_time_without_a_zone_is_refused(client: Client, function: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        list(client.list(function, started_after=datetime(2026, 1, 1)))  # noqa: DTZ001  the point


@pytest.fixture
def relay(service: RunningService) -> Iterator[AnswerRelay]:
    relay = AnswerRelay(service.port)
    with relay.running():
        yield relay


def test_a_call_whose_answer_was_lost_finds_what_it_started(
    relay: AnswerRelay, worker: RawWorker, durable: str
) -> None:
    with Client(relay.url, environment={}) as client:
        relay.lose_the_next()
        answer = while_it_runs(
            lambda: worker.succeed(worker.take()), lambda: client.invoke(durable)
        )
        assert answer.value == "done"
        relay.lose_the_next()
        named = client.start(durable, name="once")
        relay.lose_the_next()
        with pytest.raises(ServiceUnreachable, match=r"tries: 1"):
            client.start(durable)
        relay.lose_the_next()
        client.pause(named.arn)
        assert client.get(named.arn).status is ExecutionStatus.PAUSED
        listed = [one.arn for one in client.list(worker.function)]
    assert len(listed) == 3, "one for each call, although two of them were sent twice"
    assert {named.arn, answer.execution_arn} <= set(listed)

"""Whatever is sent: never a failure of the service, never half a batch, and a refusal leaves the
token as good as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from perdure_service.api.wire.checkpoint import OperationUpdateBody
from tests.contract.raw_worker import Delivered, RawWorker
from tests.support.wild_json import LIMITED, broken, deep, values, written_twice

LATER = 86_400
"""Seconds: no timer falls due in a test."""
START = {"Type": "STEP", "Action": "START"}

IDS = ["a", "b", "c", "d", "-_Z9"]
OPTIONS: dict[str, dict[str, Any]] = {
    "STEP": {"StepOptions": {"NextAttemptDelaySeconds": LATER}},
    "WAIT": {"WaitOptions": {"WaitSeconds": LATER}},
    "CALLBACK": {"CallbackOptions": {"TimeoutSeconds": LATER}},
    "CHAINED_INVOKE": {"ChainedInvokeOptions": {"FunctionName": "nobody:1"}},
    "CONTEXT": {"ContextOptions": {"ReplayChildren": True}},
}
ACTIONS = ["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"]

likely = st.sampled_from(
    [
        ("STEP", "START"),
        ("STEP", "SUCCEED"),
        ("STEP", "RETRY"),
        ("STEP", "FAIL"),
        ("CONTEXT", "START"),
        ("CONTEXT", "SUCCEED"),
        ("WAIT", "START"),
        ("WAIT", "CANCEL"),
        ("CALLBACK", "START"),
        ("CHAINED_INVOKE", "START"),
    ]
)
any_kind = st.tuples(st.sampled_from([*OPTIONS, "EXECUTION"]), st.sampled_from(ACTIONS))
payloads = st.sampled_from([None, "", "{}", "\0", "é" * 40, "x" * 1_048_577])
errors = st.sampled_from([None, {}, {"ErrorType": "E", "StackTrace": ["a", "\0"]}])


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    """Well formed, and about as often legal as not."""
    type_, action = draw(likely | likely | likely | any_kind)
    update: dict[str, Any] = {"Id": draw(st.sampled_from(IDS)), "Type": type_, "Action": action}
    wants_options = (type_, action) in (("STEP", "RETRY"), ("CONTEXT", "SUCCEED")) or (
        action == "START" and type_ in ("WAIT", "CALLBACK", "CHAINED_INVOKE")
    )
    if wants_options is not draw(st.integers(0, 9).map(lambda n: n == 0)):
        update |= OPTIONS.get(type_, {})
    for name, choice in (
        ("Payload", payloads if action == "SUCCEED" else st.none()),
        ("Error", errors if action in ("FAIL", "RETRY") else st.none()),
        ("ParentId", st.sampled_from([None, None, None, *IDS])),
        ("Name", st.sampled_from([None, None, "n"])),
    ):
        value = draw(choice)
        if value is not None:
            update[name] = value
    return update


batches = st.lists(updates(), max_size=4)


@dataclass(frozen=True, slots=True)
class Caller:
    """An invocation by plain HTTP."""

    http: httpx.Client
    delivered: Delivered
    token: str

    @property
    def path(self) -> str:
        return f"/2025-12-01/durable-executions/{self.delivered.arn}"

    def checkpoint(self, body: bytes) -> httpx.Response:
        return self.http.post(f"{self.path}/checkpoint", content=body)

    def state(self) -> httpx.Response:
        query = f"CheckpointToken={quote(self.token, safe='')}&MaxItems=1000"
        return self.http.get(f"{self.path}/state?{query}")

    def history(self) -> list[dict[str, Any]]:
        answer = self.http.get(f"{self.path}/history?MaxItems=1000")
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["Events"]
        return events


@pytest.fixture
def begin(http: httpx.Client, worker: RawWorker) -> Any:
    """A new execution, each time; the one before is stopped, or its invocation would be made again
    when nobody has been heard of it for a while."""
    before: list[Caller] = []

    def begin() -> Caller:
        for caller in before:
            http.post(f"{caller.path}/stop")
        path = f"/2015-03-31/functions/{worker.function}:$LATEST/invocations"
        http.post(path, headers={"X-Amz-Invocation-Type": "Event"})
        delivered = worker.take()
        before[:] = [Caller(http, delivered, delivered.token)]
        return before[0]

    return begin


@LIMITED
@given(st.lists(batches, min_size=1, max_size=6))
def test_a_batch_is_applied_whole_in_order_or_not_at_all(
    begin: Any, sequence: list[list[dict[str, Any]]]
) -> None:
    caller: Caller = begin()
    for batch in sequence:
        before, state = caller.history(), caller.state().json()
        answer = caller.checkpoint(
            json.dumps({"CheckpointToken": caller.token, "Updates": batch}).encode()
        )
        event(f"answered {answer.status_code}")
        history = caller.history()
        assert history[: len(before)] == before
        if answer.status_code == 400:
            assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
            assert answer.json()["message"]
            assert len(history) == len(before)
            assert caller.state().json() == state
            continue
        assert answer.status_code == 200, answer.text
        own_id = caller.delivered.arn.rpartition("/")[2]
        assert [one["Id"] for one in history[len(before) :]] == ids_of(batch, own_id)
        assert caller.state().status_code == 400, "the used token is still good"
        token = answer.json().get("CheckpointToken")
        if token is None:
            assert batch[-1]["Type"] == "EXECUTION"
            return
        caller = replace(caller, token=token)


def ids_of(batch: list[dict[str, Any]], own_id: str) -> list[str]:
    """One event for each update; a chained invoke whose target nobody knows fails at once."""
    ids: list[str] = []
    for update in batch:
        id_ = own_id if update["Type"] == "EXECUTION" else update["Id"]
        ids += [id_, id_] if update["Type"] == "CHAINED_INVOKE" else [id_]
    return ids


wild_members = st.sampled_from([*sorted(OperationUpdateBody.__annotations__), "Other"])


@LIMITED
@given(updates(), wild_members, values)
@pytest.mark.parametrize("place", ["update", "body"])
def test_a_member_of_any_form_is_taken_or_refused(
    begin: Any, place: str, update: dict[str, Any], member: str, value: Any
) -> None:
    caller: Caller = begin()
    body: dict[str, Any] = {"CheckpointToken": caller.token, "Updates": [update]}
    if place == "update":
        update[member] = value
    else:
        body["ClientToken" if member == "Id" else "Updates"] = value
    assert_taken_or_refused(caller, json.dumps(body).encode())


@LIMITED
@given(st.data())
def test_bytes_near_json_are_taken_or_refused(begin: Any, data: st.DataObject) -> None:
    caller: Caller = begin()
    batch = data.draw(batches)
    text = json.dumps({"CheckpointToken": caller.token, "Updates": batch})
    assert_taken_or_refused(caller, data.draw(broken(text)))


@pytest.mark.parametrize("depth", [10, 120, 5_000, 200_000])
def test_deep_nesting_is_refused(begin: Any, depth: int) -> None:
    caller: Caller = begin()
    for text in (deep(depth), f'{{"CheckpointToken": "{caller.token}", "Updates": {deep(depth)}}}'):
        assert assert_taken_or_refused(caller, text.encode()).status_code == 400


@LIMITED
@given(st.one_of(values.map(json.dumps).map(str.encode), broken('{"ErrorType": "E"}')))
def test_an_error_object_of_any_form_stops_an_execution_or_is_refused(
    begin: Any, body: bytes
) -> None:
    caller: Caller = begin()
    answer = caller.http.post(f"{caller.path}/stop", content=body)
    assert answer.status_code in (200, 400), answer.text
    types = [one["EventType"] for one in caller.history()]
    assert types[1:] == (["ExecutionStopped"] if answer.status_code == 200 else [])


@LIMITED
@given(st.one_of(values.map(json.dumps).map(str.encode), broken("[1]")))
def test_a_payload_of_any_form_is_handed_on_as_it_is_or_refused(
    http: httpx.Client, worker: RawWorker, payload: bytes
) -> None:
    path = f"/2015-03-31/functions/{worker.function}:$LATEST/invocations"
    answer = http.post(path, headers={"X-Amz-Invocation-Type": "Event"}, content=payload)
    assert answer.status_code in (202, 400), answer.text
    if answer.status_code == 202:
        delivered = worker.take()
        worker.succeed(delivered)
        (execution,) = delivered.event["InitialExecutionState"]["Operations"]
        assert execution["ExecutionDetails"]["InputPayload"].encode() == (payload or b"{}")


@LIMITED
@given(values)
def test_of_a_key_written_twice_the_last_counts(begin: Any, other: Any) -> None:
    caller: Caller = begin()
    body = {"CheckpointToken": caller.token, "Updates": [{"Id": "a", **START}]}
    for key in body:
        text = written_twice(body, key, other)
        answer = assert_taken_or_refused(caller, text.encode())
        if answer.status_code == 200:
            assert [event["Id"] for event in caller.history()[1:]] == ["a"]
            return


def assert_taken_or_refused(caller: Caller, body: bytes) -> httpx.Response:
    before = len(caller.history())
    answer = caller.checkpoint(body)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
        assert len(caller.history()) == before
        assert caller.state().status_code == 200
    return answer

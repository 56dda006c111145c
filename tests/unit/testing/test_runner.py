"""The testing kit: executions in memory, by the rules of the domain, on the test's own clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure.service_api import DurableService, InvocationEvent, InvocationOutput
from perdure.testing import (
    DurableTestRunner,
    InvocationHung,
    NoSuchOperation,
    RequestRefused,
    TooManyInvocations,
    UnexpectedOutcome,
)
from perdure_service.domain.limits import Limits
from tests.support.scripted import Script, scripted

DAY = timedelta(days=1)


def types(history: list[dict[str, Any]]) -> list[str]:
    return [event["EventType"] for event in history]


@scripted
async def nap(script: Script) -> Any:
    await script.step("before")
    await script.wait("nap", seconds=3_600)
    return await script.step("after", lambda: script.input)


@scripted
async def approval(script: Script) -> Any:
    options = {"TimeoutSeconds": 600, "HeartbeatTimeoutSeconds": 60}
    asked = await script.callback("approval", **options)
    return [asked["Status"], asked["CallbackDetails"].get("Result")]


def test_a_wait_of_an_hour_is_over_at_once() -> None:
    runner = DurableTestRunner()
    execution = runner.run(nap, {"id": 7})
    assert execution.status == "SUCCEEDED"
    assert execution.result == {"id": 7}
    assert runner.now - execution.wait("nap").started_at == timedelta(hours=1)
    assert execution.invocations == 2


def test_the_history_has_the_shapes_of_lambdas() -> None:
    execution = DurableTestRunner().run(nap, 1)
    assert types(execution.history()) == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert execution.history()[2]["StepSucceededDetails"] == {
        "RetryDetails": {"CurrentAttempt": 1},
        "Result": {"Payload": "1", "Truncated": False},
    }
    hidden = execution.history(include_data=False)[2]["StepSucceededDetails"]["Result"]
    assert hidden == {"Truncated": True}


def test_without_skipping_only_the_test_moves_the_clock() -> None:
    runner = DurableTestRunner(skip_time=False)
    execution = runner.run(nap, 1)
    runner.advance(3_599)
    assert execution.status == "RUNNING"
    assert execution.wait("nap").status == "STARTED"
    runner.advance(1)
    assert execution.status == "SUCCEEDED"


def test_a_step_that_fails_is_tried_again_after_its_delay() -> None:
    failures = iter([OSError("busy"), OSError("still busy")])

    def work() -> str:
        if (error := next(failures, None)) is not None:
            raise error
        return "done"

    @scripted
    async def flaky(script: Script) -> Any:
        return await script.step("flaky", work, retry_seconds=30)

    runner = DurableTestRunner()
    execution = runner.run(flaky)
    step = execution.step("flaky")
    assert (step.status, step.attempts, step.runs, step.result) == ("SUCCEEDED", 3, 3, "done")
    assert runner.now - step.started_at == timedelta(seconds=60)


def test_an_execution_stops_for_a_callback_and_goes_on_with_its_result() -> None:
    execution = DurableTestRunner().run(approval)
    assert [callback.operation.name for callback in execution.open_callbacks] == ["approval"]
    execution.callback("approval").succeed({"by": "me"})
    assert execution.result == ["SUCCEEDED", '{"by": "me"}']


def test_a_callback_can_fail_and_a_second_answer_is_refused() -> None:
    execution = DurableTestRunner().run(approval)
    callback = execution.callback("approval")
    callback.fail("no", error_type="Rejected")
    assert execution.result == ["FAILED", None]
    assert execution.operation("approval").error == {
        "ErrorMessage": "no",
        "ErrorType": "Rejected",
    }
    with pytest.raises(RequestRefused, match="timed out or already completed"):
        callback.succeed()


def test_a_callback_times_out_only_when_time_passes() -> None:
    runner = DurableTestRunner()
    execution = runner.run(approval)
    for _ in range(9):
        runner.advance(59)
        execution.callback("approval").heartbeat()
    assert execution.status == "RUNNING"
    runner.advance(60)
    assert execution.result == ["TIMED_OUT", None]
    assert execution.operation("approval").error == {
        "ErrorMessage": "Callback timed out on heartbeat",
        "ErrorType": "Callback.Heartbeat",
    }


def test_an_answer_may_come_later() -> None:
    runner = DurableTestRunner()
    execution = runner.run(approval)
    execution.callback("approval").succeed("late", after_seconds=59)
    assert execution.result == ["SUCCEEDED", "late"]


def test_callbacks_can_be_answered_before_they_are_opened() -> None:
    runner = DurableTestRunner()
    runner.answer_callbacks("approval", {"ok": True}, after_seconds=20)
    assert runner.run(approval).result == ["SUCCEEDED", '{"ok": true}']


def test_functions_invoke_each_other_by_name() -> None:
    @scripted
    async def parent(script: Script) -> Any:
        child = await script.invoke("child", "nap:$LATEST", {"id": 1})
        plain = await script.invoke("plain", "double", 21)
        missing = await script.invoke("missing", "nobody", None)
        details = [each["ChainedInvokeDetails"] for each in (child, plain, missing)]
        return [details[0]["Result"], details[1]["Result"], details[2]["Error"]["ErrorType"]]

    runner = DurableTestRunner()
    runner.register(nap)
    runner.register(lambda event, context: 2 * event, "double")
    execution = runner.run(parent)
    assert execution.result == ['{"id": 1}', "42", "ResourceNotFoundException"]
    assert [each.status for each in runner.executions] == ["SUCCEEDED", "SUCCEEDED"]
    assert "knows double, nap, parent" in str(execution.invoke("missing").error)


def test_a_durable_function_that_is_invoked_without_a_qualifier_is_refused_as_on_lambda() -> None:
    @scripted
    async def parent(script: Script) -> Any:
        return (await script.invoke("child", "nap", 1))["ChainedInvokeDetails"]["Error"]

    runner = DurableTestRunner()
    runner.register(nap)
    assert "unqualified" in runner.run(parent).result["ErrorMessage"]


def test_an_execution_is_paused_resumed_and_stopped() -> None:
    execution = DurableTestRunner().run(approval)
    execution.pause("lunch")
    assert execution.status == "PAUSED"
    execution.callback("approval").succeed("ok")
    assert execution.status == "PAUSED"
    execution.resume()
    assert execution.result == ["SUCCEEDED", "ok"]
    with pytest.raises(RequestRefused, match="cannot be paused"):
        execution.pause()

    stopped = DurableTestRunner().run(approval)
    stopped.stop({"ErrorMessage": "enough"})
    assert (stopped.status, stopped.error) == ("STOPPED", {"ErrorMessage": "enough"})


def test_an_execution_times_out() -> None:
    execution = DurableTestRunner().run(nap, execution_timeout=60)
    assert execution.status == "TIMED_OUT"
    waiting = DurableTestRunner()
    execution = waiting.run(approval, execution_timeout=DAY)
    assert execution.status == "RUNNING"
    waiting.advance(DAY)
    assert execution.status == "SUCCEEDED"


def test_a_name_belongs_to_one_input() -> None:
    runner = DurableTestRunner()
    first = runner.run(nap, {"id": 1}, name="order-1")
    assert runner.run(nap, {"id": 1}, name="order-1").arn == first.arn
    with pytest.raises(RequestRefused, match="already started"):
        runner.run(nap, {"id": 2}, name="order-1")


def test_an_execution_that_fails_tells_its_history() -> None:
    @scripted
    async def failing(script: Script) -> Any:
        await script.step("first")
        raise ValueError("no stock")

    execution = DurableTestRunner().run(failing)
    assert execution.error == {"ErrorType": "ValueError", "ErrorMessage": "no stock"}
    with pytest.raises(UnexpectedOutcome, match=r"(?s)FAILED, with ValueError: no stock.*first"):
        _ = execution.result


def test_a_result_that_is_not_there_yet_says_what_is_waited_for() -> None:
    execution = DurableTestRunner().run(approval)
    with pytest.raises(UnexpectedOutcome, match="waiting for CALLBACK 'approval'"):
        _ = execution.result


def test_an_unknown_name_says_which_there_are() -> None:
    execution = DurableTestRunner().run(nap, 1)
    with pytest.raises(NoSuchOperation, match=r"STEP 'after', STEP 'before', WAIT 'nap'"):
        execution.step("payment")
    assert execution.step("before", index=0).name == "before"


def test_an_endless_loop_of_invocations_ends_with_an_error() -> None:
    @scripted
    async def endless(script: Script) -> Any:
        for number in range(1_000):
            await script.wait(f"again-{number}", seconds=1)

    runner = DurableTestRunner(max_invocations=50)
    with pytest.raises(TooManyInvocations, match=r"(?s)more than 50 invocations.*again-49"):
        runner.run(endless)


def test_an_invocation_that_hangs_ends_with_an_error() -> None:
    @scripted
    async def hanging(script: Script) -> Any:
        await asyncio.Event().wait()

    runner = DurableTestRunner(invocation_seconds=0.05)
    with pytest.raises(InvocationHung, match="'hanging' took more than"):
        runner.run(hanging)


def test_a_failed_invocation_is_repeated_and_then_counts() -> None:
    errors = iter([RuntimeError("lost")])

    @scripted
    async def shaky(script: Script) -> Any:
        await script.step("once")
        if (error := next(errors, None)) is not None:
            raise error
        return "fine"

    execution = DurableTestRunner().run(shaky)
    assert execution.result == "fine"
    assert (execution.invocations, execution.step("once").runs) == (2, 1)


def test_a_handler_that_says_pending_without_waiting_fails_as_on_lambda() -> None:
    @scripted
    async def idle(script: Script) -> Any:
        script.operations["nothing"] = {"Status": "STARTED"}
        await script.wait("nothing", 1)

    assert "PENDING" in str(DurableTestRunner().run(idle).error["ErrorMessage"])


def test_a_step_may_take_virtual_time() -> None:
    runner = DurableTestRunner()

    @scripted
    async def slow(script: Script) -> Any:
        return await script.step("slow", lambda: runner.advance(90))

    execution = runner.run(slow)
    (done,) = [e for e in execution.history() if e["EventType"] == "InvocationCompleted"]
    span = done["InvocationCompletedDetails"]
    assert span["EndTimestamp"] - span["StartTimestamp"] == 90


def test_an_invocation_that_takes_too_long_is_over_and_another_one_begins() -> None:
    runner = DurableTestRunner()
    delays = iter([90, 0])

    @scripted
    async def slow(script: Script) -> Any:
        def work() -> str:
            runner.advance(next(delays))
            return "done"

        return await script.step("slow", work)

    runner.register(slow, timeout=60)
    execution = runner.run(slow)
    assert execution.result == "done"
    assert (execution.invocations, execution.step("slow").runs) == (2, 1)
    assert "Task timed out after 60.00 seconds" in execution.text


def test_a_large_input_needs_a_synchronous_caller() -> None:
    large = "x" * 2_000_000
    with pytest.raises(RequestRefused, match="larger than 1048576 bytes"):
        DurableTestRunner().run(nap, large)
    execution = DurableTestRunner().run(nap, large, synchronous=True)
    assert "operation" not in execution.text


def test_functions_that_invoke_themselves_without_end_are_stopped() -> None:
    @scripted
    async def endless(script: Script) -> Any:
        await script.invoke("again", "endless:$LATEST", None)

    with pytest.raises(TooManyInvocations, match="invoke itself without end"):
        DurableTestRunner(max_executions=20).run(endless)


def test_pages_of_the_state_are_read_to_the_end() -> None:
    seen: list[list[str]] = []
    expected = [f"wait-{n}" for n in range(7)]

    class Paging:
        __name__ = "paging"

        async def invoke(
            self, event: InvocationEvent, service: DurableService, lambda_context: Any
        ) -> InvocationOutput:
            arn, token = event["DurableExecutionArn"], event["CheckpointToken"]
            state = event["InitialExecutionState"]
            ids = [operation["Id"] for operation in state["Operations"]]
            marker = state["NextMarker"]
            while marker:
                page = await service.state(arn, token, marker, 2)
                ids += [operation["Id"] for operation in page["Operations"]]
                marker = page.get("NextMarker", "")
            seen.append(ids[1:])
            if len(ids) > 1:
                return {"Status": "SUCCEEDED"}
            started = [
                {
                    "Id": f"wait-{n}",
                    "Type": "WAIT",
                    "Action": "START",
                    "WaitOptions": {"WaitSeconds": 1},
                }
                for n in range(7)
            ]
            answer = await service.checkpoint(arn, token, started, "once")  # type: ignore[arg-type]  # made of plain dicts
            answered = [o["Id"] for o in answer["NewExecutionState"]["Operations"]]
            marker = answer["NewExecutionState"]["NextMarker"]
            while marker:
                page = await service.state(arn, answer["CheckpointToken"] or "", marker, 2)
                answered += [operation["Id"] for operation in page["Operations"]]
                marker = page.get("NextMarker", "")
            seen.append(answered)
            return {"Status": "PENDING"}

    runner = DurableTestRunner(limits=Limits(state_page_items=3))
    assert runner.run(Paging()).status == "SUCCEEDED"
    assert seen == [[], expected, expected]


async def test_it_works_in_a_test_that_has_a_loop_of_its_own() -> None:
    assert DurableTestRunner().run(nap, 5).result == 5

"""The step's program: what is sent, and when the user's code runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.config import Duration, StepConfig, StepSemantics
from perdure.core.effects import COMMIT, Call, Cancelled, Park
from perdure.core.scope import Place
from perdure.core.steps import step_program
from perdure.exceptions import (
    ExecutionError,
    OperationCancelledError,
    PayloadTooLargeError,
    RetryableSerDesError,
    SerDesError,
    StepError,
    StepInterruptedError,
)
from perdure.retries import RetryDecision, RetryPresets
from tests.support.core_stage import Stage, begin, finish, outcome, recorded

AT_MOST_ONCE = StepConfig(
    retry_strategy=RetryPresets.none(), step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY
)
NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())


def work(_: object) -> int:
    return 1


def program(place: Place, config: StepConfig | None = None) -> Any:
    return step_program(place, work, config, lambda place, attempt: attempt)


def test_start_and_success_of_a_quick_step_are_one_commit() -> None:
    stage = Stage()
    place = stage.place()
    step = program(place)
    call = begin(step)
    assert isinstance(call, Call)
    assert (call.func, call.args, call.inside) == (work, (1,), place)
    assert step.send({"a": 1}) is COMMIT
    assert stage.queued == [("STEP", "START", "work"), ("STEP", "SUCCEED", "work")]
    stage.tell(place, "SUCCEEDED", Result='"ignored"')
    assert finish(step) == {"a": 1}


def test_a_result_is_returned_as_a_replay_will_return_it() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    step.send((1, [2]))
    payload = stage.replay.outbox[1]["Payload"]
    assert json.loads(payload)["t"] == "t"
    assert finish(step) == (1, [2])


def test_a_recorded_step_returns_without_any_effect() -> None:
    done = recorded(Stage().place(), "SUCCEEDED", Result="42", Attempt=1)
    stage = Stage(done)
    assert outcome(program(stage.place())) == 42
    assert stage.queued == []


def test_a_recorded_failure_is_raised_as_it_was() -> None:
    error = {"ErrorMessage": "no", "ErrorType": "app.BrokenError", "ErrorData": "d"}
    stage = Stage(recorded(Stage().place(), "FAILED", Error=error))
    with pytest.raises(StepError, match="no") as raised:
        outcome(program(stage.place()))
    assert (raised.value.error_type, raised.value.data) == ("app.BrokenError", "d")


def test_an_at_most_once_step_runs_after_its_start_is_kept() -> None:
    stage = Stage()
    place = stage.place()
    step = program(place, AT_MOST_ONCE)
    assert begin(step) is COMMIT
    assert stage.queued == [("STEP", "START", "work")]
    stage.tell(place, "STARTED")
    assert isinstance(step.send(None), Call)


def test_an_at_least_once_step_that_was_interrupted_runs_again_without_a_second_start() -> None:
    stage = Stage(recorded(Stage().place(), "STARTED"))
    assert isinstance(begin(program(stage.place())), Call)
    assert stage.queued == []


def test_an_at_most_once_step_that_was_interrupted_does_not_run_again() -> None:
    stage = Stage(recorded(Stage().place(), "STARTED"))
    place = stage.place()
    step = program(place, AT_MOST_ONCE)
    decide = begin(step)
    assert isinstance(decide, Call)
    error, attempts = decide.args
    assert isinstance(error, StepInterruptedError)
    assert attempts == 1
    assert step.send(RetryDecision.no_retry()) is COMMIT
    assert stage.queued == [("STEP", "FAIL", "work")]
    with pytest.raises(StepError, match="ran"):
        finish(step)


def test_a_failed_attempt_is_retried_when_its_time_has_come() -> None:
    stage = Stage()
    place = stage.place()
    step = program(place)
    begin(step)
    decide = step.throw(ValueError("no"))
    assert decide.args[1] == 1
    assert step.send(RetryDecision.retry(Duration(7))) is COMMIT
    assert stage.replay.outbox[1]["StepOptions"] == {"NextAttemptDelaySeconds": 7}
    stage.tell(place, "PENDING", Attempt=1, NextAttemptTimestamp=1_700_000_007.5)
    park = step.send(None)
    assert isinstance(park, Park)
    assert (park.place, park.due) == (place, 1_700_000_007.5)
    stage.tell(place, "READY", Attempt=1)
    call = step.send(None)
    assert call.args == (2,)
    assert stage.queued == [("STEP", "START", "work")]


def test_a_retry_waits_at_least_a_second() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    step.throw(ValueError("no"))
    step.send(RetryDecision.retry(Duration(0)))
    assert stage.replay.outbox[1]["StepOptions"] == {"NextAttemptDelaySeconds": 1}


def test_an_execution_error_leaves_the_step_without_a_record() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    with pytest.raises(ExecutionError, match="fatal"):
        step.throw(ExecutionError("fatal"))
    assert stage.queued == [("STEP", "START", "work")]


def test_a_result_that_is_not_serialisable_fails_the_step_and_names_it() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    assert step.send(object()) is COMMIT
    assert stage.queued[-1] == ("STEP", "FAIL", "work")
    with pytest.raises(SerDesError, match=r"result of step 'work' .*builtins\.object.*serdes"):
        finish(step)


def test_a_result_over_the_limit_fails_the_step_and_names_it() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    assert step.send("x" * 1_048_576) is COMMIT
    with pytest.raises(SerDesError, match=r"step 'work' has 1,048,578 bytes.*Keep it in a file"):
        finish(step)
    assert issubclass(PayloadTooLargeError, SerDesError)


def test_passing_trouble_of_a_serdes_leaves_the_step_as_it_was() -> None:
    stage = Stage()
    step = program(stage.place())
    begin(step)
    with pytest.raises(RetryableSerDesError):
        step.throw(RetryableSerDesError("S3 is away"))
    assert stage.queued == [("STEP", "START", "work")]


def test_a_cancelled_step_is_recorded_so_that_a_replay_raises_a_timeout() -> None:
    stage = Stage()
    place = stage.place()
    step = program(place)
    begin(step)
    with pytest.raises(Cancelled):
        step.throw(Cancelled())
    error = stage.replay.outbox[-1]["Error"]
    again = Stage(recorded(Stage().place(), "FAILED", Error=error))
    with pytest.raises(TimeoutError, match="step 'work' was cancelled") as raised:
        outcome(program(again.place()))
    assert isinstance(raised.value, OperationCancelledError)
    assert isinstance(raised.value, StepError)


def test_a_step_with_a_serdes_of_its_own_writes_and_reads_through_the_shell() -> None:
    from perdure.serdes import JsonSerDes

    class Own(JsonSerDes):
        """Its code is the user's, whatever it does."""

    stage = Stage()
    step = program(stage.place(), StepConfig(serdes=Own()))
    begin(step)
    write = step.send((1, 2))
    assert isinstance(write, Call)
    text = write.func(*write.args)
    read = step.send(text)
    assert isinstance(read, Call)
    assert step.send(read.func(*read.args)) is COMMIT
    assert stage.replay.outbox[-1]["Payload"] == "[1, 2]"
    assert finish(step) == [1, 2]

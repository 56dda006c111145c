"""Whatever commands come, on whichever replica: the log folds to the live state, and the tables
that are derived from it hold exactly what the state says."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

import psycopg
import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_checkpoint import Checkpoint, current_token, decide_checkpoint
from perdure_service.domain.decide_invocation import (
    Claim,
    Failed,
    Returned,
    decide_claim,
    decide_invocation_end,
    decide_unclaim,
)
from perdure_service.domain.decide_pause import (
    PauseRequest,
    ResumeRequest,
    decide_pause,
    decide_resume,
)
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.errors import DomainError
from perdure_service.domain.execution import Execution, FailureKind, Queued, Running, TimerKind
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.instant import after
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import (
    Action,
    ErrorObject,
    Operation,
    OperationType,
    OperationUpdate,
)
from tests.support.executions import KEYS, WORKER
from tests.support.logs import Replica, callback, replica, step, wait

Command = Callable[[Execution, Moment], Decision[Any]]

ROUNDS = 100
NOBODY = InvocationId(str(uuid.UUID(int=0)))


@pytest.mark.parametrize("seed", range(3))
async def test_the_tables_follow_the_state(database_url: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311  meant to be repeatable
    async with replica(database_url) as one, replica(database_url) as two:
        numbers = count(1)
        ids = [(await one.started(next(numbers))).id for _ in range(4)]
        for _ in range(ROUNDS):
            commits = [
                random.choice([one, two]).log.commit(random.choice(ids), command)
                for command in random.choices(COMMANDS, weights=WEIGHTS, k=random.randint(1, 8))
            ]
            for answer in await asyncio.gather(*commits, return_exceptions=True):
                assert not isinstance(answer, BaseException) or isinstance(answer, DomainError)
            states = await _compare(database_url, ids, one, two)
            ids = [
                (await one.started(next(numbers))).id if state.is_closed else state.id
                for state in states
            ]


async def _compare(
    url: str, ids: Sequence[ExecutionId], one: Replica, two: Replica
) -> list[Execution]:
    for id_ in ids:
        live = await one.log.read(id_)
        assert await two.log.read(id_) == live
        assert await one.reader.load(id_) == live
    states = [await one.log.recent(id_) for id_ in ids]
    loaded = {state.id: state for state in await one.reader.load_many(ids)}
    assert loaded == {state.id: state for state in states}
    with psycopg.connect(url) as connection:
        # Those of earlier executions, closed by now, are gone.
        rows = connection.execute(
            "SELECT execution_id::text, kind, operation_id,"
            " (extract(epoch FROM due_at) * 1000000)::bigint FROM timer"
        ).fetchall()
        assert {(id_, (TimerKind(kind), of)): due for id_, kind, of, due in rows} == {
            (state.id, key): due for state in states for key, due in state.armed.items()
        }
        rows = connection.execute(
            "SELECT execution_id::text, operation_id FROM callback"
        ).fetchall()
        assert sorted(rows) == sorted(
            (state.id, operation.id) for state in states for operation in _open_callbacks(state)
        )
        rows = connection.execute(
            "SELECT execution_id::text, invocation_id::text, worker_id::text FROM invocation"
        ).fetchall()
        in_flight = {row for row in rows if row[0] in ids}
        assert in_flight == set(filter(None, map(_queue_row, states)))
        rows = connection.execute("SELECT id::text, status FROM execution").fetchall()
        statuses = {id_: status for id_, status in rows if id_ in ids}
        assert statuses == {state.id: state.status.value for state in states}
    return states


def _open_callbacks(state: Execution) -> list[Operation]:
    if state.is_closed:
        return []
    operations = state.operations.values()
    return [o for o in operations if o.type is OperationType.CALLBACK and not o.is_closed]


def _queue_row(state: Execution) -> tuple[str, str | None, str | None] | None:
    match state.ledger.invocation:
        case Queued():
            return state.id, None, None
        case Running(id=invocation_id, worker_id=worker_id):
            return state.id, invocation_id, worker_id
        case _:
            return None


# The commands. Each looks at the state that it is given, so most of them are legal.


def claim(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_claim(execution, Claim(WORKER, InvocationId(str(uuid.uuid4()))), moment)


def unclaim(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_unclaim(execution, _running_id(execution), moment)


def suspend(execution: Execution, moment: Moment) -> Decision[Any]:
    return _end(execution, Returned('{"Status": "PENDING"}'), moment)


def crash(execution: Execution, moment: Moment) -> Decision[Any]:
    return _end(execution, Failed(FailureKind.CRASH, ErrorObject(type="Crash")), moment)


def succeed(execution: Execution, moment: Moment) -> Decision[Any]:
    return _end(execution, Returned('{"Status": "SUCCEEDED", "Result": "1"}'), moment)


def stop(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_stop(execution, ErrorObject(), moment)


def pause(execution: Execution, moment: Moment) -> Decision[Any]:
    asked = PauseRequest(f"{moment.nonce}", "\0 why", execution.ledger.version % 2 == 0)
    return decide_pause(execution, asked, moment)


def resume(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_resume(execution, ResumeRequest(f"{moment.nonce}", "\0 why"), moment)


def tick(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_tick(execution, moment)


def tick_later(execution: Execution, moment: Moment) -> Decision[Any]:
    """As a replica would whose clock is ahead."""
    return decide_tick(execution, Moment(after(moment.clock, 40), moment.nonce))


def open_callback(execution: Execution, moment: Moment) -> Decision[Any]:
    return _checkpoint(execution, [callback(_new_id(execution), 90, 30)], moment)


def start_wait(execution: Execution, moment: Moment) -> Decision[Any]:
    return _checkpoint(execution, [wait(_new_id(execution), 30)], moment)


def cancel_wait(execution: Execution, moment: Moment) -> Decision[Any]:
    waits = [o for o in execution.operations.values() if o.type is OperationType.WAIT]
    opened = [o for o in waits if not o.is_closed]
    updates = [OperationUpdate(o.id, OperationType.WAIT, Action.CANCEL) for o in opened[:1]]
    return _checkpoint(execution, updates, moment)


def whole_step(execution: Execution, moment: Moment) -> Decision[Any]:
    return _checkpoint(execution, step(_new_id(execution)), moment)


def retry_step(execution: Execution, moment: Moment) -> Decision[Any]:
    id_ = _new_id(execution)
    retry = OperationUpdate(id_, OperationType.STEP, Action.RETRY, step_delay_seconds=20)
    return _checkpoint(execution, [retry], moment)


def resolve(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_callback_success(execution, _callback_id(execution), "1", moment)


def reject(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_callback_failure(execution, _callback_id(execution), ErrorObject(), moment)


def heartbeat(execution: Execution, moment: Moment) -> Decision[Any]:
    return decide_callback_heartbeat(execution, _callback_id(execution), moment)


_CHANCES: dict[Command, float] = {
    claim: 16,
    unclaim: 1,
    suspend: 4,
    crash: 1,
    succeed: 0.3,
    stop: 0.3,
    pause: 3,
    resume: 6,
    tick: 1,
    tick_later: 2,
    open_callback: 8,
    start_wait: 8,
    cancel_wait: 2,
    whole_step: 2,
    retry_step: 4,
    resolve: 4,
    reject: 1,
    heartbeat: 3,
}
COMMANDS = list(_CHANCES)
WEIGHTS = list(_CHANCES.values())


def _running_id(execution: Execution) -> InvocationId:
    running = execution.ledger.invocation
    return running.id if isinstance(running, Running) else NOBODY


def _end(execution: Execution, outcome: Returned | Failed, moment: Moment) -> Decision[Any]:
    id_, policy = _running_id(execution), RetryPolicy(first_delay_seconds=0)
    return decide_invocation_end(execution, id_, outcome, moment, policy, Limits())


def _checkpoint(
    execution: Execution, updates: Sequence[OperationUpdate], moment: Moment
) -> Decision[Any]:
    token = current_token(execution)
    return decide_checkpoint(
        execution, Checkpoint(token, updates), moment, Limits(), KEYS.issue_callback_id
    )


def _new_id(execution: Execution) -> str:
    return f"o{len(execution.operations)}"


def _callback_id(execution: Execution) -> str:
    opened = _open_callbacks(execution)
    return opened[0].id if opened else "none"

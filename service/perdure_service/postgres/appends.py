"""The lane of appends: commands on executions that exist."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.domain.errors import DomainError, InvalidParameterValue, Unavailable
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.log import Decide, Outcome
from perdure_service.postgres.append import append_statement
from perdure_service.postgres.commit_context import (
    GOING,
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    MAX_WAITING,
    UNKNOWN,
    CommitContext,
    MustBeCounted,
)
from perdure_service.postgres.lane import UNSTORABLE, Lane, LaneConnection, LostFlush, unstorable
from perdure_service.postgres.turns import Command, Turn

R = TypeVar("R")
T = TypeVar("T")

logger = logging.getLogger(__name__)

_MAX_WAITING_PER_EXECUTION = 1_000
_MAX_ATTEMPTS = 50
_PATIENT_ATTEMPTS = 2
_MAX_WAITING_ROWS = 64
"""Of a flush of what is not due: it is over in a moment for what is, and costs no more a row."""


class AppendLane:
    """Decides the waiting commands of many executions on their cached states, and appends what was
    decided in one statement. Whoever lost the fence is caught up (`read`) and decided again."""

    def __init__(
        self, url: str, context: CommitContext, read: Callable[[ExecutionId], Awaitable[Execution]]
    ) -> None:
        self._context = context
        self._read = read
        self._connection = LaneConnection(url, "appends")
        self._lane: Lane[ExecutionId] = Lane(self._flush, MAX_WAITING)
        self._commands: dict[ExecutionId, list[Command]] = {}
        self._tasks = OwnedTasks()

    def submit(
        self,
        id_: ExecutionId,
        decide: Decide[T],
        show: Callable[[Outcome[T]], R],
        *,
        verify: bool,
        due: bool = False,
        claims: bool = False,
    ) -> asyncio.Future[R]:
        """What is to be shown of the outcome, once it is committed. Cancelled, the command is
        dropped if it still waits. Raises Unavailable if too many wait, MustBeCounted if it `claims`
        and may not."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._enqueue(Command(id_, decide, show, verify, future, claims), due=due)
        return future

    async def run(self) -> None:
        try:
            await self._lane.run()
        finally:
            await self._tasks.close()
            for commands in self._commands.values():
                _fail(commands, Unavailable(GOING))
            await self._connection.close()

    def _enqueue(self, command: Command, *, due: bool = False, again: bool = False) -> None:
        waiting = self._commands.get(command.execution_id)
        if waiting is None:
            if due:
                self._lane.put_due(command.execution_id)
            else:
                self._lane.put(command.execution_id, urgent=again)
            self._commands[command.execution_id] = [command]
        elif len(waiting) < _MAX_WAITING_PER_EXECUTION or again:
            waiting.append(command)
        else:
            raise Unavailable("The execution is too busy. Repeat the same request later.")

    # a flush

    async def _flush(self) -> None:
        await self._append(self._take_turns())

    async def _append(self, turns: list[Turn]) -> None:
        if not turns:
            return
        changes = [turn.change() for turn in turns]
        answers: list[list[Callable[[], None]]] = []
        try:
            won = set(
                await self._connection.execute(
                    append_statement(changes),
                    meanwhile=lambda: answers.extend(turn.answers() for turn in turns),
                )
            )
        except (LostFlush, asyncio.CancelledError):
            self._lost(turns, Unavailable(UNKNOWN))
            self._context.cache.clear()
            raise
        except UNSTORABLE as error:
            await self._append_singly(turns, unstorable(error))
            return
        except Exception as error:
            logger.exception("an append of %d executions failed", len(turns))
            self._lost(turns, error)
            return
        for n, (turn, change) in enumerate(zip(turns, changes, strict=True)):
            if n in won:
                self._context.won(change, turn.delivery)
                for answer in answers[n]:
                    answer()
            else:
                self._overtaken(turn)
        self._context.announce_soon(change for n, change in enumerate(changes) if n in won)

    async def _append_singly(self, turns: list[Turn], error: InvalidParameterValue) -> None:
        """One value that Postgres cannot hold fails its batch: find whose it is."""
        if len(turns) == 1:
            self._lost(turns, error)
            return
        for n, turn in enumerate(turns):
            try:
                await self._append([turn])
            except (LostFlush, asyncio.CancelledError):
                self._lost(turns[n + 1 :], Unavailable(UNKNOWN))
                raise

    def _overtaken(self, turn: Turn) -> None:
        """Somebody else moved the execution, or is about to, or its function has got a limit: look,
        and decide again."""
        self._context.give_back(turn.delivery)
        commands = [command for command, _ in turn.decided]
        claimed = turn.delivery is not None or any(command.claims for command in commands)
        self._tasks.start(self._catch_up(turn.before.id, commands, overtaken=True, claimed=claimed))

    def _lost(self, turns: Sequence[Turn], error: Exception) -> None:
        for turn in turns:
            self._context.give_back(turn.delivery)
            self._context.cache.evict(turn.before.id)
            _fail([command for command, _ in turn.decided], error)

    # deciding

    def _take_turns(self) -> list[Turn]:
        turns: list[Turn] = []
        size = 0
        queue = self._lane.next_queue()
        most = MAX_BATCH_ROWS if queue is self._lane.due else _MAX_WAITING_ROWS
        while queue and len(turns) < most and size < MAX_BATCH_BYTES:
            id_ = queue.popleft()
            commands = self._commands.pop(id_)
            state = self._context.cache.get(id_)
            if state is None:
                self._tasks.start(self._catch_up(id_, commands))
                continue
            turn = self._decide(state, commands)
            if turn.decided:
                self._claim(turn)
                turns.append(turn)
                size += turn.size_bytes
        return turns

    def _decide(self, state: Execution, commands: Sequence[Command]) -> Turn:
        """All commands of one execution, one after the other. A refusal, or a decision to change
        nothing, may come of a stale state: it is made again on a fresh one."""
        turn = Turn(before=state, after=state)
        unsure: list[Command] = []
        for command in commands:
            if command.future.done():
                continue  # its caller has gone
            try:
                decision = command.decide(turn.after, self._context.moment())
            except DomainError:
                unsure.append(command)
            except Exception as error:
                logger.exception("deciding on execution %s failed", state.id)
                command.fail(error)
            else:
                if decision.changes:
                    turn.add(decision)
                    turn.decided.append((command, decision.answer))
                elif command.verify:
                    unsure.append(command)
                else:
                    command.answer(Outcome(decision.answer, decision.after))
        if unsure:
            self._tasks.start(self._catch_up(state.id, unsure))
        return turn

    def _claim(self, turn: Turn) -> None:
        claim = self._context.claim(turn.after)
        if claim is not None:
            turn.add(claim)
            turn.delivery = claim.answer

    # catching up

    async def _catch_up(
        self,
        id_: ExecutionId,
        commands: Sequence[Command],
        *,
        overtaken: bool = False,
        claimed: bool = False,
    ) -> None:
        for command in commands:
            command.attempts += 1
        attempts = max(command.attempts for command in commands)
        try:
            if attempts > _MAX_ATTEMPTS:
                raise Unavailable("The execution is too busy. Repeat the same request.")
            if overtaken and attempts > _PATIENT_ATTEMPTS:
                await asyncio.sleep(0.002 * secrets.randbelow(10))  # somebody holds the row
            current = await self._read(id_)
            function_name = current.identity.function_name
            if claimed and await self._context.limit_was_overlooked(function_name):
                _fail([command for command in commands if command.claims], MustBeCounted())
        except asyncio.CancelledError:
            _fail(commands, Unavailable(GOING))
            raise
        except Exception as error:
            _fail(commands, error)
            return
        for command in commands:
            if not command.future.done():
                self._refuse_or_enqueue(command, current)

    def _refuse_or_enqueue(self, command: Command, current: Execution) -> None:
        """A refusal, or a decision to change nothing, is final on a state that was just read."""
        nobody_waits = command.execution_id not in self._commands
        if nobody_waits and self._context.cache.get(current.id) is current:
            try:
                decision = command.decide(current, self._context.moment())
            except Exception as refusal:
                command.fail(refusal)
                return
            if not decision.changes:
                command.answer(Outcome(decision.answer, decision.after))
                return
        self._enqueue(command, again=True)


def _fail(commands: Sequence[Command], error: Exception) -> None:
    for command in commands:
        command.fail(error)

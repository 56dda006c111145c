"""The log on Postgres: decide on the cached state, append fenced, in groups.

A command waits in the queue of its execution. A flush takes the commands of many executions,
decides them on the cached states, and sends all that was decided as one statement. Who lost the
fence is caught up and decided again in a later flush. An answer is given only after the commit.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from perdure_service.domain.decide_invocation import Delivery, decide_claim
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decision import Decision, Moment, NewExecution
from perdure_service.domain.effects import effects_between
from perdure_service.domain.errors import DomainError, InvalidParameterValue, Unavailable
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Queued, TimerKey
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.clock import Clock
from perdure_service.ports.dispatch import Dispatch
from perdure_service.ports.log import (
    Commit,
    CommitObserver,
    Decide,
    Holder,
    NameLock,
    Outcome,
)
from perdure_service.postgres.append import Change, append_statement, start_statement
from perdure_service.postgres.cache import ExecutionCache
from perdure_service.postgres.lane import Lane, LaneConnection, LostFlush
from perdure_service.postgres.names import read_holder
from perdure_service.postgres.reading import ExecutionReader, ReadPool

T = TypeVar("T")

logger = logging.getLogger(__name__)

_MAX_BATCH_ROWS = 256
_MAX_BATCH_BYTES = 8 * 1_048_576
_MAX_WAITING = 20_000
_MAX_WAITING_PER_EXECUTION = 1_000
_MAX_ATTEMPTS = 50
_GOING = "The service is shutting down. Repeat the same request."
_UNKNOWN = "The write may or may not have been committed. Repeat the same request."


@dataclass(eq=False, slots=True)
class _Command:
    """One caller's wish, waiting for its turn."""

    execution_id: ExecutionId
    decide: Decide[Any]
    verify: bool
    future: asyncio.Future[Outcome[Any]]
    attempts: int = 0


@dataclass(eq=False, slots=True)
class _Start:
    new: NewExecution
    lock: NameLock | None
    future: asyncio.Future[Execution | Holder]


@dataclass(slots=True)
class _Turn:
    """What one flush does to one execution."""

    before: Execution
    after: Execution
    decided: list[tuple[_Command, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    touched: set[TimerKey] = field(default_factory=set)
    children: list[Change] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    delivery: Delivery | None = None

    @property
    def size_bytes(self) -> int:
        before, now = self.before, self.after
        children = sum(child.size_bytes for child in self.children)
        return 400 + now.stored_bytes - before.stored_bytes + children

    def add(self, decision: Decision[Any]) -> None:
        self.after = decision.after
        self.events.extend(decision.events)
        self.touched.update(decision.touched_timers)
        self.children.extend(_born(child, None) for child in decision.children)
        self.heard.extend(decision.heard)

    def change(self) -> Change:
        return Change(
            before=self.before,
            after=self.after,
            events=self.events,
            effects=effects_between(self.before, self.after, self.events, self.touched),
            children=tuple(self.children),
            heard=tuple(self.heard),
        )


class PostgresLog:
    """Implements `ports.log.ExecutionLog`. `run` must be running for writes to go out."""

    def __init__(
        self,
        url: str,
        *,
        pool: ReadPool,
        cache: ExecutionCache,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._reader = ExecutionReader(pool)
        self._cache = cache
        self._clock = clock
        self._dispatch: Dispatch | None = None
        self._observers: list[CommitObserver] = []
        self._append_connection = LaneConnection(url, "appends")
        self._start_connection = LaneConnection(url, "starts")
        self._appends: Lane[ExecutionId] = Lane(self._flush_appends, _MAX_WAITING)
        self._starts: Lane[_Start] = Lane(self._flush_starts, _MAX_WAITING)
        self._commands: dict[ExecutionId, list[_Command]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, dispatch: Dispatch, observers: Sequence[CommitObserver]) -> None:
        """Hand queued invocations to `dispatch`, and tell `observers` of each commit."""
        self._dispatch = dispatch
        self._observers = list(observers)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._appends.run())
                lanes.create_task(self._starts.run())
        finally:
            for task in self._tasks:
                task.cancel()
            self._fail_all_waiting()
            await self._append_connection.close()
            await self._start_connection.close()

    # reading

    async def read(self, id_: ExecutionId) -> Execution:
        cached = self._cache.get(id_)
        current = (
            await self._reader.load(id_) if cached is None else await self._reader.catch_up(cached)
        )
        if current is not cached:
            self._cache.put(current)
        return current

    async def recent(self, id_: ExecutionId) -> Execution:
        return self._cache.get(id_) or await self.read(id_)

    async def warm(self, ids: Sequence[ExecutionId]) -> None:
        cold = [id_ for id_ in ids if self._cache.get(id_) is None]
        for n in range(0, len(cold), _MAX_BATCH_ROWS):
            for execution in await self._reader.load_many(cold[n : n + _MAX_BATCH_ROWS]):
                self._cache.put(execution)

    async def read_at(self, id_: ExecutionId, event_id: int) -> Execution:
        return await self._reader.at(id_, event_id)

    async def events(
        self, id_: ExecutionId, *, after: int, upto: int, limit: int, reverse: bool
    ) -> list[Event]:
        return await self._reader.events(id_, after=after, upto=upto, limit=limit, reverse=reverse)

    # writing

    async def commit(
        self, id_: ExecutionId, decide: Decide[T], *, verify: bool = True
    ) -> Outcome[T]:
        await self.recent(id_)
        future: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()
        self._enqueue(_Command(id_, decide, verify, future))
        return await future

    async def start(self, new: NewExecution, lock: NameLock | None = None) -> Execution | Holder:
        future: asyncio.Future[Execution | Holder] = asyncio.get_running_loop().create_future()
        self._starts.put(_Start(new, lock, future))
        return await future

    def _enqueue(self, command: _Command, *, again: bool = False) -> None:
        waiting = self._commands.get(command.execution_id)
        if waiting is not None:
            if len(waiting) >= _MAX_WAITING_PER_EXECUTION and not again:
                raise Unavailable("The execution is too busy. Repeat the same request later.")
            waiting.append(command)
            return
        self._appends.put(command.execution_id, urgent=again)
        self._commands[command.execution_id] = [command]

    # appends

    async def _flush_appends(self) -> None:
        turns = self._take_turns()
        if not turns:
            return
        changes = [turn.change() for turn in turns]
        sql, parameters = append_statement(changes)
        try:
            won = set(await self._append_connection.execute(sql, parameters))
        except psycopg.DataError as error:
            await self._append_singly(turns, error)
            return
        except LostFlush:
            for turn in turns:
                self._lost(turn, Unavailable(_UNKNOWN))
            raise
        except psycopg.Error as error:
            logger.exception("an append of %d executions failed", len(turns))
            for turn in turns:
                self._lost(turn, error)
            return
        for n, (turn, change) in enumerate(zip(turns, changes, strict=True)):
            if n in won:
                self._won(turn, change)
            else:
                self._overtaken(turn)

    async def _append_singly(self, turns: list[_Turn], error: psycopg.DataError) -> None:
        """One value that Postgres cannot hold fails its batch: find whose it is."""
        if len(turns) == 1:
            self._lost(
                turns[0],
                InvalidParameterValue(f"A value cannot be stored: {error.diag.message_primary}"),
            )
            return
        for n, turn in enumerate(turns):
            change = turn.change()
            try:
                won = await self._append_connection.execute(*append_statement([change]))
            except psycopg.DataError as single:
                await self._append_singly([turn], single)
            except LostFlush:
                for rest in turns[n:]:
                    self._lost(rest, Unavailable(_UNKNOWN))
                raise
            else:
                if won:
                    self._won(turn, change)
                else:
                    self._overtaken(turn)

    def _take_turns(self) -> list[_Turn]:
        turns: list[_Turn] = []
        size = 0
        while self._appends.waiting and len(turns) < _MAX_BATCH_ROWS and size < _MAX_BATCH_BYTES:
            id_ = self._appends.waiting.popleft()
            commands = self._commands.pop(id_, [])
            state = self._cache.get(id_)
            if state is None:
                self._own(self._catch_up_and_retry(id_, commands))
                continue
            turn = self._decide(state, commands)
            if turn is not None:
                turns.append(turn)
                size += turn.size_bytes
        return turns

    def _decide(self, state: Execution, commands: list[_Command]) -> _Turn | None:
        """All commands of one execution in turn. None if nothing is to be written."""
        turn = _Turn(before=state, after=state)
        unsure: list[_Command] = []
        for command in commands:
            if command.future.done():
                continue  # its caller has gone
            try:
                decision = command.decide(turn.after, self._moment())
            except DomainError:
                unsure.append(command)
                continue
            except Exception as error:
                logger.exception("deciding on execution %s failed", state.id)
                command.future.set_exception(error)
                continue
            if decision.changes:
                turn.add(decision)
                turn.decided.append((command, decision.answer))
            elif not command.verify:
                command.future.set_result(Outcome(decision.answer, decision.after))
            else:
                unsure.append(command)
        if unsure:
            self._own(self._catch_up_and_retry(state.id, unsure))
        if not turn.decided:
            return None
        self._claim(turn)
        return turn

    def _claim(self, turn: _Turn) -> None:
        """If a worker waits for just this, the same append hands the invocation over."""
        if self._dispatch is None or not isinstance(turn.after.ledger.invocation, Queued):
            return
        decision = self._reserve(turn.after)
        if decision is not None:
            turn.add(decision)
            turn.delivery = decision.answer

    def _reserve(self, queued: Execution) -> Decision[Delivery | None] | None:
        assert self._dispatch is not None
        moment = self._moment()
        invocation = queued.ledger.invocation
        if not isinstance(invocation, Queued) or invocation.ready_at > queued.effective_now(
            moment.clock
        ):
            return None
        claim = self._dispatch.reserve(queued.identity)
        if claim is None:
            return None
        decision = decide_claim(queued, claim, moment)
        if decision.answer is None:
            self._dispatch.release(claim, queued.identity)
            return decision if decision.changes else None
        return decision

    def _won(self, turn: _Turn, change: Change) -> None:
        self._cache.put(turn.after)
        for command, answer in turn.decided:
            if not command.future.done():
                command.future.set_result(Outcome(answer, turn.after))
        if turn.delivery is not None and self._dispatch is not None:
            self._dispatch.deliver(turn.after, turn.delivery)
        self._tell(change)

    def _overtaken(self, turn: _Turn) -> None:
        """Somebody else moved the execution, or is about to: look, and decide again."""
        self._give_back(turn)
        commands = [command for command, _ in turn.decided]
        self._own(self._catch_up_and_retry(turn.before.id, commands, overtaken=True))

    def _lost(self, turn: _Turn, error: Exception) -> None:
        self._give_back(turn)
        self._cache.evict(turn.before.id)
        for command, _ in turn.decided:
            if not command.future.done():
                command.future.set_exception(error)

    def _give_back(self, turn: _Turn) -> None:
        if turn.delivery is not None and self._dispatch is not None:
            self._dispatch.release(turn.delivery.claim, turn.after.identity)

    async def _catch_up_and_retry(
        self, id_: ExecutionId, commands: list[_Command], *, overtaken: bool = False
    ) -> None:
        for command in commands:
            command.attempts += 1
        tired = [command for command in commands if command.attempts > _MAX_ATTEMPTS]
        if tired:
            _fail(tired, Unavailable("The execution is too busy. Repeat the same request."))
        try:
            current = await self.read(id_)
        except BaseException as error:
            _fail(commands, Unavailable(_GOING) if not isinstance(error, Exception) else error)
            if not isinstance(error, Exception):
                raise
            return
        if overtaken and max(command.attempts for command in commands) > 2:
            await asyncio.sleep(0.002 * secrets.randbelow(10))  # another replica holds the row
        for command in commands:
            if not command.future.done():
                self._refuse_or_enqueue(command, current)

    def _refuse_or_enqueue(self, command: _Command, current: Execution) -> None:
        """A refusal, or a decision to change nothing, is final on a state that was just read."""
        if command.execution_id not in self._commands and self._cache.get(current.id) is current:
            try:
                decision = command.decide(current, self._moment())
            except Exception as refusal:
                command.future.set_exception(refusal)
                return
            if not decision.changes:
                command.future.set_result(Outcome(decision.answer, decision.after))
                return
        self._enqueue(command, again=True)

    # starts

    async def _flush_starts(self) -> None:
        starts, changes, deliveries = self._take_starts()
        if not starts:
            return
        sql, parameters = start_statement(changes, self._clock.now())
        try:
            won = set(await self._start_connection.execute(sql, parameters))
        except (LostFlush, psycopg.Error) as error:
            unavailable = isinstance(error, LostFlush)
            for start, change, delivery in zip(starts, changes, deliveries, strict=True):
                self._release(change.after, delivery)
                if not start.future.done():
                    start.future.set_exception(Unavailable(_UNKNOWN) if unavailable else error)
            if unavailable:
                raise
            logger.exception("starting %d executions failed", len(starts))
            return
        for n, (start, change, delivery) in enumerate(
            zip(starts, changes, deliveries, strict=True)
        ):
            if n in won:
                self._cache.put(change.after)
                if delivery is not None and self._dispatch is not None:
                    self._dispatch.deliver(change.after, delivery)
                if not start.future.done():
                    start.future.set_result(change.after)
                self._tell(change)
            else:
                self._release(change.after, delivery)
                self._own(self._answer_holder(start))

    def _take_starts(self) -> tuple[list[_Start], list[Change], list[Delivery | None]]:
        taken: list[_Start] = []
        names: set[tuple[str, str, str]] = set()
        later: list[_Start] = []
        size = 0
        while self._starts.waiting and len(taken) < _MAX_BATCH_ROWS and size < _MAX_BATCH_BYTES:
            start = self._starts.waiting.popleft()
            if start.lock is not None:
                identity = start.new.identity
                name = (identity.account, identity.function_name, start.lock.name)
                if name in names:
                    later.append(start)  # one row is written once per statement
                    continue
                names.add(name)
            taken.append(start)
            size += len(start.new.input) + 400
        for start in reversed(later):
            self._starts.put(start, urgent=True)
        changes: list[Change] = []
        deliveries: list[Delivery | None] = []
        for start in taken:
            decision: Decision[Any] = decide_start(start.new, self._moment())
            claimed = self._reserve(decision.after) if self._dispatch is not None else None
            changes.append(_born(decision, start.lock, claimed))
            deliveries.append(claimed.answer if claimed is not None else None)
        return taken, changes, deliveries

    async def _answer_holder(self, start: _Start) -> None:
        """The name was taken: say by whom. If it has become free meanwhile, try again."""
        assert start.lock is not None
        try:
            holder = await read_holder(self._pool, start.new.identity, start.lock.name)
            if holder is None:
                self._starts.put(start, urgent=True)
            elif not start.future.done():
                start.future.set_result(holder)
        except Exception as error:
            if not start.future.done():
                start.future.set_exception(error)

    def _release(self, execution: Execution, delivery: Delivery | None) -> None:
        if delivery is not None and self._dispatch is not None:
            self._dispatch.release(delivery.claim, execution.identity)

    # both

    def _tell(self, change: Change) -> None:
        commit = Commit(change.before, change.after, change.events, change.effects)
        for observer in self._observers:
            try:
                observer(commit)
            except Exception:
                logger.exception("an observer of commits failed")
        for child in change.children:
            self._cache.put(child.after)
            self._tell(child)

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), secrets.randbits(63))

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail_all_waiting(self) -> None:
        gone = Unavailable(_GOING)
        for commands in self._commands.values():
            _fail(commands, gone)
        for start in self._starts.waiting:
            if not start.future.done():
                start.future.set_exception(gone)


def _fail(commands: Sequence[_Command], error: Exception) -> None:
    for command in commands:
        if not command.future.done():
            command.future.set_exception(error)


def _born(
    decision: Decision[Any],
    lock: NameLock | None,
    claimed: Decision[Any] | None = None,
) -> Change:
    """The change that starts an execution, with its first claim if there is one."""
    last = decision if claimed is None else claimed
    events = (*decision.events, *(claimed.events if claimed is not None else ()))
    touched = decision.touched_timers | (
        claimed.touched_timers if claimed is not None else frozenset()
    )
    return Change(
        before=None,
        after=last.after,
        events=events,
        effects=effects_between(None, last.after, events, touched),
        lock=lock,
    )

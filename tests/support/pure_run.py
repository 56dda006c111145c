"""Runs the SDK's programs without threads, loop or clock: `choose` decides what happens next.

Whatever can happen at a time is offered: a branch goes one effect further, the service takes a
checkpoint, an operation that is waited for ends. A choice may also be to crash. So a test draws
schedules, and all of them must lead to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from perdure.core.effects import (
    Branch,
    Call,
    Cancelled,
    Commit,
    Crew,
    Dismiss,
    Effect,
    Join,
    Park,
    Program,
    Spawn,
)
from perdure.core.replay import Replay
from perdure.core.scope import Scope
from perdure.exceptions import OrphanedChildException
from perdure.service_api import Operation, OperationUpdate

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/e1"

Body = Callable[[Scope], Program]
"""A handler: what it does with its scope, as a program."""

Choose = Callable[[int], int]
"""Which of so many things happens next; -1 is a crash."""


class Crashed(Exception):
    """The process is gone; what was not told to the service is lost."""


class Suspended(Exception):
    """Everything waits for operations that only another invocation sees the end of."""


@dataclass(slots=True)
class Records:
    """The service, as far as one program can tell: what it keeps of updates."""

    operations: dict[str, Operation] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)

    def take(self, update: OperationUpdate) -> Operation:
        known: dict[str, Any] = dict(self.operations.get(update["Id"]) or {})
        action = update["Action"]
        assert not (action == "START" and known and known["Status"] != "READY"), update
        assert known or action == "START", update
        assert not known or known["Status"] in ("STARTED", "READY"), (known, update)
        given: dict[str, Any] = dict(update)
        known |= {name: given[name] for name in _IDENTITY if name in given}
        known["Status"] = _STATUSES[action]
        details = dict(known.get(_DETAILS[update["Type"]]) or {})
        if "Payload" in update:
            details["Result"] = update["Payload"]
        if "Error" in update:
            details["Error"] = update["Error"]
        if update.get("ContextOptions", {}).get("ReplayChildren"):
            details["ReplayChildren"] = True
        if update["Type"] == "STEP" and action != "START":
            details["Attempt"] = details.get("Attempt", 0) + 1
        if update["Type"] == "CALLBACK":
            details["CallbackId"] = f"callback {update['Id'][:8]}"
        known[_DETAILS[update["Type"]]] = details
        self.operations[update["Id"]] = cast("Operation", known)
        return self.operations[update["Id"]]

    def end(self, id_: str) -> Operation:
        """What is waited for outside has come."""
        known: dict[str, Any] = dict(self.operations[id_])
        known["Status"] = "READY" if known["Status"] == "PENDING" else "SUCCEEDED"
        self.operations[id_] = cast("Operation", known)
        return self.operations[id_]

    def shown(self) -> list[Operation]:
        """What a new invocation is told: nothing below a context that is done and small."""
        return [each for each in self.operations.values() if not self._is_hidden(each)]

    def _is_hidden(self, operation: Operation) -> bool:
        parent = self.operations.get(operation.get("ParentId") or "")
        if parent is None:
            return False
        done = parent["Status"] in ("SUCCEEDED", "FAILED")
        kept = (parent.get("ContextDetails") or {}).get("ReplayChildren")
        return (done and not kept) or self._is_hidden(parent)


_IDENTITY = ("Id", "Type", "Name", "SubType", "ParentId")
_STATUSES = {
    "START": "STARTED",
    "SUCCEED": "SUCCEEDED",
    "FAIL": "FAILED",
    "RETRY": "PENDING",
    "CANCEL": "CANCELLED",
}
_DETAILS = {
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
    "CONTEXT": "ContextDetails",
}


@dataclass(slots=True, eq=False)
class _Strand:
    """One line of programs that call each other: `effect` is what the innermost asks for."""

    stack: list[Program]
    effect: Effect
    crew: Crew | None = None
    index: int = 0
    committed_at: int | None = None
    gone: bool = False


class _Run:
    def __init__(self, records: Records, choose: Choose) -> None:
        self.records = records
        self.choose = choose
        self.replay = Replay(ARN, records.shown(), lambda scope, func: scope)
        self.strands: list[_Strand] = []
        self.result: Any = None
        self.error: BaseException | None = None

    def play(self, handler: Body) -> Any:
        root = self._begin([handler(Scope(self.replay, None, None, None))])
        while root is not None and not root.gone:
            moves = [*self._ready(), *self._outside()]
            if not moves:
                raise Suspended
            chosen = self.choose(len(moves))
            if chosen < 0:
                raise Crashed
            moves[chosen % len(moves)]()
        if self.error is not None:
            raise self.error
        return self.result

    # -- what can happen -------------------------------------------------------------------------

    def _ready(self) -> Iterable[Callable[[], None]]:
        if self.replay.outbox:
            yield self._checkpoint
        for strand in self.strands:
            if not strand.gone and self._can_go_on(strand):
                yield lambda strand=strand: self._go_on(strand)  # type: ignore[misc]

    def _can_go_on(self, strand: _Strand) -> bool:
        match strand.effect:
            case Commit():
                return (strand.committed_at or 0) <= self.replay.kept
            case Park(place=place, seen=seen):
                now = self.replay.operations.get(place.id)
                return now is not None and now["Status"] != seen["Status"]
            case Join(crew=crew):
                return bool(crew.ended)
        return True

    def _outside(self) -> Iterable[Callable[[], None]]:
        """An operation that is waited for may end while others still run."""
        if not any(not each.gone and self._can_go_on(each) for each in self.strands):
            return
        for strand in self.strands:
            if not strand.gone and isinstance(strand.effect, Park):
                place = strand.effect.place
                if not self._can_go_on(strand) and place.id in self.records.operations:
                    yield lambda id_=place.id: self._end(id_)  # type: ignore[misc]

    def _end(self, id_: str) -> None:
        if self.records.operations[id_]["Status"] in ("STARTED", "PENDING"):
            self.replay.sent(0, [self.records.end(id_)])

    def _checkpoint(self) -> None:
        taken = self.replay.take()
        self.replay.sent(len(taken), [self.records.take(update) for update in taken])

    # -- strands ---------------------------------------------------------------------------------

    def _begin(
        self, stack: list[Program], effect: Effect | None = None, crew: Crew | None = None
    ) -> _Strand | None:
        strand = _Strand(stack, effect or cast("Any", None), crew)
        self.strands.append(strand)
        if effect is None:
            self._advance(strand, None, None)
        return strand

    def _go_on(self, strand: _Strand) -> None:
        effect = strand.effect
        value: Any = None
        error: BaseException | None = None
        match effect:
            case Call():
                try:
                    value = effect.func(*effect.args)
                except Exception as raised:
                    error = raised
                if hasattr(value, "send"):
                    strand.stack.append(value)
                    value = None
            case Spawn(crew=crew, branch=branch):
                self._spawn(crew, branch)
            case Dismiss():
                self._dismiss()
        self._advance(strand, value, error)

    def _spawn(self, crew: Crew, branch: Branch) -> None:
        crew.open[branch.index] = branch
        strand = self._begin([branch.program], branch.effect, crew)
        assert strand is not None
        strand.index = branch.index

    def _dismiss(self) -> None:
        for strand in list(self.strands):
            if strand.gone or not isinstance(strand.effect, Park | Join):
                continue
            place = strand.effect.place if isinstance(strand.effect, Park) else None
            try:
                if place is not None:
                    place.scope.check_open()
            except OrphanedChildException as orphaned:
                self._advance(strand, None, orphaned)

    def _advance(self, strand: _Strand, value: Any, error: BaseException | None) -> None:
        """To the strand's next effect, through the ends of its programs."""
        while strand.stack:
            program = strand.stack[-1]
            try:
                strand.effect = program.throw(error) if error else program.send(value)
            except StopIteration as done:
                strand.stack.pop()
                value, error = done.value, None
            except BaseException as raised:
                strand.stack.pop()
                value, error = None, raised
            else:
                if isinstance(strand.effect, Commit):
                    strand.committed_at = self.replay.queued
                return
        strand.gone = True
        if strand.crew is None:
            self.result, self.error = value, error
        else:
            strand.crew.open.pop(strand.index, None)
            strand.crew.ended.append((strand.index, value, error))


def play(handler: Body, choose: Choose, *, max_invocations: int = 200) -> tuple[Any, Records]:
    """The handler's result over as many invocations as it takes. Raises what it raises."""
    records = Records()
    for _ in range(max_invocations):
        run = _Run(records, choose)
        try:
            return run.play(handler), records
        except Suspended:
            for id_, operation in list(records.operations.items()):
                if operation["Status"] in ("STARTED", "PENDING") and operation["Type"] != "CONTEXT":
                    if operation["Type"] == "STEP" and operation["Status"] == "STARTED":
                        continue
                    records.end(id_)
        except Crashed:
            continue
    raise AssertionError(f"not done after {max_invocations} invocations")


__all__ = ["Body", "Cancelled", "Records", "play"]

"""What one flush does to one execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from perdure_service.domain.decide_invocation import Delivery
from perdure_service.domain.decision import Decision
from perdure_service.domain.effects import effects_between
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, TimerKey
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.log import Decide, NameLock, Outcome
from perdure_service.postgres.rows import Change


@dataclass(eq=False, slots=True)
class Command:
    """One caller's wish, waiting for its turn, and what he wants to be shown of the outcome. If it
    `claims`, a limit of the function ends it."""

    execution_id: ExecutionId
    decide: Decide[Any]
    show: Callable[[Outcome[Any]], Any]
    verify: bool
    future: asyncio.Future[Any]
    claims: bool = False
    attempts: int = 0

    def answer(self, outcome: Outcome[Any]) -> None:
        self.shown(outcome)()

    def shown(self, outcome: Outcome[Any]) -> Callable[[], None]:
        """The answer, ready to be given if this becomes the outcome."""
        try:
            answer = self.show(outcome)
        except Exception as error:
            return partial(self.fail, error)
        return partial(self._resolve, answer)

    def _resolve(self, answer: Any) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True)
class Turn:
    """The commands decided for one execution, in order, and all that follows from them."""

    before: Execution
    after: Execution
    decided: list[tuple[Command, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    touched: set[TimerKey] = field(default_factory=set)
    children: list[Change] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    delivery: Delivery | None = None

    @property
    def size_bytes(self) -> int:
        """About what the append of this turn sends."""
        before, now = self.before, self.after
        children = sum(child.size_bytes for child in self.children)
        letter = len(now.input or "") if now.is_closed and now.identity.dead_letter_target else 0
        return 400 + now.stored_bytes - before.stored_bytes + children + letter

    def answers(self) -> list[Callable[[], None]]:
        """To be given when the change is committed."""
        return [command.shown(Outcome(answer, self.after)) for command, answer in self.decided]

    def add(self, decision: Decision[Any]) -> None:
        self.after = decision.after
        self.events.extend(decision.events)
        self.touched.update(decision.touched_timers)
        self.children.extend(birth(child) for child in decision.children)
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


def birth(
    start: Decision[Any], lock: NameLock | None = None, claim: Decision[Any] | None = None
) -> Change:
    """The change that starts an execution, with its first claim if a worker was waiting."""
    decisions = (start,) if claim is None else (start, claim)
    after = decisions[-1].after
    events = [event for decision in decisions for event in decision.events]
    touched = {key for decision in decisions for key in decision.touched_timers}
    return Change(
        before=None,
        after=after,
        events=events,
        effects=effects_between(None, after, events, touched),
        lock=lock,
    )

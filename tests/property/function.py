"""What the world outside the service has been told: by the rules, not by the code."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from perdure_service.domain.decide_checkpoint import Accepted, Checkpoint, Repeated
from perdure_service.domain.decide_invocation import Delivery
from perdure_service.domain.decision import Decision
from perdure_service.domain.errors import DomainError, InvalidCheckpointToken
from perdure_service.domain.events import ChainedTarget
from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.ids import InvocationId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import CLIENT_TOKEN_WINDOW_SECONDS
from perdure_service.domain.operations import Operation, Status
from perdure_service.domain.tokens import CheckpointToken
from perdure_service.domain.views import changed_between, changed_operations
from tests.property.expectations import told_of_state
from tests.property.simulated_store import Store

Shown = tuple[Operation, Status]


@dataclass(frozen=True)
class View:
    """An answer as the function reads it."""

    token: CheckpointToken | None
    operations: tuple[Shown, ...]


@dataclass(frozen=True)
class Answered:
    """A checkpoint that was accepted, and what it was answered."""

    checkpoint: Checkpoint
    view: View
    upto: Sight


def shown(operations: list[Operation], now: Instant) -> tuple[Shown, ...]:
    return tuple((operation, operation.status_at(now)) for operation in operations)


@dataclass
class Function:
    """The function's side of one execution, all invocations together. Its containers are replaced,
    never changed, so that a copy is a snapshot."""

    running: InvocationId | None = None
    token: CheckpointToken | None = None
    knows: dict[str, Shown] = field(default_factory=dict)
    delivered: Sight = Sight()
    seen: Sight = Sight()
    suspended: Sight = Sight()
    was_cut_short: bool = False
    last: Answered | None = None
    requests: tuple[Checkpoint, ...] = ()
    heartbeats: dict[str, Instant] = field(default_factory=dict)
    children: int = 0

    def snapshot(self) -> Function:
        return copy.copy(self)

    def is_handed(self, decision: Decision[Delivery | None]) -> None:
        """A claim: the newest token and all of the state, to one worker at a time."""
        delivery = decision.answer
        if delivery is None:
            return
        assert self.running is None, "two invocations in flight"
        told = set(delivery.updated_operation_ids)
        assert told == told_of_state(decision.after, self.suspended, delivery.upto)
        self.running = delivery.claim.invocation_id
        self.token = delivery.token
        self.knows = {
            operation.id: (operation, operation.status_at(delivery.upto.now))
            for operation in decision.after.operations.values()
        }
        self.delivered = self.seen = delivery.upto
        self.was_cut_short = False
        self.last = None

    def checkpoints(
        self,
        checkpoint: Checkpoint,
        outcome: Decision[Any] | DomainError,
        decided_on: Execution,
        clock: Instant,
        store: Store,
    ) -> None:
        """A checkpoint was decided on that state at that time."""
        self.requests += (checkpoint,)
        now = decided_on.effective_now(clock)
        if self._repeats(checkpoint, now):
            assert isinstance(outcome, Decision)
            assert not outcome.changes
            self._is_answered_again(outcome.answer, store)
        elif isinstance(outcome, Decision):
            self._is_answered(checkpoint, outcome)
        elif isinstance(outcome, InvalidCheckpointToken):
            runs = self.running is not None and not decided_on.is_closed
            in_time = now < decided_on.times_out_at
            assert not (runs and in_time and checkpoint.token == self.token), "a good token refused"
        else:
            assert checkpoint.token == self.token, "judged although its token is not valid"

    def suspends(self) -> None:
        """The invocation ended well; what it was shown it need not be told of again."""
        self.suspended = self.seen
        self.ends()

    def ends(self) -> None:
        """The invocation is over, or was never begun: its token is worth nothing now."""
        self.running = None
        self.token = None

    def _repeats(self, checkpoint: Checkpoint, now: Instant) -> bool:
        """The last accepted request once more, in its window and before the next invocation."""
        if self.last is None or checkpoint.client_token is None:
            return False
        last = self.last.checkpoint
        same = (checkpoint.token, checkpoint.client_token) == (last.token, last.client_token)
        return same and now <= after(self.last.upto.now, CLIENT_TOKEN_WINDOW_SECONDS)

    def _is_answered(self, checkpoint: Checkpoint, decision: Decision[Accepted]) -> None:
        assert checkpoint.token == self.token, "a token was valid twice, or never"
        accepted, execution = decision.answer, decision.after
        assert accepted.upto == execution.ledger.seen
        view = View(
            accepted.token,
            shown(changed_operations(execution, accepted.changed), accepted.upto.now),
        )
        for operation, status in view.operations:
            assert self.knows.get(operation.id) != (operation, status), "told what it knew"
        self.knows = {**self.knows, **{o.id: (o, status) for o, status in view.operations}}
        for operation in execution.operations.values():
            assert self.knows[operation.id] == (operation, operation.status_at(accepted.upto.now))
        assert (execution.id in self.knows) == execution.is_closed
        pausing = execution.ledger.pausing is not None
        assert (accepted.token is None) == (execution.is_closed or pausing)
        self.token = accepted.token
        self.was_cut_short = pausing
        if not pausing:  # else the function throws the answer away
            self.seen = accepted.upto
        self.last = Answered(checkpoint, view, accepted.upto)
        self._starts_children(decision)

    def _is_answered_again(self, repeated: Repeated, store: Store) -> None:
        assert self.last is not None
        assert isinstance(repeated, Repeated)
        then = store.read_at(repeated.upto.event_id)
        changed = changed_between(then, repeated.since, repeated.upto)
        view = View(
            repeated.token,
            shown(changed_operations(then, changed), repeated.upto.now),
        )
        assert view == self.last.view, "the same request was answered differently"

    def _starts_children(self, decision: Decision[Accepted]) -> None:
        arns = [
            event.detail.execution_arn
            for event in decision.events
            if isinstance(event.detail, ChainedTarget) and event.detail.executed_version
        ]
        assert [child.after.identity.arn for child in decision.children] == arns
        self.children += len(arns)

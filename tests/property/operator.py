"""Operators, and what they may expect of their requests: by the rules, not by the code."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from perdure_service.domain.decide_pause import PauseRequest, ResumeRequest
from perdure_service.domain.decision import Decision
from perdure_service.domain.errors import DomainError, ResourceConflict
from perdure_service.domain.execution import OUTCOMES, Execution, ExecutionStatus, Queued
from perdure_service.domain.instant import Instant, after

S = ExecutionStatus
WINDOW_SECONDS = 15 * 60
REMEMBERED = 16

Request = PauseRequest | ResumeRequest


@dataclass
class Operator:
    """Whoever pauses, resumes and deletes. Containers are replaced, so that a copy is a snapshot.
    `accepted` are the requests that carried a token, with the time of their acceptance."""

    accepted: tuple[tuple[Request, Instant], ...] = ()
    deleted_at: Instant | None = None

    def snapshot(self) -> Operator:
        return copy.copy(self)

    def asked(
        self,
        request: Request,
        outcome: Decision[Any] | DomainError,
        decided_on: Execution,
        clock: Instant,
    ) -> None:
        """A pause or a resume was decided on that state at that time."""
        now = decided_on.effective_now(clock)
        remembered = [one for one, at in self.accepted if now <= after(at, WINDOW_SECONDS)]
        if request.client_token and request in remembered[-REMEMBERED:]:
            assert isinstance(outcome, Decision), "a repeat was refused"
            assert not outcome.changes, "a repeat had an effect"
            return
        wanted = (S.RUNNING,) if isinstance(request, PauseRequest) else (S.PAUSING, S.PAUSED)
        in_time = now < decided_on.times_out_at
        if decided_on.status not in wanted or not in_time:
            assert isinstance(outcome, ResourceConflict), outcome
            return
        assert isinstance(outcome, Decision), outcome
        if request.client_token:
            self.accepted += ((request, now),)
        after_it = outcome.after.status
        if isinstance(request, ResumeRequest):
            assert after_it is S.RUNNING
            return
        runs = decided_on.status is S.RUNNING and _is_in_flight(decided_on)
        assert after_it is (S.PAUSING if runs else S.PAUSED)

    def deletes(
        self, outcome: Decision[Any] | DomainError, decided_on: Execution, clock: Instant
    ) -> None:
        now = decided_on.effective_now(clock)
        if self.deleted_at is not None:
            assert isinstance(outcome, Decision)
            assert not outcome.changes
            assert outcome.answer == self.deleted_at
        elif decided_on.status in OUTCOMES or now >= decided_on.times_out_at:
            assert isinstance(outcome, Decision), outcome
            assert outcome.after.status is S.DELETING
            self.deleted_at = outcome.answer
        else:
            assert isinstance(outcome, ResourceConflict), outcome


def _is_in_flight(execution: Execution) -> bool:
    invocation = execution.ledger.invocation
    return invocation is not None and not isinstance(invocation, Queued)

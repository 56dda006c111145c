"""A plain invocation that nobody is there to make is taken back."""

from __future__ import annotations

from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution, Queued
from perdure_service.domain.operations import ErrorObject


def has_never_begun(execution: Execution) -> bool:
    """True if it is queued and was never claimed for a worker: no code of it can have run."""
    ledger = execution.ledger
    return isinstance(ledger.invocation, Queued) and ledger.invocation_id is None


def decide_withdraw(execution: Execution, error: ErrorObject, moment: Moment) -> Decision[bool]:
    """It fails, and True is answered, unless a worker has been given it or it is durable: then it
    is kept."""
    if execution.is_closed or execution.identity.durable or not has_never_begun(execution):
        return nothing(execution, False)
    draft = Draft(execution, moment)
    draft.close(EventType.EXECUTION_FAILED, error=error)
    return draft.settle(True)

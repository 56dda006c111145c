"""The callbacks of a runner's executions, as a test completes them: now, later, or on opening."""

from __future__ import annotations

from perdure.testing.answers import CallbackDecide
from perdure.testing.arguments import seconds_of
from perdure.testing.engine import Engine
from perdure.testing.errors import RequestRefused
from perdure.testing.history_text import history_text
from perdure.testing.service import KEYS
from perdure_service.domain.effects import CallbackRow
from perdure_service.domain.errors import CallbackTimeout, DomainError
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import after


class Callbacks:
    """Those of all executions of one engine; nothing is invoked by what they are told.

    What the service refuses raises RequestRefused. What was planned for later is dropped if the
    callback has timed out by then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, name: str, decide: CallbackDecide, after_seconds: float) -> None:
        """From now on, every callback of that name when it has been open for so long."""
        seconds = seconds_of(after_seconds, "after_seconds")

        def answer(id_: ExecutionId, callback: CallbackRow) -> None:
            callback_id = KEYS.issue_callback_id(id_, callback.operation_id)
            self._plan(callback_id, decide, seconds)

        self._engine.answers[name] = answer

    def send(self, callback_id: str, decide: CallbackDecide, after_seconds: float) -> None:
        """To the one of that id, now or after so long."""
        if seconds := seconds_of(after_seconds, "after_seconds"):
            self._plan(callback_id, decide, seconds)
        else:
            self._complete(callback_id, decide, late=False)

    def _plan(self, callback_id: str, decide: CallbackDecide, seconds: float) -> None:
        due_at = after(self._engine.clock.now, seconds)
        self._engine.at(due_at, lambda: self._complete(callback_id, decide, late=True))

    def _complete(self, callback_id: str, decide: CallbackDecide, *, late: bool) -> None:
        try:
            address = KEYS.read_callback_id(callback_id)
            self._engine.store.commit(
                address.execution_id,
                lambda execution, moment: decide(execution, address.operation_id, moment),
            )
        except DomainError as refused:
            if late and isinstance(refused, CallbackTimeout):
                return
            told = self._history_of(callback_id)
            raise RequestRefused(f"{refused.message}. {told}") from None

    def _history_of(self, callback_id: str) -> str:
        try:
            address = KEYS.read_callback_id(callback_id)
            record = self._engine.store.record(address.execution_id)
        except DomainError:
            return "Take the id of a callback that this runner opened, as `open_callbacks` has it."
        operation = record.live.operations.get(address.operation_id)
        named = f"'{operation.name}' is {operation.status}" if operation is not None else "unknown"
        return f"The callback {named}.\n{history_text(record)}"

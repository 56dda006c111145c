"""The three callback operations: somebody outside speaks for a waiting CALLBACK."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.folding import utf8_size
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.tokens import KeyRing
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class CompleteCallback:
    """All three raise InvalidParameterValue for an id that was never issued, ResourceNotFound if
    the execution is gone, and CallbackTimeout if the callback is no longer open."""

    log: ExecutionLog
    keys: KeyRing
    limits: Limits

    async def succeed(self, callback_id: str, result: str | None) -> None:
        address = self.keys.read_callback_id(callback_id)
        limit = self.limits.operation_payload_bytes
        if utf8_size(result) > limit:
            raise InvalidParameterValue(
                f"Callback result size must be less than or equal to {limit} bytes."
            )
        await self.log.commit(
            address.execution_id,
            lambda execution, moment: decide_callback_success(
                execution, address.operation_id, result, moment
            ),
        )

    async def fail(self, callback_id: str, error: ErrorObject) -> None:
        address = self.keys.read_callback_id(callback_id)
        limit = self.limits.error_bytes
        if error.size_bytes > limit:
            raise InvalidParameterValue(
                f"Error object size must be less than or equal to {limit} bytes."
            )
        await self.log.commit(
            address.execution_id,
            lambda execution, moment: decide_callback_failure(
                execution, address.operation_id, error, moment
            ),
        )

    async def heartbeat(self, callback_id: str) -> None:
        address = self.keys.read_callback_id(callback_id)
        await self.log.commit(
            address.execution_id,
            lambda execution, moment: decide_callback_heartbeat(
                execution, address.operation_id, moment
            ),
        )

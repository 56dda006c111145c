"""Callers who wait for an execution that has not begun, while nobody is left to run it.

What is started in the moment in which the last worker of a runtime goes waits in the queue. If no
worker comes back in time, whoever calls is refused from then on, and who waits already is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.served_runtimes import ServedRuntimes
from perdure_service.domain.decide_withdraw import decide_withdraw, has_never_begun
from perdure_service.domain.errors import ResourceConflict, ResourceNotFound, Unavailable
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.operations import ErrorObject
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.log import ExecutionLog


class KeptUnserved(Exception):
    """The execution stays queued for a worker to come. `error` is what its caller is told."""

    def __init__(self, error: ErrorObject) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class UnservedWaits:
    log: ExecutionLog
    catalogue: FunctionCatalogue
    runtimes: ServedRuntimes

    async def check(self, id_: ExecutionId) -> None:
        """Whether it is worth to wait on. What has begun, or can begin, always is. A plain
        invocation that cannot is withdrawn, and ResourceConflict raised: nothing has run, and
        nothing will. A durable execution is kept, since others may know it by its name already:
        raises KeptUnserved. Nothing is decided while the database is away."""
        try:
            execution = await self.log.recent(id_)
            if not has_never_begun(execution):
                return
            version = await self.catalogue.by_id(execution.identity.function_version_id)
            refusal = await self.runtimes.refusal(version)
            if refusal is None:
                return
            if not execution.identity.durable:
                await self._withdraw(id_, refusal)
            elif has_never_begun(await self.log.read(id_)):
                raise KeptUnserved(_kept(version))
        except (Unavailable, ResourceNotFound):
            return  # what is deleted fails soon, and is waited for

    async def _withdraw(self, id_: ExecutionId, refusal: ResourceConflict) -> None:
        error = ErrorObject(type="ResourceConflictException", message=refusal.message)
        outcome = await self.log.commit(
            id_, lambda current, moment: decide_withdraw(current, error, moment)
        )
        if outcome.answer:
            raise refusal


def _kept(version: FunctionVersion) -> ErrorObject:
    return ErrorObject(
        type="ResourceConflictException",
        message=f"No worker serves the runtime {version.runtime} of function "
        f"'{version.function_name}' any more, so the execution has not begun. It is kept, and "
        f"runs when one comes: start a worker with `perdure worker --pool {version.runtime}`, and "
        "read its outcome with GetDurableExecution.",
    )

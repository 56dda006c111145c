"""What the tables say about claimed invocations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId


class ClaimStore(Protocol):
    """Raises Unavailable while Postgres cannot be reached."""

    async def of_worker(self, worker_id: WorkerId) -> Sequence[tuple[ExecutionId, InvocationId]]:
        """All that is claimed for this worker."""
        ...

    async def execution_of(self, invocation_id: InvocationId) -> ExecutionId | None:
        """The execution that this invocation, still in flight, belongs to."""
        ...

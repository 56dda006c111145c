"""Recently used executions, bounded by what they weigh."""

from __future__ import annotations

from collections import OrderedDict

from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import ExecutionId


class ExecutionCache:
    """Least recently used go first once the total passes `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._executions: OrderedDict[ExecutionId, Execution] = OrderedDict()

    def get(self, id_: ExecutionId) -> Execution | None:
        execution = self._executions.get(id_)
        if execution is not None:
            self._executions.move_to_end(id_)
        return execution

    def put(self, execution: Execution) -> None:
        """Hold `execution`, unless a newer state of it is held already."""
        held = self._executions.get(execution.id)
        if held is not None:
            if held.ledger.version > execution.ledger.version:
                return
            self._held_bytes -= held.weight_bytes
        self._executions[execution.id] = execution
        self._executions.move_to_end(execution.id)
        self._held_bytes += execution.weight_bytes
        while self._held_bytes > self._max_bytes and len(self._executions) > 1:
            _, oldest = self._executions.popitem(last=False)
            self._held_bytes -= oldest.weight_bytes

    def evict(self, id_: ExecutionId) -> None:
        execution = self._executions.pop(id_, None)
        if execution is not None:
            self._held_bytes -= execution.weight_bytes

    def clear(self) -> None:
        """Forget all: after the connection broke, the server may be another one, restored or failed
        over to, whose log went on from an earlier state than ours."""
        self._executions.clear()
        self._held_bytes = 0

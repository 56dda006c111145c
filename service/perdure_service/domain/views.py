"""What readers are shown of an execution's operations: state pages and deltas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.folding import stored_size, utf8_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.operations import Operation, OperationType, Status

_OPERATION_OVERHEAD_BYTES = 400


@frozen
class OperationPage:
    """Operations in start order, as seen at `upto.now`. `next_position` is None on the last page;
    else the sequence of the last operation shown."""

    operations: tuple[Operation, ...]
    upto: Sight
    next_position: int | None


def visible_operations(execution: Execution) -> list[Operation]:
    """All operations that a replay needs, EXECUTION first, in start order.

    What lies below a closed CONTEXT is left out, unless the context asked to keep its children.
    """
    hides: dict[str, bool] = {}

    def hidden_below(context_id: str | None) -> bool:
        path: list[str] = []
        verdict = False
        while context_id is not None:
            known = hides.get(context_id)
            if known is not None:
                verdict = known
                break
            context = execution.operations.get(context_id)
            if context is None:
                break
            path.append(context_id)
            if context.is_closed and not context.replay_children:
                verdict = True
                break
            context_id = context.parent_id
        for below in path:
            hides[below] = verdict
        return verdict

    shown = [
        operation
        for operation in execution.operations.values()
        if not hidden_below(operation.parent_id)
    ]
    shown.sort(key=lambda operation: operation.sequence)
    return [execution.execution_operation(), *shown]


def changed_operations(execution: Execution, ids: Iterable[str]) -> list[Operation]:
    """The operations named by `ids`, in start order."""
    found = [
        execution.execution_operation() if id_ == execution.id else execution.operations.get(id_)
        for id_ in ids
    ]
    known = [operation for operation in found if operation is not None]
    known.sort(key=lambda operation: operation.sequence)
    return known


def changed_between(execution: Execution, since: Sight, upto: Sight) -> list[str]:
    """The ids that changed after `since`, in an execution folded exactly up to `upto`."""
    ids = [
        operation.id
        for operation in execution.operations.values()
        if operation.last_event_id > since.event_id or became_ready(operation, since, upto)
    ]
    if execution.is_closed:
        ids.append(execution.id)
    return ids


def became_ready(operation: Operation, since: Sight, upto: Sight) -> bool:
    """True if it waits for a retry that fell due after `since`."""
    due = operation.next_attempt_at
    return operation.status is Status.PENDING and due is not None and since.now < due <= upto.now


def page(
    operations: Sequence[Operation],
    upto: Sight,
    *,
    after_position: int,
    max_items: int,
    max_bytes: int,
    execution_input: str | None = None,
) -> OperationPage:
    """The operations after `after_position`, at most `max_items` and about `max_bytes`; at least
    one if any is left. `execution_input` counts with the EXECUTION operation."""
    chosen: list[Operation] = []
    size = 0
    for operation in operations:
        if operation.sequence <= after_position:
            continue
        size += _OPERATION_OVERHEAD_BYTES + stored_size(operation.result, operation.error)
        if operation.type is OperationType.EXECUTION:
            size += utf8_size(execution_input)
        if chosen and (len(chosen) == max_items or size > max_bytes):
            return OperationPage(tuple(chosen), upto, chosen[-1].sequence)
        chosen.append(operation)
    return OperationPage(tuple(chosen), upto, None)

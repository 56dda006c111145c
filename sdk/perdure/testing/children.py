"""New executions: those that a test starts, and those that a CHAINED_INVOKE does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perdure.testing.functions import ACCOUNT, REGION, FunctionCatalogue, RegisteredFunction
from perdure_service.domain.apply_update import (
    IllegalTarget,
    RefusedTarget,
    ResolvedTarget,
    Target,
)
from perdure_service.domain.decision import Moment, NewExecution
from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.execution import Execution, Identity, InvokeMode, ParentLink
from perdure_service.domain.ids import ExecutionId, FunctionAddress, execution_id
from perdure_service.domain.operations import Action, ErrorObject, OperationType, OperationUpdate

_PLAIN_SECONDS = 21_600
_PLAIN_DAYS = 1


def new_execution(
    function: RegisteredFunction,
    payload: str,
    moment: Moment,
    *,
    mode: InvokeMode,
    name: str | None = None,
    execution_timeout_seconds: int | None = None,
    parent: ParentLink | None = None,
    tenant_id: str | None = None,
) -> NewExecution:
    """The nonce of `moment` makes its id."""
    version = function.version
    durable = version.durable
    id_: ExecutionId = execution_id(moment.clock, moment.nonce << 12, part=0)
    own_timeout = durable.execution_timeout_seconds if durable else _PLAIN_SECONDS
    return NewExecution(
        Identity(
            id=id_,
            account=version.account,
            region=version.region,
            function_name=version.function_name,
            version=version.version,
            qualifier=version.version,
            function_version_id=version.id,
            name=name or str(id_),
            started_at=moment.clock,
            timeout_seconds=execution_timeout_seconds or own_timeout,
            retention_days=durable.retention_days if durable else _PLAIN_DAYS,
            durable=durable is not None,
            mode=mode,
            parent=parent,
            tenant_id=tenant_id,
        ),
        payload,
    )


def resolved_targets(
    execution: Execution,
    updates: Sequence[OperationUpdate],
    catalogue: FunctionCatalogue,
    moment: Callable[[], Moment],
) -> dict[str, Target]:
    """What each CHAINED_INVOKE that starts among `updates` would run, by operation id."""
    return {
        update.id: _target(execution, update, update.function_name, catalogue, moment)
        for update in updates
        if update.type is OperationType.CHAINED_INVOKE
        and update.action is Action.START
        and update.function_name is not None
    }


def _target(
    execution: Execution,
    update: OperationUpdate,
    function: str,
    catalogue: FunctionCatalogue,
    moment: Callable[[], Moment],
) -> Target:
    try:
        address = FunctionAddress.parse(function)
    except InvalidParameterValue as illegal:
        return IllegalTarget(illegal.message)
    if address.account not in (None, ACCOUNT):
        return IllegalTarget("Cannot start a CHAINED_INVOKE on a function in another account.")
    if address.region not in (None, REGION):
        return IllegalTarget("Cannot start a CHAINED_INVOKE on a function in another region.")
    try:
        found = catalogue.resolve(address)
    except ResourceNotFound as refused:
        return RefusedTarget(ErrorObject(refused.message, "ResourceNotFoundException"))
    except InvalidParameterValue as refused:
        return RefusedTarget(ErrorObject(refused.message, "InvalidParameterValueException"))
    child = new_execution(
        found,
        update.payload if update.payload is not None else "{}",
        moment(),
        mode=InvokeMode.CHAINED,
        parent=ParentLink(execution.id, update.id),
        tenant_id=update.tenant_id,
    )
    return ResolvedTarget(child, moment().nonce)

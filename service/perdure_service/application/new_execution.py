"""The identity of an execution about to start."""

from __future__ import annotations

from perdure_service.application.randomness import random_bits
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.execution import Identity, InvokeMode, ParentLink
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import execution_id, part_for_name, part_of
from perdure_service.domain.instant import Instant

_PLAIN_RETENTION_DAYS = 1
_PLAIN_MAX_AGE_SECONDS = 21_600


@frozen
class StartRequest:
    """What a caller, or a parent, asks a function to do. `name` None: one is generated."""

    version: FunctionVersion
    qualifier: str | None
    payload: str
    mode: InvokeMode
    now: Instant
    name: str | None = None
    lock_name: str | None = None
    parent: ParentLink | None = None
    trace_id: str | None = None
    tenant_id: str | None = None
    client_context: str | None = None


def new_execution(request: StartRequest) -> NewExecution:
    """Draw the id and freeze the settings. A child lives in its parent's part, a named execution
    in that of its name, any other in a random one."""
    version = request.version
    if request.parent is not None:
        part = part_of(request.parent.execution_id)
    elif request.lock_name is not None:
        part = part_for_name(version.account, version.function_name, request.lock_name)
    else:
        part = random_bits(12)
    id_ = execution_id(request.now, random_bits(62), part)
    durable = version.durable
    return NewExecution(
        identity=Identity(
            id=id_,
            account=version.account,
            region=version.region,
            function_name=version.function_name,
            version=version.version,
            qualifier=request.qualifier or version.version,
            function_version_id=version.id,
            name=request.name or str(id_),
            started_at=request.now,
            timeout_seconds=(
                durable.execution_timeout_seconds if durable else _PLAIN_MAX_AGE_SECONDS
            ),
            retention_days=durable.retention_days if durable else _PLAIN_RETENTION_DAYS,
            durable=durable is not None,
            mode=request.mode,
            parent=request.parent,
            trace_id=request.trace_id,
            tenant_id=request.tenant_id,
            client_context=request.client_context,
            dead_letter_target=(
                version.dead_letter_target if request.mode is InvokeMode.EVENT else None
            ),
        ),
        input=request.payload,
    )

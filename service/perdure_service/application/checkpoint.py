"""CheckpointDurableExecution and GetDurableExecutionState: the function's side of an execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from perdure_service.application.markers import Markers
from perdure_service.application.new_execution import StartRequest, new_execution
from perdure_service.application.randomness import random_bits
from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.apply_update import (
    IllegalTarget,
    RefusedTarget,
    ResolvedTarget,
    Target,
)
from perdure_service.domain.decide_checkpoint import (
    Accepted,
    Checkpoint,
    Repeated,
    decide_checkpoint,
    require_current,
)
from perdure_service.domain.errors import (
    InvalidCheckpointToken,
    InvalidParameterValue,
    ResourceNotFound,
)
from perdure_service.domain.execution import Execution, InvokeMode, ParentLink, Sight
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionArn, ExecutionId, FunctionAddress
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import (
    Action,
    ErrorObject,
    OperationType,
    OperationUpdate,
)
from perdure_service.domain.tokens import CheckpointToken, KeyRing, MarkerKind
from perdure_service.domain.views import (
    OperationPage,
    changed_between,
    changed_operations,
    page,
    visible_operations,
)
from perdure_service.ports.clock import Clock
from perdure_service.ports.log import ExecutionLog, Outcome

R = TypeVar("R")


@frozen
class StateAnswer:
    """Operations as seen at `page.upto`. `token` is the next one, after a checkpoint that left the
    execution open; `execution_input` belongs to an EXECUTION operation on the page."""

    page: OperationPage
    next_marker: str | None
    execution_input: str | None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointExecution:
    log: ExecutionLog
    resolve: ResolveFunction
    keys: KeyRing
    markers: Markers
    clock: Clock
    limits: Limits

    async def __call__(
        self,
        arn: str,
        token: str,
        updates: Sequence[OperationUpdate],
        client_token: str | None,
        show: Callable[[StateAnswer], R],
    ) -> R:
        """Apply `updates` atomically and rotate the token; what `show` makes of the answer, made
        while that is on its way to the disk. Raises InvalidCheckpointToken if the token is not the
        newest of the running invocation, InvalidCheckpoint for an illegal update; nothing is
        written then."""
        presented = read_token(self.keys, arn, token)
        checkpoint = Checkpoint(
            token=presented,
            updates=updates,
            client_token=client_token,
            targets=await self._targets(presented.execution_id, updates),
        )
        try:
            shown = await self.log.commit_shown(
                presented.execution_id,
                lambda execution, moment: decide_checkpoint(
                    execution, checkpoint, moment, self.limits, self.keys.issue_callback_id
                ),
                lambda outcome: self._show(outcome, show),
            )
        except ResourceNotFound:
            raise InvalidCheckpointToken from None
        if isinstance(shown, Repeated):
            return show(await self._repeat(presented.execution_id, shown))
        return shown

    def _show(
        self, outcome: Outcome[Accepted | Repeated], show: Callable[[StateAnswer], R]
    ) -> R | Repeated:
        match outcome.answer:
            case Repeated() as repeated:
                return repeated  # its answer has to be read first
            case Accepted(token=token, since=since, upto=upto, changed=changed):
                return show(self._answer(outcome.after, changed, since, upto, token))

    async def _repeat(self, id_: ExecutionId, repeated: Repeated) -> StateAnswer:
        then = await self.log.read_at(id_, repeated.upto.event_id)
        changed = changed_between(then, repeated.since, repeated.upto)
        return self._answer(then, changed, repeated.since, repeated.upto, repeated.token)

    def _answer(
        self,
        execution: Execution,
        changed: Sequence[str],
        since: Sight,
        upto: Sight,
        token: CheckpointToken | None,
    ) -> StateAnswer:
        shown = page(
            changed_operations(execution, changed),
            upto,
            after_position=0,
            max_items=self.limits.state_page_items,
            max_bytes=self.limits.state_page_bytes,
        )
        return StateAnswer(
            page=shown,
            next_marker=self.markers.issue(execution.id, MarkerKind.DELTA, shown, since),
            execution_input=None,
            token=self.keys.issue_checkpoint_token(token) if token is not None else None,
        )

    async def _targets(
        self, id_: ExecutionId, updates: Sequence[OperationUpdate]
    ) -> dict[str, Target]:
        return {
            update.id: await self._target(id_, update, update.function_name)
            for update in updates
            if update.type is OperationType.CHAINED_INVOKE
            and update.action is Action.START
            and update.function_name is not None
        }

    async def _target(self, id_: ExecutionId, update: OperationUpdate, function: str) -> Target:
        try:
            address = FunctionAddress.parse(function)
        except InvalidParameterValue as illegal:
            return IllegalTarget(illegal.message)
        if address.account not in (None, self.resolve.account):
            return IllegalTarget("Cannot start a CHAINED_INVOKE on a function in another account.")
        if address.region not in (None, self.resolve.region):
            return IllegalTarget("Cannot start a CHAINED_INVOKE on a function in another region.")
        try:
            resolved = await self.resolve(function)
        except ResourceNotFound as refused:
            error = ErrorObject(type="ResourceNotFoundException", message=refused.message)
            return RefusedTarget(error)
        except InvalidParameterValue as refused:
            error = ErrorObject(type="InvalidParameterValueException", message=refused.message)
            return RefusedTarget(error)
        trace_id = update.trace_id
        if trace_id is None:
            try:
                trace_id = (await self.log.read(id_)).identity.trace_id
            except ResourceNotFound:
                raise InvalidCheckpointToken from None
        child = new_execution(
            StartRequest(
                version=resolved.version,
                qualifier=resolved.qualifier,
                payload=update.payload if update.payload is not None else "{}",
                mode=InvokeMode.CHAINED,
                now=self.clock.now(),
                parent=ParentLink(id_, update.id),
                trace_id=trace_id,
                tenant_id=update.tenant_id,
            )
        )
        return ResolvedTarget(child, random_bits(63))


@dataclass(frozen=True, slots=True)
class ReadState:
    log: ExecutionLog
    keys: KeyRing
    markers: Markers
    limits: Limits

    async def __call__(
        self, arn: str, token: str, marker: str | None, max_items: int
    ) -> StateAnswer:
        """A page of the state as the running invocation may see it: what it was shown last, for
        as long as it pages. Raises InvalidCheckpointToken unless `token` is the newest."""
        presented = read_token(self.keys, arn, token)
        try:
            execution = await self.log.read(presented.execution_id)
        except ResourceNotFound:
            raise InvalidCheckpointToken from None
        require_current(execution, presented)
        seen = execution.ledger.seen
        kind, upto, since, position = MarkerKind.STATE, seen, Sight(), 0
        if marker:
            read = self.markers.read(marker, execution.id, MarkerKind.STATE, MarkerKind.DELTA)
            kind, upto, since, position = read.kind, read.upto, read.since, read.position
        if upto.event_id != execution.last_event_id:
            execution = await self.log.read_at(execution.id, upto.event_id)
        if kind is MarkerKind.DELTA:
            operations = changed_operations(execution, changed_between(execution, since, upto))
        else:
            operations = visible_operations(execution)
        shown = page(
            operations,
            upto,
            after_position=position,
            max_items=max_items,
            max_bytes=self.limits.state_page_bytes,
            execution_input=execution.input,
        )
        return StateAnswer(
            page=shown,
            next_marker=self.markers.issue(execution.id, kind, shown, since),
            execution_input=execution.input,
        )


def read_token(keys: KeyRing, arn: str, token: str) -> CheckpointToken:
    """The token, checked to be ours and to belong to `arn`."""
    id_ = ExecutionArn.parse(arn).id
    presented = keys.read_checkpoint_token(token)
    if presented.execution_id != id_:
        raise InvalidParameterValue("Checkpoint token is not valid for the durable execution ARN")
    return presented

"""The once-a-second look at the tables: what a replica would otherwise poll for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from perdure_service.domain.execution import ParentLink
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId
from perdure_service.domain.instant import Instant
from perdure_service.ports.workers import Claimed, Heard


@frozen
class LookRequest:
    """What this replica knows and wants. `workers` are alive; what was claimed for them before
    `claimed_before` is listed. They serve functions by name, and deployed ones by their
    runtime. Timers due in (`upcoming_from`, `upcoming_to`] are listed so that they fire on time;
    lost invocations only if `may_end_leases`."""

    now: Instant
    workers: Sequence[Heard]
    served: Sequence[str]
    runtimes: Sequence[str]
    awaited: Sequence[ExecutionId]
    upcoming_from: Instant
    upcoming_to: Instant
    lease_seconds: int
    may_end_leases: bool
    claimed_before: Instant


@frozen
class Ready:
    """An invocation that is queued and ready, of a function that a worker here serves."""

    function_version_id: FunctionVersionId
    execution_id: ExecutionId


@dataclass(slots=True)
class Sighting:
    """What the look found. Lost invocations come with their worker's invocation id; `claimed` are
    those of this replica's workers. `is_full`: there may be more, look again at once. `left_out`
    are the function versions with more ready invocations than are told here."""

    overdue: list[ExecutionId] = field(default_factory=list)
    upcoming: list[tuple[Instant, ExecutionId]] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    left_out: set[FunctionVersionId] = field(default_factory=set)
    lost: list[tuple[ExecutionId, InvocationId]] = field(default_factory=list)
    claimed: list[Claimed] = field(default_factory=list)
    notices: list[tuple[ParentLink, ExecutionId]] = field(default_factory=list)
    closed: list[ExecutionId] = field(default_factory=list)
    letters_are_due: bool = False
    is_full: bool = False


class Look(Protocol):
    async def __call__(self, request: LookRequest) -> Sighting:
        """One statement. Raises Unavailable."""
        ...

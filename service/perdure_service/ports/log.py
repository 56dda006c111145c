"""The log of executions: the only way to change one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from perdure_service.domain.decide_invocation import Claim, Delivery
from perdure_service.domain.decision import Decision, Moment, NewExecution
from perdure_service.domain.effects import Effects
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Identity
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant

R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Decide = Callable[[Execution, Moment], Decision[T]]


@frozen
class Outcome(Generic[T_co]):
    """A committed decision: its answer, and the execution right after it."""

    answer: T_co
    after: Execution


@frozen
class NameLock:
    """A name that one execution of a function may hold. `expires_at` None: until the execution's
    retention is over. `payload_hash` tells a repeat from a conflict."""

    name: str
    payload_hash: bytes
    expires_at: Instant | None = None


@frozen
class Holder:
    """The execution that holds a name already."""

    execution_id: ExecutionId
    payload_hash: bytes


@frozen
class Commit:
    """One execution's share of a committed append, for those who listen. `before` is None for an
    execution that began with it."""

    before: Execution | None
    after: Execution
    events: Sequence[Event]
    effects: Effects


CommitObserver = Callable[[Commit], None]
"""Called in the event loop for each commit, soon after it and in their order: perhaps when those
who waited for it have gone on. Must be quick and must not raise."""


class ExecutionLog(Protocol):
    """Executions by id. All methods raise Unavailable while Postgres cannot be reached; a write
    whose outcome is unknown is Unavailable too."""

    async def read(self, id_: ExecutionId) -> Execution:
        """The current state. Raises ResourceNotFound."""
        ...

    async def recent(self, id_: ExecutionId) -> Execution:
        """A state at least as new as the last commit of this replica; another replica may be
        ahead. Costs nothing if it is cached. Raises ResourceNotFound."""
        ...

    async def warm(self, ids: Sequence[ExecutionId]) -> None:
        """Bring what is not cached into the cache, in few statements. Ignores unknown ids."""
        ...

    def forget(self, ids: Iterable[ExecutionId]) -> None:
        """Drop from the cache what was purged."""
        ...

    async def read_at(self, id_: ExecutionId, event_id: int) -> Execution:
        """The fold of the first `event_id` events, ledger empty. Raises ResourceNotFound."""
        ...

    async def commit(
        self, id_: ExecutionId, decide: Decide[T], *, verify: bool = True
    ) -> Outcome[T]:
        """Decide on the current state and append what was decided, fenced: whoever loses a race
        decides again on the winner's state. Returns after the commit. What `decide` raises is
        raised, after making sure that it saw the current state; `verify=False` lets a decision
        to change nothing stand on a state that another replica may have moved."""
        ...

    async def commit_shown(
        self, id_: ExecutionId, decide: Decide[T], show: Callable[[Outcome[T]], R]
    ) -> R:
        """`commit`, and what `show` makes of the outcome. It is made while the append is on its way
        to the disk, so it must not be told to anybody before this returns; and made again if
        somebody else was faster."""
        ...

    def submit_due(self, id_: ExecutionId, decide: Decide[T]) -> asyncio.Future[Outcome[T]]:
        """`commit` without verifying, of what should have happened by now: it overtakes what
        waits. For those who have many, and do not wait for each in a task of its own; they bound
        how many are on their way at once. Raises Unavailable if too many wait for this one."""
        ...

    async def start(self, new: NewExecution, lock: NameLock | None = None) -> Execution | Holder:
        """Append the first event and queue the first invocation, or say who holds the name. Raises
        TooManyRequests, with nothing written, if a caller waits for it and as many invocations of
        its function run as may."""
        ...

    async def claim(self, id_: ExecutionId, claim: Claim) -> Outcome[Delivery | None]:
        """Commit `decide_claim`. Raises TooManyRequests if as many invocations of its function run
        as may: it stays queued."""
        ...

    async def holder(self, new: NewExecution, lock: NameLock) -> Holder | None:
        """Who holds the name already that `new` would be started under; None if it is free."""
        ...

    async def free_name(self, identity: Identity, name: str, holder: ExecutionId) -> None:
        """Take a name of `identity`'s function from `holder`, if it holds it still."""
        ...

    async def events(
        self,
        id_: ExecutionId,
        *,
        after: int,
        upto: int,
        limit: int,
        reverse: bool,
        payloads: bool = True,
        max_bytes: int | None = None,
    ) -> list[Event]:
        """At most `limit` events with `after < id <= upto`, oldest first unless `reverse`, and
        about `max_bytes` of payloads and errors; at least one if there is any. Without
        `payloads` these are None, whatever they are."""
        ...

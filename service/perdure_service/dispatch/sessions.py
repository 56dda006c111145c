"""The workers that poll this replica, and the slots that they offer.

A poll offers free slots, by function name and of the worker's pools. `reserve` takes one for a
claim that is about to be committed; `deliver` puts the committed claim into the worker's next
answer; what the worker does not confirm in two seconds goes back to the queue. So does what took
half a lease to commit: whoever stood still for much longer would hand out what others have given
away. All of it is memory: the tables are the truth, and a worker that finds itself unknown
registers again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from perdure_service.application.end_invocation import EndInvocation
from perdure_service.application.envelope import Envelopes
from perdure_service.application.log_tails import LogTails
from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.application.randomness import random_uuid
from perdure_service.dispatch.session import Session
from perdure_service.dispatch.slots import OnFree, PoolSlots, Slots, nobody_waits
from perdure_service.domain.decide_invocation import Claim, Delivery, Failed, Returned
from perdure_service.domain.errors import DomainError, ResourceNotFound, Unavailable
from perdure_service.domain.execution import Execution, FailureKind
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId, WorkerId
from perdure_service.domain.operations import ErrorObject
from perdure_service.ports.claims import ClaimStore
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.worker_register import WorkerRegister
from perdure_service.ports.workers import (
    Claimed,
    Ended,
    Handed,
    Heard,
    PoolFree,
    WorkerCard,
)

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 2.0

_DEATHS_AT_A_TIME = 256


@frozen
class _Delivered:
    """An invocation that a worker has, as far as this replica knows."""

    execution_id: ExecutionId
    worker_id: WorkerId
    confirmed_at: float | None = None


@frozen
class _Reserved:
    """A slot that was taken for a claim, and when, by the event loop's clock."""

    at: float
    slots: Slots
    function_name: str


class Sessions:
    """Implements `ports.dispatch.Dispatch` and `ports.workers.WorkerSessions`. `on_free` is called
    when a worker offers slots, or one that was reserved is free again."""

    def __init__(
        self,
        *,
        end: EndInvocation,
        envelopes: Envelopes,
        catalogue: FunctionCatalogue,
        claims: ClaimStore,
        register: WorkerRegister,
        tails: LogTails,
        lease_seconds: int,
    ) -> None:
        self._end = end
        self._envelopes = envelopes
        self._catalogue = catalogue
        self._claims = claims
        self._register = register
        self._tails = tails
        self._lease_seconds = lease_seconds
        self._sessions: dict[WorkerId, Session] = {}
        self._running: dict[InvocationId, _Delivered] = {}
        self._reserved: dict[InvocationId, _Reserved] = {}
        self._tasks = OwnedTasks()
        self._closing = False
        self.on_free: OnFree = nobody_waits

    @property
    def lease_seconds(self) -> int:
        return self._lease_seconds

    @property
    def heartbeat_seconds(self) -> int:
        return max(1, self._lease_seconds // 4)

    # what the scheduler asks

    def alive(self) -> list[Heard]:
        """The workers heard from within a lease. The others are forgotten here; their claims end
        when every replica has missed them for a lease."""
        now = self._now()
        oldest = now - self._lease_seconds
        for id_, session in list(self._sessions.items()):
            if session.seen_at < oldest:
                logger.warning("worker %s is silent for over %ss", id_, self._lease_seconds)
                session.end_poll()
                del self._sessions[id_]
                self._running = {
                    invocation: delivered
                    for invocation, delivered in self._running.items()
                    if delivered.worker_id != id_
                }
        return [Heard(session.card, now - session.seen_at) for session in self._sessions.values()]

    def served_functions(self) -> frozenset[str]:
        """The functions of the workers registered here."""
        cards = (session.card for session in self._sessions.values())
        return frozenset(name for card in cards for name in card.function_names)

    def served_runtimes(self) -> frozenset[str]:
        """The runtimes of the pools of the workers registered here."""
        return frozenset().union(*(session.runtimes for session in self._sessions.values()))

    # ports.dispatch

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        version = self._catalogue.remembered(version_id)
        if version is None:
            return None
        name, now = version.function_name, self._now()
        best: tuple[tuple[bool, int], Session, Slots] | None = None
        for session in self._sessions.values():
            slots = session.slots_for(version)
            if slots is None or not session.is_reachable(now):
                continue
            left = slots.left(name)
            if left <= 0:
                continue
            rank = session.arrived is not None, left
            if best is None or rank > best[0]:
                best = rank, session, slots
        if best is None:
            return None
        _, idlest, slots = best
        slots.take(name)
        claim = Claim(idlest.card.id, InvocationId(random_uuid()))
        self._reserved[claim.invocation_id] = _Reserved(now, slots, name)
        return claim

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        version = self._catalogue.remembered(version_id)
        if version is None or not version.deployed:
            return False
        pools = [s.pool for s in self._sessions.values() if version.runtime in s.runtimes]
        return bool(pools) and all(pool.total <= 0 for pool in pools)

    def release(self, claim: Claim) -> None:
        reserved = self._reserved.pop(claim.invocation_id)
        reserved.slots.free(reserved.function_name)
        self.on_free((reserved.function_name,), isinstance(reserved.slots, PoolSlots))

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        version = self._catalogue.fresh(execution.identity.function_version_id)
        if version is None:
            self._tasks.start(self._look_up(execution, delivery))
        else:
            self._hand_over(execution, delivery, version)

    async def _look_up(self, execution: Execution, delivery: Delivery) -> None:
        try:
            version = await self._catalogue.by_id(execution.identity.function_version_id)
        except Exception as error:
            self._fail_delivery(execution, delivery, error)
        else:
            self._hand_over(execution, delivery, version)

    def _hand_over(
        self, execution: Execution, delivery: Delivery, version: FunctionVersion
    ) -> None:
        id_, identity = delivery.claim.invocation_id, execution.identity
        session = self._sessions.get(delivery.claim.worker_id)
        reserved, now = self._reserved[id_], self._now()
        is_late = now - reserved.at > self._lease_seconds / 2
        # It may have been deployed, or taken back by who serves it, since the slot was taken.
        if is_late or session is None or session.slots_for(version) is not reserved.slots:
            self.release(delivery.claim)
            self._tasks.start(self._give_back(execution.id, id_))
            return
        try:
            payload = self._envelopes(execution, delivery)
        except Exception as error:
            self._fail_delivery(execution, delivery, error)
            return
        del self._reserved[id_]
        self._running[id_] = _Delivered(execution.id, session.card.id)
        unconfirmed = asyncio.get_running_loop().call_at(
            now + CONFIRM_SECONDS, self._unconfirmed, session, execution.id, id_
        )
        handed = Handed(id_, identity, version, payload, self._tails.is_wanted(execution.id))
        session.put(handed, unconfirmed)

    def _fail_delivery(self, execution: Execution, delivery: Delivery, error: Exception) -> None:
        known = isinstance(error, DomainError)
        arn = execution.identity.arn
        logger.warning(
            "an invocation of %s was not delivered: %s",
            arn,
            error,
            exc_info=None if known else error,
        )
        self.release(delivery.claim)
        is_deleted = isinstance(error, ResourceNotFound)
        undo = self._give_back(execution.id, delivery.claim.invocation_id, is_deleted=is_deleted)
        self._tasks.start(undo)

    # ports.workers

    async def register(
        self, card: WorkerCard, held: Sequence[InvocationId], arrived_at: float
    ) -> None:
        await self._register.enter(card)
        session = self._sessions.get(card.id)
        if session is None:
            session = self._sessions[card.id] = Session(card, self._now())
        session.is_now(card)
        self._hear(session, held)
        for execution_id, invocation_id in await self._claims.of_worker(card.id):
            if invocation_id in held:
                self._running[invocation_id] = _Delivered(execution_id, card.id, arrived_at)
            elif not self._is_news(invocation_id, arrived_at):
                await self._give_back(execution_id, invocation_id)

    def _is_news(self, invocation_id: InvocationId, registered_at: float) -> bool:
        """True if the worker could not speak of it when it registered: it polls meanwhile."""
        if invocation_id in self._reserved:
            return True
        delivered = self._running.get(invocation_id)
        if delivered is None:
            return False
        return delivered.confirmed_at is None or delivered.confirmed_at >= registered_at

    async def poll(
        self,
        worker_id: WorkerId,
        free: Mapping[str, int],
        pool_free: PoolFree,
        confirmed: Sequence[InvocationId],
        results: Sequence[Ended],
        wait_seconds: float,
    ) -> list[Handed]:
        session = self._session(worker_id)
        self._saw(session, confirmed)
        session.end_poll()
        if self._closing:
            raise Unavailable("The service is stopping. Poll again in a moment.")
        session.offer(free, pool_free)
        recording = self._record(worker_id, results) if results else None
        self.on_free([name for name, count in free.items() if count > 0], pool_free.total > 0)
        if not session.outbox:
            await self._hold(session, wait_seconds, recording)
        if recording is not None:
            # Not cancelled with the poll: what has begun is worth more than a repetition.
            await asyncio.shield(recording)
        return session.empty_outbox(self._now())

    def _record(self, worker_id: WorkerId, results: Sequence[Ended]) -> asyncio.Task[None]:
        task = self._tasks.start(self._finish_all(worker_id, results))
        task.add_done_callback(_recorded)
        return task

    async def _finish_all(self, worker_id: WorkerId, results: Sequence[Ended]) -> None:
        endings = await asyncio.gather(
            *(self.finish(worker_id, ended.invocation_id, ended.outcome) for ended in results),
            return_exceptions=True,
        )
        for ending in endings:
            if ending is not None:
                raise ending

    async def _hold(
        self, session: Session, wait_seconds: float, recording: asyncio.Task[None] | None
    ) -> None:
        """Until something has arrived, the time is over, or the recording failed."""
        arrived = asyncio.Event()
        session.arrived = arrived
        if recording is not None:
            recording.add_done_callback(
                lambda task: arrived.set() if task.cancelled() or task.exception() else None
            )
        try:
            async with asyncio.timeout(wait_seconds):
                await arrived.wait()
        except TimeoutError:
            pass
        except BaseException:
            if session.arrived is arrived:
                session.end_poll()
            raise
        if session.arrived is arrived:
            session.arrived = None

    def heartbeat(self, worker_id: WorkerId, held: Sequence[InvocationId]) -> None:
        self._hear(self._session(worker_id), held)

    async def finish(
        self,
        worker_id: WorkerId,
        invocation_id: InvocationId,
        outcome: Returned | Failed,
        log_tail: bytes | None = None,
    ) -> None:
        session = self._sessions.get(worker_id)
        if session is not None:
            self._saw(session, (invocation_id,))
        delivered = self._running.get(invocation_id)
        if delivered is not None:
            execution_id: ExecutionId | None = delivered.execution_id
        else:
            execution_id = await self._claims.execution_of(invocation_id)
        if execution_id is None:
            return
        if log_tail is not None:
            self._tails.put(execution_id, log_tail)
        try:
            await self._end(execution_id, invocation_id, outcome)
        except ResourceNotFound:
            logger.warning("invocation %s ended after its execution was purged", invocation_id)
        self._running.pop(invocation_id, None)

    async def leave(self, worker_id: WorkerId) -> None:
        if not self._forget_worker(worker_id):
            return
        for execution_id, invocation_id in await self._claims.of_worker(worker_id):
            await self._give_back(execution_id, invocation_id)
        await self._register.cross_out(worker_id)

    async def died(self, worker_id: WorkerId) -> None:
        self._forget_worker(worker_id)
        claims = await self._claims.of_worker(worker_id)
        if claims:
            logger.warning("worker %s died with %d invocations", worker_id, len(claims))
        for start in range(0, len(claims), _DEATHS_AT_A_TIME):
            some = claims[start : start + _DEATHS_AT_A_TIME]
            await asyncio.gather(*(self._end_with_its_worker(*claim) for claim in some))
        await self._register.cross_out(worker_id)

    async def _end_with_its_worker(self, id_: ExecutionId, invocation_id: InvocationId) -> None:
        text = f"RequestId: {invocation_id} Error: its worker was killed"
        error = ErrorObject(type="Runtime.ExitError", message=text)
        try:
            await self._end(id_, invocation_id, Failed(FailureKind.CRASH, error))
        except (ResourceNotFound, Unavailable) as refusal:
            # Its lease ends it.
            logger.warning("invocation %s stays claimed for now: %s", invocation_id, refusal)
        self._running.pop(invocation_id, None)

    def _forget_worker(self, worker_id: WorkerId) -> bool:
        """False if it was not known here."""
        session = self._sessions.pop(worker_id, None)
        if session is None:
            return False
        session.end_poll()
        for timer in session.unconfirmed.values():
            timer.cancel()
        return True

    # the rest

    def end_polls(self) -> None:
        """Answer every held poll now, and hold no more: the service is stopping."""
        self._closing = True
        for session in self._sessions.values():
            session.end_poll()

    def forget(self, invocation_id: InvocationId) -> None:
        """The invocation ended otherwise than by its worker's word."""
        self._running.pop(invocation_id, None)

    def compare(self, claims: Sequence[Claimed]) -> None:
        """Put back those of `claims`, all older than a lease, that their worker does not have by
        its own recent word."""
        recently = self._now() - self._lease_seconds / 2
        for claimed in claims:
            session = self._sessions.get(claimed.worker_id)
            if session is None or session.held_at < recently:
                continue
            if (
                claimed.invocation_id in session.held
                or claimed.invocation_id in session.unconfirmed
            ):
                continue
            logger.warning(
                "worker %s does not have invocation %s", claimed.worker_id, claimed.invocation_id
            )
            self._tasks.start(self._give_back(claimed.execution_id, claimed.invocation_id))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _session(self, worker_id: WorkerId) -> Session:
        session = self._sessions.get(worker_id)
        if session is None:
            raise ResourceNotFound(f"Worker {worker_id} is not registered here: register again.")
        return session

    def _hear(self, session: Session, held: Sequence[InvocationId]) -> None:
        self._saw(session, held)
        session.held, session.held_at = frozenset(held), session.seen_at

    def _saw(self, session: Session, held: Sequence[InvocationId]) -> None:
        now = self._now()
        for id_ in session.saw(held, now):
            delivered = self._running.get(id_)
            if delivered is not None:
                self._running[id_] = _Delivered(delivered.execution_id, delivered.worker_id, now)

    def _unconfirmed(self, session: Session, execution_id: ExecutionId, id_: InvocationId) -> None:
        if session.drop(id_):
            logger.warning("worker %s did not confirm invocation %s", session.card.id, id_)
            self._tasks.start(self._give_back(execution_id, id_))

    async def _give_back(
        self, execution_id: ExecutionId, id_: InvocationId, *, is_deleted: bool = False
    ) -> None:
        self._running.pop(id_, None)
        undo = self._end.function_deleted if is_deleted else self._end.give_back
        try:
            await undo(execution_id, id_)
        except (ResourceNotFound, Unavailable) as error:
            logger.warning("invocation %s stays claimed for now: %s", id_, error)


def _recorded(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # for its poll to raise, unless that is gone; the worker repeats it

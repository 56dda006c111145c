"""Push targets: the service calls a URL, such as a container with Lambda's runtime emulator."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx

from perdure_service.application.end_invocation import EndInvocation
from perdure_service.application.envelope import Envelopes
from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.application.randomness import random_uuid
from perdure_service.dispatch.outgoing import outgoing_client
from perdure_service.dispatch.push_log import PushLog
from perdure_service.dispatch.slots import OnFree, nobody_waits
from perdure_service.domain.decide_invocation import Claim, Delivery, Failed, Returned
from perdure_service.domain.errors import DomainError, ResourceNotFound
from perdure_service.domain.execution import Execution, FailureKind, Identity
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import FunctionVersionId, InvocationId, WorkerId
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.output import parse_runtime_error
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.workers import Claimed, Heard, WorkerCard

logger = logging.getLogger(__name__)

_REPORT_TRIES = 8
_MAX_OUTPUT_BYTES = 8 * 1_048_576


@frozen
class _Reserved:
    """A call that may be made, and since when, by the event loop's clock."""

    at: float
    version_id: FunctionVersionId
    function_name: str


class PushTargets:
    """Implements `ports.dispatch.Dispatch` for functions with an image URI. This replica is their
    worker: if it dies, its lease ends and another replica calls again."""

    def __init__(
        self,
        *,
        end: EndInvocation,
        envelopes: Envelopes,
        catalogue: FunctionCatalogue,
        log: PushLog,
        card: WorkerCard,
        lease_seconds: int,
        concurrency: int = 64,
    ) -> None:
        self._end = end
        self._envelopes = envelopes
        self._catalogue = catalogue
        self._log = log
        self._lease_seconds = lease_seconds
        self._concurrency = concurrency
        self._busy: Counter[FunctionVersionId] = Counter()
        self._reserved: dict[InvocationId, _Reserved] = {}
        self._calling: set[InvocationId] = set()
        self._tasks = OwnedTasks()
        self._http = outgoing_client(
            timeout=httpx.Timeout(10.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self._card = card
        self.on_free: OnFree = nobody_waits

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        version = self._catalogue.remembered(version_id)
        if version is None or version.image_uri is None:
            return None
        if self._busy[version.id] >= self._concurrency:
            return None
        self._busy[version.id] += 1
        claim = Claim(self._card.id, InvocationId(random_uuid()))
        self._reserved[claim.invocation_id] = _Reserved(_now(), version.id, version.function_name)
        return claim

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        """Each version has calls of its own."""
        return False

    def release(self, claim: Claim) -> None:
        reserved = self._reserved.pop(claim.invocation_id)
        self._busy[reserved.version_id] -= 1
        self.on_free((reserved.function_name,), False)

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        self._calling.add(delivery.claim.invocation_id)
        self._tasks.start(self._call(execution, delivery))

    # what the scheduler asks

    def alive(self) -> list[Heard]:
        """This replica itself."""
        return [Heard(self._card, 0.0)]

    def served_functions(self) -> frozenset[str]:
        """None by name: every replica serves all push targets."""
        return frozenset()

    def served_runtimes(self) -> frozenset[str]:
        return frozenset()

    def forget(self, invocation_id: InvocationId) -> None:
        """Nothing is kept beyond the call."""

    def compare(self, claims: Sequence[Claimed]) -> None:
        for claimed in claims:
            if claimed.worker_id == self._card.id and claimed.invocation_id not in self._calling:
                logger.warning("nobody calls for invocation %s", claimed.invocation_id)
                self._tasks.start(self._give_back(claimed))

    async def _give_back(self, claimed: Claimed) -> None:
        try:
            await self._end.give_back(claimed.execution_id, claimed.invocation_id)
        except DomainError as error:
            logger.warning("invocation %s stays claimed: %s", claimed.invocation_id, error)

    async def close(self) -> None:
        """Calls in flight are dropped; their invocations are made again when the lease ends."""
        await self._tasks.close()
        await self._http.aclose()

    async def _call(self, execution: Execution, delivery: Delivery) -> None:
        identity, id_ = execution.identity, delivery.claim.invocation_id
        reserved = self._reserved.pop(id_)
        try:
            try:
                version = await self._catalogue.by_id(identity.function_version_id)
            except ResourceNotFound:
                await self._end.function_deleted(execution.id, id_)
                return
            payload = self._envelopes(execution, delivery)
            if _now() - reserved.at > self._lease_seconds / 2:
                # Whoever stood still for much longer would call for what others have been given.
                logger.warning("an invocation of %s was claimed too slowly: again", identity.arn)
                await self._end.give_back(execution.id, id_)
                return
            pushed = self._log.begin(version, execution.id, id_)
            outcome = await self._post(version, identity, id_, payload)
            pushed.end(outcome)
            await self._report(lambda: self._end(execution.id, id_, outcome))
        except DomainError as error:
            logger.warning("a push invocation of %s was not recorded: %s", identity.arn, error)
        except Exception:
            logger.exception("a push invocation of %s failed", identity.arn)
        finally:
            self._calling.discard(id_)
            self._busy[identity.function_version_id] -= 1
            self.on_free((identity.function_name,), False)

    async def _post(
        self, version: FunctionVersion, identity: Identity, id_: InvocationId, payload: bytes
    ) -> Returned | Failed:
        assert version.image_uri is not None
        headers = {"content-type": "application/json", "lambda-runtime-aws-request-id": id_}
        if identity.trace_id is not None:
            headers["x-amzn-trace-id"] = identity.trace_id
        if identity.tenant_id is not None:
            headers["x-amz-tenant-id"] = identity.tenant_id
        if identity.client_context is not None:
            headers["x-amz-client-context"] = identity.client_context
        try:
            async with asyncio.timeout(version.timeout_seconds):
                answer = await self._http.post(
                    version.image_uri,
                    content=payload,
                    headers=headers,
                    timeout=httpx.Timeout(version.timeout_seconds, connect=10.0),
                )
        except (TimeoutError, httpx.ReadTimeout):
            text = (
                f"RequestId: {id_} Error: Task timed out after {version.timeout_seconds}.00 seconds"
            )
            error = ErrorObject(type="Sandbox.Timedout", message=text)
            return Failed(FailureKind.TIMEOUT, error)
        except httpx.HTTPError as failure:
            text = f"RequestId: {id_} Error: {version.image_uri} failed: {failure!r}"
            return Failed(FailureKind.CRASH, ErrorObject(type="Runtime.ExitError", message=text))
        return _outcome(answer, id_)

    async def _report(self, record: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """The result is in memory only: repeat while Postgres is away, then let the lease end."""
        for attempt in range(_REPORT_TRIES):
            try:
                await record()
                return
            except DomainError:
                if attempt == _REPORT_TRIES - 1:
                    raise
                await asyncio.sleep(min(5.0, 0.1 * 2**attempt))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _outcome(answer: httpx.Response, id_: InvocationId) -> Returned | Failed:
    if len(answer.content) > _MAX_OUTPUT_BYTES:
        text = f"RequestId: {id_} Error: the response is larger than {_MAX_OUTPUT_BYTES} bytes"
        return Failed(
            FailureKind.ERROR, ErrorObject(type="Function.ResponseSizeTooLarge", message=text)
        )
    text = answer.content.decode("utf-8", "replace")
    if "x-amz-function-error" in answer.headers or _is_runtime_error(text):
        return Failed(FailureKind.ERROR, parse_runtime_error(text))
    if answer.status_code == 200:
        return Returned.of(answer.content)
    message = f"RequestId: {id_} Error: the target answered HTTP {answer.status_code}"
    return Failed(FailureKind.CRASH, ErrorObject(type="Runtime.ExitError", message=message))


def _is_runtime_error(text: str) -> bool:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "errorType" in body and "Status" not in body


def replica_card(host: str, pid: int) -> WorkerCard:
    """This replica, as the worker of all push targets."""
    return WorkerCard(WorkerId(random_uuid()), host, pid, ())

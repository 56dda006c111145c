"""Dead letters: where they may go, and what people may do about those that did not arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.http_url import http_url
from perdure_service.domain.ids import ExecutionId, is_uuid
from perdure_service.ports.clock import Clock
from perdure_service.ports.dead_letters import DeadLetters, Letter


@dataclass(frozen=True, slots=True)
class DeadLetterTargets:
    """A function names its target by a URL, or by an ARN that the operator gave one: `urls`."""

    urls: Mapping[str, str]

    def checked(self, target: str | None) -> str | None:
        """`target`, None if it is empty. Raises InvalidParameterValue if it leads nowhere."""
        if target and self.url(target) is None:
            raise InvalidParameterValue(
                f"The dead letter target '{target}' is not known here: give an http or https URL, "
                "or start the service with --dead-letter-target ARN=URL."
            )
        return target or None

    def url(self, target: str) -> str | None:
        """Where to deliver to; None if that is not known."""
        known = self.urls.get(target)
        if known is not None:
            return known
        return target if http_url(target) is not None else None


@dataclass(frozen=True, slots=True)
class ManageDeadLetters:
    letters: DeadLetters
    clock: Clock

    async def find(self, *, after: str | None, limit: int) -> Sequence[Letter]:
        """Those that have not arrived yet or were given up, oldest first."""
        return await self.letters.find(after=_id(after) if after else None, limit=limit)

    async def restart(self, execution_id: str) -> None:
        """Deliver it now, with all its tries before it. Raises ResourceNotFound."""
        if not await self.letters.restart(_id(execution_id), self.clock.now()):
            raise _missing(execution_id)

    async def discard(self, execution_id: str) -> None:
        """Throw it away. Raises ResourceNotFound."""
        if not await self.letters.discard(_id(execution_id)):
            raise _missing(execution_id)


def _id(text: str) -> ExecutionId:
    if not is_uuid(text):
        raise InvalidParameterValue(f"'{text[:100]}' is not an execution id: give a UUID.")
    return ExecutionId(text)


def _missing(execution_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no dead letter of execution {execution_id}.")

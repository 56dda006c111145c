"""The delivery of dead letters: events of failed asynchronous executions, posted to a URL.

At least once: a letter is forgotten only after its target has answered 2xx. One that a replica took
and did not deliver is taken over after `LEASE_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from urllib.parse import quote

import httpx

from perdure_service.application.dead_letters import DeadLetterTargets
from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.dispatch.outgoing import outgoing_client
from perdure_service.domain.errors import Unavailable
from perdure_service.domain.http_url import without_query
from perdure_service.domain.instant import after
from perdure_service.domain.limits import DeliveryPolicy
from perdure_service.ports.clock import Clock
from perdure_service.ports.dead_letters import DeadLetters, Letter
from perdure_service.ports.log import Commit

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
_CALL_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_MOST_AT_ONCE = 32
_MOST_PER_TARGET = 8
_BATCH = 4
_FAILURE_CHARACTERS = 200


class DeadLetterPost:
    """Claims what is due and delivers it, a few to one target at a time: one that does not answer
    keeps no other waiting. Sleeps until a commit of this replica, or the look, says that there is
    something."""

    def __init__(
        self,
        letters: DeadLetters,
        targets: DeadLetterTargets,
        clock: Clock,
        policy: DeliveryPolicy,
    ) -> None:
        self._letters = letters
        self._targets = targets
        self._clock = clock
        self._policy = policy
        self._wanted = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._tasks = OwnedTasks()
        self._http = outgoing_client(
            timeout=httpx.Timeout(_CALL_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_MOST_AT_ONCE, max_keepalive_connections=4),
        )

    def observe(self, commit: Commit) -> None:
        if commit.effects.dead_letter is not None:
            self.wake()

    def wake(self) -> None:
        """There may be a letter that is due."""
        self._wanted.set()

    async def run(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                try:
                    await self._deliver_all()
                except Unavailable as error:
                    logger.warning("dead letters wait for the next look: %s", error)
                except Exception:
                    logger.exception("the delivery of dead letters failed")
        finally:
            await self._tasks.close()
            await self._http.aclose()

    async def _deliver_all(self) -> None:
        """Claim, a few at a time, until nothing is due that may be delivered now."""
        while True:
            await self._tasks.until_fewer_than(_MOST_AT_ONCE - _BATCH + 1)
            now = self._clock.now()
            full = [t for t, n in self._busy.items() if n > _MOST_PER_TARGET - _BATCH]
            claimed = await self._letters.claim(
                now, after(now, LEASE_SECONDS), limit=_BATCH, excluded=full
            )
            if not claimed:
                return
            for letter in claimed:
                self._busy[letter.target] += 1
                self._tasks.start(self._deliver(letter))

    async def _deliver(self, letter: Letter) -> None:
        try:
            failure = await self._post(letter)
            await self._settle(letter, failure)
        except Unavailable as error:
            logger.warning("a dead letter will be delivered again: %s", error)
        except Exception:
            logger.exception("the dead letter of %s could not be delivered", letter.execution_id)
        finally:
            self._busy[letter.target] -= 1
            if self._busy[letter.target] == 0:
                del self._busy[letter.target]
            self._wanted.set()  # what was held back for this one

    async def _post(self, letter: Letter) -> str | None:
        """None if it has arrived, else why not."""
        url = self._targets.url(letter.target)
        if url is None:
            return "This service was not told which URL the target stands for."
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                request = self._http.stream(
                    "POST", url, content=letter.event, headers=headers_of(letter)
                )
                async with request as answer:  # whatever it says beyond its status is not read
                    status = answer.status_code
        except TimeoutError:
            return f"No answer within {_CALL_SECONDS:.0f} seconds."
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"[:_FAILURE_CHARACTERS]
        return None if 200 <= status < 300 else f"HTTP status {status}."

    async def _settle(self, letter: Letter, failure: str | None) -> None:
        if failure is None:
            await self._letters.delivered(letter)
            return
        now = self._clock.now()
        told = (letter.execution_arn or letter.function_arn, without_query(letter.target))
        if letter.tries < self._policy.max_tries:
            wait_seconds = self._policy.delay_seconds(letter.tries)
            await self._letters.postpone(letter, after(now, wait_seconds), failure)
            logger.warning(
                "the dead letter of %s to %s waits for try %d: %s", *told, letter.tries + 1, failure
            )
        else:
            kept_until = after(now, self._policy.kept_days * 86_400)
            await self._letters.give_up(letter, now, kept_until, failure)
            logger.error(
                "the dead letter of %s to %s is given up after %d tries, and kept for %d days, see "
                "GET /v1/dead-letters: %s",
                *told,
                letter.tries,
                self._policy.kept_days,
                failure,
            )


def headers_of(letter: Letter) -> dict[str, str]:
    """Why the event is here. Texts are percent-encoded UTF-8: a header holds ASCII only."""
    headers = {
        "content-type": "application/json",
        "x-perdure-dead-letter-id": letter.execution_id,
        "x-perdure-try": str(letter.tries),
        "x-perdure-function-arn": letter.function_arn,
        "x-perdure-status": letter.status,
        "x-perdure-error-code": "200",
        "x-perdure-error-type": _encoded(letter.error_type),
        "x-perdure-error-message": _encoded(letter.error_message),
    }
    if letter.request_id is not None:
        headers["x-perdure-request-id"] = letter.request_id
    if letter.execution_arn is not None:
        headers["x-amz-durable-execution-arn"] = letter.execution_arn
    return headers


def _encoded(text: str) -> str:
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")

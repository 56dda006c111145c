"""What an agent and its service tell each other, through restarts of either.

Three loops (registration, poll, heartbeat) and one task per result. A service that is away costs
nothing but time: what runs goes on, and its results are repeated until they are accepted.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, Protocol

from perdure.http.connections import ServiceAway
from perdure.http.pause import Pause
from perdure.worker.code import PackedCode
from perdure.worker.invocation import InvocationId, Result
from perdure.worker.polling import Intake, Polling
from perdure.worker.service_client import (
    Registered,
    Registration,
    ServiceClient,
    ServiceRefused,
    UnknownWorker,
)

RESULT_SECONDS: Final = 300.0

_MISSED_HEARTBEATS = 2
_DEFAULT_HEARTBEAT_SECONDS = 2.0


class RegistrationRefused(Exception):
    """The service will not have these functions; the text is its reason."""


class Board(Intake, Protocol):
    """What is served, what runs and what is free."""

    def registration(self) -> Registration: ...
    def registered(self, answer: Registered) -> None: ...
    def known(self) -> None: ...
    def packed(self, function_name: str) -> PackedCode | None: ...
    def held(self) -> Collection[InvocationId]: ...


class ServiceLink:
    def __init__(self, client: ServiceClient, board: Board, say: Callable[[str], None]) -> None:
        self._client = client
        self._board = board
        self._say = say
        self._due = asyncio.Event()
        self._due.set()
        self._registered = asyncio.Event()
        self._ever_registered = False
        self._is_away = False
        self._heartbeat_seconds = _DEFAULT_HEARTBEAT_SECONDS
        self._polling = Polling(client, board, registered=self._registered, lost=self._poll_failed)

    def register_again(self) -> None:
        """Something registered has changed. Polling goes on meanwhile."""
        self._due.set()

    async def keep_registered(self) -> None:
        """For ever. Raises RegistrationRefused if the service says no the first time."""
        pause = Pause()
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._register()
            except (ServiceAway, UnknownWorker) as error:
                self._away(error)
            except ServiceRefused as error:
                if not self._ever_registered:
                    raise RegistrationRefused(str(error)) from error
                self._say(f"the service refuses the registration: {error}")
            else:
                pause.reset()
                self._back()
                continue
            self._due.set()
            await pause.sleep()

    async def poll(self) -> None:
        """For ever: take work whenever there are slots for it."""
        await self._polling.run()

    async def heartbeat(self) -> None:
        """For ever, while registered."""
        missed = 0
        while True:
            await self._registered.wait()
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                await self._client.heartbeat(self._board.held())
            except UnknownWorker:
                self._lost()
            except (ServiceAway, ServiceRefused):
                missed += 1
                if missed >= _MISSED_HEARTBEATS:
                    self._polling.give_up()
            else:
                missed = 0
                self._board.known()

    async def report_with_a_poll(self, invocation_id: InvocationId, result: Result) -> None:
        """Deliver a result, with a poll if it fits into one; after five minutes in vain it is
        dropped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RESULT_SECONDS):
                if await self._polling.report(invocation_id, result):
                    return
                await self.report(invocation_id, result)
                return
        self._say(f"the result of {invocation_id} is lost: the service has been away for too long")

    async def report(self, invocation_id: InvocationId, result: Result) -> None:
        """Deliver a result; after five minutes in vain it is dropped."""
        now = asyncio.get_running_loop().time
        deadline = now() + RESULT_SECONDS
        pause = Pause()
        while True:
            try:
                await self._client.report(invocation_id, result)
                return
            except ServiceRefused as error:
                self._say(f"the service refuses the result of {invocation_id}: {error}")
                return
            except UnknownWorker:
                self._lost()
            except ServiceAway as error:
                if now() >= deadline:
                    self._say(f"the result of {invocation_id} is lost: {error}")
                    return
            await pause.sleep()

    async def leave(self) -> None:
        """Tell the service that this worker ends; what it still holds goes to others."""
        with suppress(ServiceAway, UnknownWorker, ServiceRefused):  # the heartbeats end anyway
            await self._client.leave()

    async def _register(self) -> None:
        answer = await self._client.register(
            self._board.registration(),
            self._board.held(),
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        for function in answer.functions:
            if function.code_missing and (packed := self._board.packed(function.name)) is not None:
                await self._put_code(function.name, packed)
        self._heartbeat_seconds = answer.heartbeat_seconds
        self._board.registered(answer)
        self._ever_registered = True
        self._registered.set()

    async def _put_code(self, function_name: str, packed: PackedCode) -> None:
        try:
            await self._client.put_code(packed.sha256, packed.content)
        except (ServiceRefused, UnknownWorker) as error:
            # It is served all the same; only PublishVersion needs the copy.
            self._say(f"the service refuses the code of {function_name}: {error}")

    def _poll_failed(self, error: Exception) -> None:
        self._away(error)
        self._lost()

    def _lost(self) -> None:
        self._registered.clear()
        self._due.set()

    def _away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            self._say(f"{error}; trying again")

    def _back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._say(f"{self._client.service} is back")

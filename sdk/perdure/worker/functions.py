"""What an agent serves, and the code behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from perdure.http.connections import ServiceAway
from perdure.worker.code import CodeFolder, CodeTooLarge, PackedCode, pack
from perdure.worker.code_cache import CodeCache, HeldCode
from perdure.worker.handler_spec import HandlerSpec
from perdure.worker.plan import LiveFolder
from perdure.worker.runtime import Runtime
from perdure.worker.service_client import (
    DurableConfig,
    FunctionRegistration,
    ServiceClient,
    ServiceRefused,
    UnknownWorker,
)
from perdure.worker.unpack import UnsafeCode

_FETCH_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServedFunction:
    """A function as its owner wants it; `durable` is None for a plain one. `dead_letter` is where
    the events of its failed asynchronous executions go."""

    spec: HandlerSpec
    runtime: Runtime
    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int = 128
    dead_letter: str | None = None

    def registration(self, live: LiveCode) -> FunctionRegistration:
        return FunctionRegistration(
            name=self.spec.name,
            durable=self.durable,
            timeout_seconds=self.timeout_seconds,
            memory_mb=self.memory_mb,
            runtime=self.runtime.name,
            handler=self.spec.handler,
            code_sha256=live.packed.sha256 if live.packed else None,
            dead_letter=self.dead_letter,
        )


@dataclass(frozen=True, slots=True)
class LiveCode:
    """A folder at one moment. `packed` is None if it is too large to be published."""

    folder: CodeFolder
    generation: int
    packed: PackedCode | None
    too_large: str | None = None


async def read_live_code(folder: CodeFolder, generation: int) -> LiveCode:
    try:
        return LiveCode(folder, generation, await asyncio.to_thread(pack, folder))
    except CodeTooLarge as error:
        return LiveCode(folder, generation, None, str(error))


class CodeUnavailable(Exception):
    """A version's code could not be had; the text says why."""


class PublishedCode:
    """Folders of published code by hash, fetched from the service once."""

    def __init__(self, cache: CodeCache, client: ServiceClient) -> None:
        self._cache = cache
        self._client = client
        self._fetching = WeakValueDictionary[str, asyncio.Lock]()

    @asynccontextmanager
    async def folder(self, code: LiveFolder | str) -> AsyncIterator[Path]:
        """Where the code of a plan lies; what was published stays there within. Raises
        CodeUnavailable, for an absent service only after a minute."""
        if isinstance(code, LiveFolder):
            yield code.path
            return
        with await self._hold(code) as held:
            yield held.folder

    async def _hold(self, sha256: str) -> HeldCode:
        deadline = asyncio.get_running_loop().time() + _FETCH_SECONDS
        # Whoever comes while it is fetched waits, and finds it.
        fetching = self._fetching.setdefault(sha256, asyncio.Lock())
        async with fetching:
            try:
                held = await asyncio.to_thread(self._cache.hold, sha256)
                if held is None:
                    content = await self._fetch(sha256, deadline)
                    held = await asyncio.to_thread(self._cache.add, sha256, content)
            except UnsafeCode as error:
                raise CodeUnavailable(str(error)) from error
            except OSError as error:
                raise CodeUnavailable(
                    f"The code cannot be kept in the worker's cache (--cache): {error}"
                ) from error
            return held

    async def _fetch(self, sha256: str, deadline: float) -> bytes:
        now = asyncio.get_running_loop().time
        while True:
            try:
                return await self._client.get_code(sha256)
            except (ServiceRefused, UnknownWorker) as error:
                raise CodeUnavailable(f"No code {sha256}: {error}") from error
            except ServiceAway as error:
                if now() >= deadline:
                    raise CodeUnavailable(f"No code {sha256}: {error}") from error
            await asyncio.sleep(_PAUSE_SECONDS)

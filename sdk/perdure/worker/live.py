"""Functions under development: served from the folders in which they are edited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from perdure.worker.code import CodeFolder, PackedCode
from perdure.worker.functions import LiveCode, ServedFunction, read_live_code
from perdure.worker.in_process_runtime import InProcessRuntime
from perdure.worker.invocation import Invocation
from perdure.worker.logging_config import DEFAULT, LoggingConfig
from perdure.worker.plan import ChildPlan, LiveFolder
from perdure.worker.reload import edits, forget_byte_code
from perdure.worker.service_client import FunctionRegistration
from perdure.worker.shared_slots import SharedSlots
from perdure.worker.slots import FunctionSlots
from perdure.worker.workshop import Slots, Workshop

LATEST: Final = "$LATEST"

Say = Callable[[str], None]


class LiveFunctions:
    """All of one agent, with their slots. Empty until it is opened."""

    def __init__(self, functions: Sequence[ServedFunction], excluded: frozenset[Path]) -> None:
        self._served = functions
        self._excluded = excluded.union(*(f.runtime.own_folders for f in functions))
        self._code: dict[Path, LiveCode] = {}
        self._functions: dict[str, _LiveFunction] = {}
        self.slots: dict[str, Slots] = {}

    async def open(self, concurrency: int, workshop: Workshop, say: Say) -> None:
        """Read the folders and get ready to serve from them."""
        for served in self._served:
            path = served.spec.folder
            if path not in self._code:
                await self._read(path, 0, say)
            function = _LiveFunction(served, self._code)
            self._functions[function.function_name] = function
            self.slots[function.function_name] = (
                SharedSlots(function, concurrency, workshop)
                if isinstance(served.runtime, InProcessRuntime)
                else FunctionSlots(function, concurrency, workshop)
            )

    @property
    def folders(self) -> Collection[Path]:
        return self._code.keys()

    def registrations(self) -> Sequence[FunctionRegistration]:
        return [function.registration() for function in self._functions.values()]

    def packed(self, function_name: str) -> PackedCode | None:
        function = self._functions.get(function_name)
        return function.code.packed if function else None

    def registered(self, region: str) -> None:
        """The service knows them, as functions of `region`: keep a process of each ready."""
        for function in self._functions.values():
            function.region = region
        for slots in self.slots.values():
            slots.warm_up()

    async def watch(self, path: Path, changed: Callable[[], None], say: Say) -> None:
        """Load edited code, for ever. `changed` hears of code that has another hash than before."""
        try:
            async for files in edits(self._code[path].folder):
                if await self._read_again(path, files, say):
                    changed()
                    self._serve_from(path)
        except OSError as error:
            say(f"{path} cannot be watched, edits need a restart: {error}")

    async def _read_again(self, path: Path, files: frozenset[Path], say: Say) -> bool:
        before = self._code[path]
        forget_byte_code(files)
        live = await read_live_code(before.folder, before.generation + 1)
        if not files and live.packed is None:
            return False  # nothing to compare by, and nothing says that it changed
        if before.packed and live.packed and before.packed.sha256 == live.packed.sha256:
            return False
        self._code[path] = live
        if before.packed is not None and live.too_large:
            say(live.too_large)
        return True

    def _serve_from(self, path: Path) -> None:
        for name, function in self._functions.items():
            if function.folder == path:
                self.slots[name].reload()

    async def _read(self, path: Path, generation: int, say: Say) -> None:
        live = await read_live_code(CodeFolder(path, self._excluded), generation)
        self._code[path] = live
        if live.too_large:
            say(live.too_large)


class _LiveFunction:
    """The plans of one: $LATEST is its folder as it is now, a version has its own copy."""

    def __init__(self, served: ServedFunction, code: Mapping[Path, LiveCode]) -> None:
        self._served = served
        self._code = code
        self.region = ""
        # As the newest invocation told.
        self._logging = DEFAULT
        self._memory_mb = served.memory_mb

    @property
    def function_name(self) -> str:
        return self._served.spec.name

    @property
    def folder(self) -> Path:
        return self._served.spec.folder

    @property
    def code(self) -> LiveCode:
        return self._code[self.folder]

    @property
    def warm(self) -> ChildPlan:
        handler, code = self._served.spec.handler, self._live_folder()
        return self._plan(LATEST, handler, code, self._logging, self._memory_mb)

    def plan_for(self, invocation: Invocation) -> ChildPlan:
        handler = invocation.handler or self._served.spec.handler
        code = self._live_folder() if invocation.code_sha256 is None else invocation.code_sha256
        if invocation.version == LATEST:
            self._logging, self._memory_mb = invocation.logging, invocation.memory_mb
        return self._plan(
            invocation.version, handler, code, invocation.logging, invocation.memory_mb
        )

    def registration(self) -> FunctionRegistration:
        return self._served.registration(self.code)

    def _live_folder(self) -> LiveFolder:
        return LiveFolder(self.folder, self.code.generation)

    def _plan(
        self,
        version: str,
        handler: str,
        code: LiveFolder | str,
        logging: LoggingConfig,
        memory_mb: int,
    ) -> ChildPlan:
        return ChildPlan(
            function_name=self.function_name,
            version=version,
            runtime=self._served.runtime,
            handler=handler,
            code=code,
            region=self.region,
            memory_mb=memory_mb,
            init_seconds=self._served.timeout_seconds,
            logging=logging,
        )

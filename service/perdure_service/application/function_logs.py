"""Functions' logs for people: of an execution, of a function, and what comes next."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.frozen import frozen
from perdure_service.domain.function_logs import LogGroup, group_of
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import ExecutionArn, ExecutionId, InvocationId, is_uuid
from perdure_service.ports.function_logs import KeptLine, LogGroups, LogIntake, LogReader, Sought
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.log import ExecutionLog

_LOOK_SECONDS = 1.0
"""What another replica has stored is found so late."""
_LARGEST_ID = 2**63 - 1

Read = Callable[[int], Awaitable[list[KeptLine]]]


@frozen
class LogQuery:
    """Which lines. After `cursor`, at most `wait_seconds` later if there are none yet; without one,
    the first ones or the `newest`."""

    request_id: str | None = None
    operation_id: str | None = None
    cursor: str | None = None
    newest: bool = False
    limit: int = 100
    wait_seconds: float = 0.0


@frozen
class LogPage:
    """Lines in the order in which they arrived. What comes after them is after `cursor`."""

    lines: Sequence[KeptLine]
    cursor: str


@dataclass(slots=True)
class ReadFunctionLogs:
    reader: LogReader
    groups: LogGroups
    intake: LogIntake
    catalogue: FunctionCatalogue
    resolve: ResolveFunction
    log: ExecutionLog
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end_waits(self) -> None:
        """Answer all who wait for lines: the service is stopping."""
        self._ended.set()

    async def of_execution(self, arn: str, query: LogQuery) -> LogPage:
        """Raises ResourceNotFound if there is no such execution and no line of it."""
        parsed = ExecutionArn.parse(arn)
        id_, request_id = _execution_id(parsed), _request_id(query)

        async def read(after: int) -> list[KeptLine]:
            sought = Sought(
                execution_id=id_, request_id=request_id, operation_id=query.operation_id
            )
            return await self._arrived(sought, after, query)

        async def check() -> None:
            await self.log.read(id_)

        return await self._page(read, check, query)

    async def of_function(self, name: str, query: LogQuery) -> LogPage:
        """Of all its versions. Raises ResourceNotFound if there is no such function and no log."""
        address = self.resolve.parse(name)
        request_id = _request_id(query)
        group_name, infix = await self._place(address.name)
        group: LogGroup | None = None

        async def read(after: int) -> list[KeptLine]:
            nonlocal group
            # Each time: it may be deleted, and made anew, while somebody follows.
            group = await self.groups.find_group(group_name)
            if group is None:
                return []
            sought = Sought(
                group=group,
                stream_infix=infix,
                request_id=request_id,
                operation_id=query.operation_id,
            )
            return await self._arrived(sought, after, query)

        async def check() -> None:
            if group is None:
                await self.catalogue.resolve(address.name, None)

        return await self._page(read, check, query)

    async def _arrived(self, sought: Sought, after: int, query: LogQuery) -> list[KeptLine]:
        newest = query.newest and not after
        return await self.reader.arrived(sought, after=after, limit=query.limit, newest=newest)

    async def _place(self, function_name: str) -> tuple[str, str | None]:
        """Its group, and what its streams have in their names if the group may be shared."""
        own = f"/aws/lambda/{function_name}"
        version = await self._latest(function_name)
        group = own if version is None else group_of(version)
        return group, None if group == own else f"/{function_name}["

    async def _latest(self, function_name: str) -> FunctionVersion | None:
        try:
            return await self.catalogue.resolve(function_name, None)
        except ResourceNotFound:
            return None  # deleted: its log is still there

    async def _page(
        self, read: Read, check: Callable[[], Awaitable[None]], query: LogQuery
    ) -> LogPage:
        """`check` raises if what has no line yet is not there at all."""
        after = _cursor(query.cursor)
        deadline = asyncio.get_running_loop().time() + query.wait_seconds
        while True:
            news = self.intake.news
            lines = await read(after)
            if not lines and query.cursor is None:
                await check()
            left_seconds = deadline - asyncio.get_running_loop().time()
            if lines or left_seconds <= 0 or self._ended.is_set():
                last = lines[-1].id if lines else after
                return LogPage(lines, str(last))
            await self._until_news(news, min(left_seconds, _LOOK_SECONDS))

    async def _until_news(self, news: asyncio.Event, limit_seconds: float) -> None:
        waits = {asyncio.ensure_future(news.wait()), asyncio.ensure_future(self._ended.wait())}
        try:
            await asyncio.wait(waits, timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _execution_id(arn: ExecutionArn) -> ExecutionId:
    if not is_uuid(arn.id):
        raise InvalidParameterValue(f"'{arn.id}' is not the id of an execution: give its ARN.")
    return arn.id


def _request_id(query: LogQuery) -> InvocationId | None:
    if query.request_id is None:
        return None
    if not is_uuid(query.request_id):
        raise InvalidParameterValue(
            f"'{query.request_id[:100]}' is not a request id: give a UUID in lower case."
        )
    return InvocationId(query.request_id)


def _cursor(text: str | None) -> int:
    if text is None:
        return 0
    if re.fullmatch("[0-9]{1,19}", text) is None or int(text) > _LARGEST_ID:
        raise InvalidParameterValue(
            f"'{text[:100]}' is no cursor: give the one of the last answer."
        )
    return int(text)

"""Log lines in Postgres: what is thrown away and when, and that reading goes by index."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import psycopg
import pytest

from perdure_service.domain.errors import Unavailable
from perdure_service.domain.function_logs import LogBatch, LogChunk, LogLine
from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import LogPolicy
from perdure_service.ports.function_logs import Place, Purged
from perdure_service.postgres import log_writer as writing
from perdure_service.postgres.clock import PostgresClock
from perdure_service.postgres.log_graveyard import PostgresLogGraveyard
from perdure_service.postgres.log_groups import PostgresLogGroups
from perdure_service.postgres.log_reading import LINES, PostgresLogReader
from perdure_service.postgres.log_writer import LogWriter
from perdure_service.postgres.look import set_clock
from perdure_service.postgres.reading import ReadPool
from perdure_service.scheduler import log_retention
from perdure_service.scheduler.log_retention import LogRetention
from tests.support.functions import ACCOUNT
from tests.support.waiting import eventually

DAY_SECONDS = 86_400
REQUEST = InvocationId("4f8b0f5e-0000-4000-8000-00000000000a")
EXECUTION = ExecutionId("0197e0c3-2c40-7000-8000-000000000001")
WORKER = WorkerId("4f8b0f5e-0000-4000-8000-00000000000b")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Logs:
    """The logs of one replica."""

    url: str
    clock: PostgresClock
    writer: LogWriter
    groups: PostgresLogGroups
    reader: PostgresLogReader

    async def write(self, group: str, *texts: str, days_ago: float = 0, stream: str = "s") -> None:
        at = after(self.clock.now(), -days_ago * DAY_SECONDS)
        lines = [LogLine(at, text.encode(), REQUEST, EXECUTION) for text in texts]
        await self.writer.keep(LogBatch((LogChunk(group, stream, lines),)))

    async def read(self, group: str) -> list[str]:
        found = await self.groups.find_group(group)
        if found is None:
            return []
        texts: list[str] = []
        start = Place(Instant(0), 0)
        while lines := await self.reader.by_time(
            found, start=start, end=None, streams=None, limit=10_000
        ):
            texts += [line.line.message.decode() for line in lines]
            start = Place(lines[-1].line.at, lines[-1].id + 1)
        return texts

    async def purge(self, *, days: int = 30, max_bytes: int = 1_000_000_000) -> Purged:
        graveyard = PostgresLogGraveyard(self.url)
        return await graveyard.purge(self.clock.now(), default_days=days, max_group_bytes=max_bytes)

    def counts(self) -> Sequence[int]:
        """Rows of lines, streams and groups."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM log_line), (SELECT count(*) FROM log_stream),"
                " (SELECT count(*) FROM log_group)"
            ).fetchone()
        assert row is not None
        return row


class Graveyard(PostgresLogGraveyard):
    """Tells when it has passed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._passed = asyncio.Event()

    async def purge(self, now: Instant, *, default_days: int, max_group_bytes: int) -> Purged:
        purged = await super().purge(
            now, default_days=default_days, max_group_bytes=max_group_bytes
        )
        self._passed.set()
        return purged

    async def until(self, logs: Logs, lines: int) -> None:
        async with asyncio.timeout(30):
            while logs.counts()[0] > lines:
                await self._passed.wait()
                self._passed.clear()


@pytest.fixture
async def logs(database_url: str) -> AsyncIterator[Logs]:
    pool = ReadPool(database_url, 2)
    clock = PostgresClock()
    await set_clock(pool, clock)
    writer = LogWriter(database_url, clock, ACCOUNT)
    running = asyncio.create_task(writer.run())
    try:
        groups = PostgresLogGroups(pool, ACCOUNT)
        yield Logs(database_url, clock, writer, groups, PostgresLogReader(pool))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await pool.close()


async def test_each_group_keeps_its_lines_as_long_as_it_says(logs: Logs) -> None:
    for group in ("default", "short", "long"):
        await logs.write(group, "old", days_ago=40)
        await logs.write(group, "middle", days_ago=10)
        await logs.write(group, "new")
    await logs.groups.set_retention(await logs.groups.group("short"), 7)
    await logs.groups.set_retention(await logs.groups.group("long"), 90)
    purged = await logs.purge(days=30)
    assert (purged.lines, purged.is_more) == (3, False)
    assert await logs.read("default") == ["middle", "new"]
    assert await logs.read("short") == ["new"]
    assert await logs.read("long") == ["old", "middle", "new"]
    assert (await logs.groups.group("short")).stored_bytes == len("new") + 26


async def test_a_group_that_is_too_large_loses_its_oldest_lines(logs: Logs) -> None:
    await logs.write("large", *(f"{n:04}" for n in range(1_000)))
    await logs.write("small", "kept")
    purged = await logs.purge(max_bytes=300 * 30)
    assert purged.over_size == ["large"]
    assert await logs.read("large") == [f"{n:04}" for n in range(700, 1_000)]
    assert await logs.read("small") == ["kept"]
    assert (await logs.purge(max_bytes=300 * 30)).over_size == []


async def test_one_that_grows_fast_is_cut_before_the_next_look(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_retention, "_FIRST_LOOK_SECONDS", 3_600)
    monkeypatch.setattr(log_retention, "_MUCH_BYTES", 10_000)
    graveyard = Graveyard(logs.url)
    policy = LogPolicy(retention_days=30, max_group_bytes=300 * 30)
    retention = LogRetention(graveyard, logs.clock, policy)
    logs.writer.on_written = retention.written
    running = asyncio.create_task(retention.run())
    try:
        await logs.write("large", *(f"{n:04}" for n in range(1_000)))
        await graveyard.until(logs, 300)
    finally:
        running.cancel()
    assert await logs.read("large") == [f"{n:04}" for n in range(700, 1_000)]


async def test_one_that_is_far_too_large_is_cut_without_a_rest(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_retention, "_PAUSE_SECONDS", 3_600)
    for _ in range(3):
        await logs.write("large", *["x"] * 4_000)
    graveyard = Graveyard(logs.url)
    policy = LogPolicy(retention_days=30, max_group_bytes=300 * 27)
    retention = LogRetention(graveyard, logs.clock, policy)
    running = asyncio.create_task(retention.run())
    try:
        retention.wake()
        await graveyard.until(logs, 300)
    finally:
        running.cancel()


async def test_what_was_deleted_is_thrown_away_with_its_streams(logs: Logs) -> None:
    await logs.write("gone", "a", "b", stream="one")
    await logs.write("gone", "c", stream="two")
    await logs.write("partly", "d", stream="one")
    await logs.write("partly", "e", stream="two")
    partly = await logs.groups.group("partly")
    now = logs.clock.now()
    await logs.groups.delete_group(await logs.groups.group("gone"), now)
    await logs.groups.delete_stream(await logs.groups.stream(partly, "one"), now)
    assert await logs.read("partly") == ["e"]
    assert (await logs.purge()).lines == 4
    assert logs.counts() == (1, 1, 1)


async def test_streams_without_lines_go_when_they_are_old(logs: Logs) -> None:
    await logs.write("g", "old", days_ago=40, stream="old")
    await logs.write("g", "new", stream="new")
    with psycopg.connect(logs.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE log_stream SET ingested_at = ingested_at - interval '40 days'"
            " WHERE name = 'old'"
        )
    await logs.purge(days=30)
    assert logs.counts() == (1, 1, 1)


async def test_a_purge_locks_groups_in_the_order_of_writers(logs: Logs) -> None:
    for group in ("b", "c", "a"):
        await logs.write(group, "old", days_ago=40)
    with psycopg.connect(logs.url) as writer, psycopg.connect(logs.url, autocommit=True) as other:
        writer.execute("UPDATE log_group SET stored_bytes = stored_bytes WHERE name = 'a'")
        purging = asyncio.create_task(logs.purge(days=30))
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'perdure log purges' AND wait_event_type = 'Lock'"
        )
        await asyncio.to_thread(eventually, lambda: other.execute(waiting).fetchone())
        for group in ("b", "c"):
            other.execute("SELECT FROM log_group WHERE name = %s FOR UPDATE NOWAIT", [group])
        writer.rollback()
        assert (await purging).lines == 3


async def test_a_purge_is_bounded(logs: Logs) -> None:
    for _ in range(3):
        await logs.write("g", *["old"] * 4_000, days_ago=40)
    purged = await logs.purge()
    assert (purged.lines, purged.is_more) == (5_000, True)


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("l.group_id = 1 AND l.operation_id = 'op-7'", "log_line_operation_id_idx"),
        (f"l.execution_id = '{EXECUTION}'", "log_line_execution_id_idx"),
        (f"l.request_id = '{REQUEST}'", "log_line_request_id_idx"),
    ],
)
async def test_whose_lines_are_sought_is_found_by_index(
    logs: Logs, condition: str, index: str
) -> None:
    ids = [f"0197e0c3-2c40-7000-8000-{n:012}" for n in range(1_000)]
    now = logs.clock.now()
    lines = [
        LogLine(now, b"x", InvocationId(id_), ExecutionId(id_), f"op-{n}")
        for n, id_ in enumerate(ids)
    ]
    await logs.writer.keep(LogBatch((LogChunk("g", "s", lines),)))
    query = LINES.format(where=f"l.id > 0 AND {condition}", order="l.id")
    with psycopg.connect(logs.url, autocommit=True) as connection:
        connection.execute("ANALYZE log_line")
        explained = connection.execute(
            f"EXPLAIN {query}", {"limit": 100, "max_bytes": 1_000_000}
        ).fetchall()
    assert any(index in line for (line,) in explained), explained


def test_a_stream_has_no_index_on_what_every_line_changes(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        indexed = connection.execute(
            "SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid"
            " AND attnum = ANY(indkey) WHERE indrelid = 'log_stream'::regclass"
        ).fetchall()
    assert {name for (name,) in indexed} == {"id", "group_id", "name"}


async def test_a_batch_is_known_again_by_its_number(logs: Logs) -> None:
    def batch(number: int, text: str) -> LogBatch:
        line = LogLine(logs.clock.now(), text.encode())
        return LogBatch((LogChunk("g", "s", [line]),), WORKER, number)

    await asyncio.gather(*(logs.writer.keep(batch(1, "one")) for _ in range(5)))
    await logs.writer.keep(batch(2, "two"))
    await logs.writer.keep(batch(1, "one"))
    await logs.writer.keep(LogBatch((LogChunk("g", "s", []),), WORKER, 3))
    assert await logs.read("g") == ["one", "two"]


async def test_what_postgres_refuses_takes_nothing_else_with_it(logs: Logs) -> None:
    now = logs.clock.now()
    bad = LogBatch((LogChunk("g", "s", [LogLine(now, b"x", operation_id="a\0b")]),))
    good = [LogBatch((LogChunk("g", "s", [LogLine(now, b"good")]),)) for _ in range(3)]
    results = await asyncio.gather(
        *(logs.writer.keep(batch) for batch in (good[0], bad, *good[1:])), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == [
        "NoneType",
        "InvalidParameterValue",
        "NoneType",
        "NoneType",
    ]
    assert await logs.read("g") == ["good"] * 3


async def test_what_waits_is_bounded(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_WAITING_BYTES", 100)
    with pytest.raises(Unavailable, match="Too many log lines wait"):
        await logs.write("g", "x" * 200)
    await logs.write("g", "small")
    assert await logs.read("g") == ["small"]


async def test_a_lost_connection_is_told_and_opened_again(logs: Logs) -> None:
    await logs.write("g", "before")
    with psycopg.connect(logs.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'perdure logs' AND datname = current_database()"
        )
    with contextlib.suppress(Unavailable):
        await logs.write("g", "lost")
    await logs.write("g", "after")
    assert [line for line in await logs.read("g") if line != "lost"] == ["before", "after"]

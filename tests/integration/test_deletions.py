"""Deleted versions are remembered until nothing of them can be open any more."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from perdure_service.domain.execution import ExecutionStatus
from perdure_service.postgres.deletions import PostgresDeletions
from perdure_service.scheduler.deletions import FailDeleted
from tests.support.logs import Replica, replica


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def note_deleted(url: str, version_id: str, *, seconds_ago: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO deleted_version VALUES"
            " (%s, '000000000000', 'order', clock_timestamp() - make_interval(secs => %s))",
            (version_id, seconds_ago),
        )


def noted(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM deleted_version").fetchone()
    assert row is not None
    return int(row[0])


def service(one: Replica) -> FailDeleted:
    return FailDeleted(PostgresDeletions(one.pool), one.log, one.clock)


async def test_an_old_deletion_is_forgotten_once_nothing_is_open(database_url: str) -> None:
    async with replica(database_url) as one:
        execution = await one.started(1)
        note_deleted(database_url, execution.identity.function_version_id, seconds_ago=60)
        await service(one).work_off()
        failed = await one.log.read(execution.id)
        assert failed.status is ExecutionStatus.FAILED
        await service(one).work_off()
        assert noted(database_url) == 0


async def test_a_young_one_is_kept_since_another_replica_may_not_know_yet(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        note_deleted(database_url, str(uuid.uuid4()), seconds_ago=0)
        await service(one).work_off()
        assert noted(database_url) == 1

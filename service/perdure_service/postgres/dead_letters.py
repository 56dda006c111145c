"""Dead letters in Postgres. A claim moves `due_at` into the future and counts a try; whoever writes
back names that try, so that one who was too slow changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perdure_service.domain.ids import ExecutionId, part_of
from perdure_service.domain.instant import Instant
from perdure_service.ports.dead_letters import Letter
from perdure_service.postgres.arrays import OneInstant, Texts
from perdure_service.postgres.reading import ReadPool

_COLUMNS = (
    "execution_id, execution_arn, function_arn, target, event, status, error_type, error_message,"
    " request_id, closed_at, due_at, tries, last_failure, given_up_at"
)
_MOST_THROWN_AWAY = 100
_TRY = "part = %(part)s AND execution_id = %(id)s AND tries = %(tries)s"

CLAIM = f"""
WITH expired AS (
  SELECT part, execution_id FROM dead_letter
   WHERE due_at <= %(now)s AND given_up_at IS NOT NULL
   ORDER BY due_at LIMIT {_MOST_THROWN_AWAY} FOR UPDATE SKIP LOCKED),
thrown_away AS (
  DELETE FROM dead_letter d USING expired e
   WHERE (d.part, d.execution_id) = (e.part, e.execution_id)),
due AS (
  SELECT part, execution_id FROM dead_letter
   WHERE due_at <= %(now)s AND given_up_at IS NULL AND target <> ALL(%(excluded)s)
   ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE dead_letter d SET tries = d.tries + 1, due_at = %(until)s FROM due
 WHERE (d.part, d.execution_id) = (due.part, due.execution_id)
RETURNING d.{_COLUMNS.replace(", ", ", d.")}
"""
_DELIVERED = f"DELETE FROM dead_letter WHERE {_TRY}"
_POSTPONE = f"UPDATE dead_letter SET due_at = %(due_at)s, last_failure = %(failure)s WHERE {_TRY}"
_GIVE_UP = (
    "UPDATE dead_letter SET due_at = %(due_at)s, last_failure = %(failure)s,"
    f" given_up_at = %(now)s WHERE {_TRY}"
)
_FIND = (
    f"SELECT {_COLUMNS} FROM dead_letter WHERE execution_id > %(after)s"
    " ORDER BY execution_id LIMIT %(limit)s"
)
_RESTART = (
    "UPDATE dead_letter SET due_at = %(now)s, tries = 0, given_up_at = NULL"
    " WHERE part = %(part)s AND execution_id = %(id)s"
)
_DISCARD = "DELETE FROM dead_letter WHERE part = %(part)s AND execution_id = %(id)s"

_FIRST_ID = "00000000-0000-0000-0000-000000000000"


class PostgresDeadLetters:
    """Implements `ports.dead_letters.DeadLetters`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def claim(
        self, now: Instant, until: Instant, *, limit: int, excluded: Sequence[str]
    ) -> list[Letter]:
        parameters = {
            "now": OneInstant(now),
            "until": OneInstant(until),
            "limit": limit,
            "excluded": Texts(excluded),
        }
        return await self._letters(CLAIM, parameters)

    async def delivered(self, letter: Letter) -> None:
        await self._change(_DELIVERED, _try_of(letter))

    async def postpone(self, letter: Letter, due_at: Instant, failure: str) -> None:
        changes = {"due_at": OneInstant(due_at), "failure": failure}
        await self._change(_POSTPONE, {**_try_of(letter), **changes})

    async def give_up(
        self, letter: Letter, now: Instant, kept_until: Instant, failure: str
    ) -> None:
        changes = {"due_at": OneInstant(kept_until), "now": OneInstant(now), "failure": failure}
        await self._change(_GIVE_UP, {**_try_of(letter), **changes})

    async def find(self, *, after: ExecutionId | None, limit: int) -> list[Letter]:
        return await self._letters(_FIND, {"after": after or _FIRST_ID, "limit": limit})

    async def restart(self, id_: ExecutionId, now: Instant) -> bool:
        return await self._change(_RESTART, {**_key_of(id_), "now": OneInstant(now)})

    async def discard(self, id_: ExecutionId) -> bool:
        return await self._change(_DISCARD, _key_of(id_))

    async def _letters(self, query: str, parameters: Mapping[str, Any]) -> list[Letter]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, parameters, binary=True)
            rows = await cursor.fetchall()
        return [_letter(row) for row in rows]

    async def _change(self, query: str, parameters: Mapping[str, Any]) -> bool:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, parameters)
        return cursor.rowcount == 1


def _key_of(id_: ExecutionId) -> dict[str, Any]:
    return {"part": part_of(id_), "id": id_}


def _try_of(letter: Letter) -> dict[str, Any]:
    return {**_key_of(letter.execution_id), "tries": letter.tries}


def _letter(row: Sequence[Any]) -> Letter:
    (id_, arn, function, target, event, status, error_type, error_message, *rest) = row
    request_id, closed_at, due_at, tries, last_failure, given_up_at = rest
    return Letter(
        execution_id=ExecutionId(id_),
        execution_arn=arn,
        function_arn=function,
        target=target,
        event=bytes(event),
        status=status,
        error_type=bytes(error_type).decode(),
        error_message=bytes(error_message).decode(),
        request_id=request_id,
        closed_at=closed_at,
        due_at=due_at,
        tries=tries,
        last_failure=last_failure,
        given_up_at=given_up_at,
    )

"""The once-a-second look: one statement for all that a replica would otherwise poll for.

NOTIFY and local memory only save time; whatever they miss is found here: timers overdue by a
quarter of a second, timers that come due soon, ready invocations (the oldest of each function
version, so that a crowd of one hides no other's), invocations whose worker is
gone or does not have them, notices, executions that callers of this replica wait for, and whether
a dead letter is due. The same statement says which workers live, and reads the clock and the limits
of functions, which come in the guise of instants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perdure_service.domain.execution import ParentLink
from perdure_service.domain.ids import (
    ExecutionId,
    FunctionVersionId,
    InvocationId,
    WorkerId,
    part_of,
)
from perdure_service.domain.instant import MICROSECONDS, after
from perdure_service.ports.look import LookRequest, Ready, Sighting
from perdure_service.ports.workers import Claimed
from perdure_service.postgres.arrays import Instants, Int2s, Int4s, OneInstant, Texts, Uuids
from perdure_service.postgres.clock import PostgresClock, monotonic_seconds
from perdure_service.postgres.function_limits import READ_LIMITS, PostgresLimits
from perdure_service.postgres.reading import ReadPool

OVERDUE_SECONDS = 0.25
_LIMIT = 1_000
MOST_READY_EACH = 500
_MOST_READY = 5_000
_MOST_UPCOMING = 50_000  # what is left out is found overdue, a second late

LOOK = f"""
WITH RECURSIVE waiting(version_id) AS (
  (SELECT function_version_id FROM invocation WHERE worker_id IS NULL
    ORDER BY function_version_id LIMIT 1)
  UNION ALL
  SELECT (SELECT function_version_id FROM invocation
           WHERE worker_id IS NULL AND function_version_id > waiting.version_id
           ORDER BY function_version_id LIMIT 1)
    FROM waiting WHERE waiting.version_id IS NOT NULL),
alive AS (
  INSERT INTO worker AS w (id, host, pid, seen_at)
  SELECT id, host, pid, seen_at
    FROM unnest(%(ids)s::uuid[], %(hosts)s::text[], %(pids)s::int[], %(seen)s::timestamptz[])
      AS h(id, host, pid, seen_at) ORDER BY id
  ON CONFLICT (id) DO UPDATE SET seen_at = greatest(w.seen_at, excluded.seen_at))
(SELECT 'timer' AS what, execution_id AS id, NULL::uuid AS other, NULL::text AS operation_id,
        due_at AS at
   FROM timer WHERE due_at <= %(overdue)s ORDER BY due_at LIMIT {_LIMIT})
UNION ALL
(SELECT 'upcoming', execution_id, NULL, NULL, due_at
   FROM timer WHERE due_at > %(upcoming_from)s AND due_at <= %(upcoming_to)s
  ORDER BY due_at LIMIT {_MOST_UPCOMING})
UNION ALL
(SELECT 'ready', oldest.execution_id, v.id, NULL, oldest.ready_at
   FROM waiting JOIN function_version v ON v.id = waiting.version_id
  CROSS JOIN LATERAL (
        SELECT execution_id, ready_at, row_number() OVER (ORDER BY ready_at) AS place
          FROM invocation
         WHERE function_version_id = v.id AND worker_id IS NULL AND ready_at <= %(now)s
         ORDER BY ready_at LIMIT {MOST_READY_EACH}) AS oldest
  WHERE v.image_uri IS NOT NULL OR CASE WHEN v.deployed THEN v.runtime = ANY(%(runtimes)s)
                                        ELSE v.function_name = ANY(%(served)s) END
  ORDER BY oldest.place, oldest.ready_at LIMIT {_MOST_READY})
UNION ALL
(SELECT 'lost', i.execution_id, i.invocation_id, NULL, i.ready_at
   FROM invocation i LEFT JOIN worker w ON w.id = i.worker_id
  WHERE %(may_end_leases)s AND i.worker_id IS NOT NULL AND i.ready_at < %(lease_began)s
    AND i.worker_id <> ALL(%(ids)s)
    AND (w.seen_at IS NULL OR w.seen_at < %(lease_began)s) LIMIT {_LIMIT})
UNION ALL
(SELECT 'claimed', execution_id, invocation_id, worker_id::text, ready_at
   FROM invocation
  WHERE worker_id = ANY(%(ids)s) AND ready_at < %(claimed_before)s)
UNION ALL
(SELECT 'notice', parent_id, child_id, operation_id, created_at
   FROM notice WHERE created_at <= %(overdue)s ORDER BY created_at LIMIT {_LIMIT})
UNION ALL
(SELECT 'closed', w.id, NULL, NULL, e.ended_at
   FROM unnest(%(parts)s::smallint[], %(awaited)s::uuid[]) AS w(part, id)
   LEFT JOIN execution e ON (e.part, e.id) = (w.part, w.id)
  WHERE e.id IS NULL OR e.ended_at IS NOT NULL)
UNION ALL
(SELECT 'letter', execution_id, NULL, NULL, due_at
   FROM dead_letter WHERE due_at <= %(now)s ORDER BY due_at LIMIT 1)
UNION ALL
(SELECT 'limit', NULL, NULL, name, to_timestamp(reserved_concurrency) FROM ({READ_LIMITS}) AS l)
UNION ALL
(SELECT 'clock', NULL, NULL, NULL, clock_timestamp())
"""


class PostgresLook:
    """Implements `ports.look.Look`, and keeps the clock set and the limits of functions known."""

    def __init__(self, pool: ReadPool, clock: PostgresClock, limits: PostgresLimits) -> None:
        self._pool = pool
        self._clock = clock
        self._limits = limits

    async def __call__(self, request: LookRequest) -> Sighting:
        """Raises Unavailable."""
        workers = request.workers
        parameters = {
            "now": OneInstant(request.now),
            "ids": Uuids([heard.card.id for heard in workers]),
            "hosts": Texts([heard.card.host for heard in workers]),
            "pids": Int4s([heard.card.pid for heard in workers]),
            "seen": Instants([after(request.now, -heard.seconds_ago) for heard in workers]),
            "overdue": OneInstant(after(request.now, -OVERDUE_SECONDS)),
            "upcoming_from": OneInstant(request.upcoming_from),
            "upcoming_to": OneInstant(request.upcoming_to),
            "served": Texts(list(request.served)),
            "runtimes": Texts(list(request.runtimes)),
            "may_end_leases": request.may_end_leases,
            "lease_began": OneInstant(after(request.now, -request.lease_seconds)),
            "claimed_before": OneInstant(request.claimed_before),
            "parts": Int2s([part_of(id_) for id_ in request.awaited]),
            "awaited": Uuids(list(request.awaited)),
        }
        async with self._pool.connection() as connection:
            before = monotonic_seconds()
            cursor = await connection.execute(LOOK, parameters, binary=True)
            rows = await cursor.fetchall()
            done = monotonic_seconds()
        sighting = Sighting()
        limits: dict[str, int] = {}
        for what, id_, other, operation_id, at in rows:
            match what:
                case "timer":
                    sighting.overdue.append(ExecutionId(id_))
                case "upcoming":
                    sighting.upcoming.append((at, ExecutionId(id_)))
                case "ready":
                    sighting.ready.append(Ready(FunctionVersionId(other), ExecutionId(id_)))
                case "lost":
                    sighting.lost.append((ExecutionId(id_), InvocationId(other)))
                case "claimed":
                    ids = ExecutionId(id_), InvocationId(other), WorkerId(operation_id)
                    sighting.claimed.append(Claimed(*ids))
                case "notice":
                    parent = ParentLink(ExecutionId(id_), operation_id)
                    sighting.notices.append((parent, ExecutionId(other)))
                case "closed":
                    sighting.closed.append(ExecutionId(id_))
                case "letter":
                    sighting.letters_are_due = True
                case "limit":
                    limits[operation_id] = at // MICROSECONDS
                case "clock":
                    self._clock.sample(before, at, done)
        self._limits.see(limits)
        sighting.left_out = _left_out(sighting.ready)
        sighting.is_full = _LIMIT in (
            len(sighting.overdue),
            len(sighting.lost),
            len(sighting.notices),
        )
        return sighting


def _left_out(ready: Sequence[Ready]) -> set[FunctionVersionId]:
    """The versions of which there may be more than was read."""
    told = Counter(one.function_version_id for one in ready)
    if len(ready) == _MOST_READY:
        return set(told)
    return {version_id for version_id, count in told.items() if count == MOST_READY_EACH}


async def set_clock(pool: ReadPool, clock: PostgresClock, samples: int = 5) -> None:
    """Set `clock` before the first look: the best of `samples` readings. Raises Unavailable."""
    async with pool.connection() as connection:
        for _ in range(samples):
            before = monotonic_seconds()
            cursor = await connection.execute("SELECT clock_timestamp()", binary=True)
            row = await cursor.fetchone()
            assert row is not None
            clock.sample(before, row[0], monotonic_seconds())

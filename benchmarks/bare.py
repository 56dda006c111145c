"""Commits without a service: the floor that Postgres and the disk set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.lambda_api import STEP_RESULT
from benchmarks.stack import Stack

_SAME_ROWS = """
WITH moved AS (
  UPDATE execution SET version = version + 1, nonce = %(n)s, last_event_id = last_event_id + 2,
         operation_count = operation_count + 1, stored_bytes = stored_bytes + %(bytes)s,
         ticked_at = %(now)s, token_seq = token_seq + 1, token_nonce = %(n)s,
         seen_event_id = last_event_id + 2, seen_now = %(now)s,
         previously_seen_event_id = last_event_id, previously_seen_now = %(now)s
   WHERE part = %(part)s AND id = %(id)s AND version = %(version)s
  RETURNING part, id, last_event_id)
INSERT INTO event
    (part, execution_id, event_id, type, at, operation_id, name, sub_type, payload, detail)
SELECT part, id, last_event_id + step, type, %(now)s, %(operation)s, %(name)s, 'Step',
       payload, detail
  FROM moved, (VALUES
         (-1, 'StepStarted', NULL::bytea, NULL::jsonb),
         (0, 'StepSucceeded', %(payload)s, '{"number": 1}')) AS step(step, type, payload, detail)
"""


def same_rows_seconds(stack: Stack, commits: int) -> list[float]:
    """The rows of a checkpoint with two updates, as one statement in one commit; what each took.
    Writes into an execution that nobody runs."""
    connection = stack.admin
    part, id_, version = connection.execute(
        "SELECT part, id, version FROM execution WHERE status = 'RUNNING' ORDER BY id DESC LIMIT 1"
    ).fetchall()[0]
    now = connection.execute("SELECT now()").fetchall()[0][0]

    def commit(number: int) -> None:
        values = {
            "part": part,
            "id": id_,
            "version": version + number,
            "n": 2**60 + number,
            "now": now,
            "bytes": len(STEP_RESULT),
            "operation": f"{number:032x}",
            "name": f"charge card {number}",
            "payload": STEP_RESULT.encode(),
        }
        moved = connection.execute(_SAME_ROWS, values, prepare=True, binary=True).rowcount
        assert moved == 2, "somebody else moved the execution"

    return _timed(commits, commit)


def bare_seconds(stack: Stack, commits: int) -> list[float]:
    """The smallest commit that is flushed: one row of one int."""
    connection = stack.admin
    connection.execute("CREATE TABLE IF NOT EXISTS bare (n int)")

    def commit(number: int) -> None:
        connection.execute("INSERT INTO bare VALUES (%s)", (number,), prepare=True)

    return _timed(commits, commit)


def flush_seconds(folder: Path, flushes: int) -> list[float]:
    """Eight KiB written and flushed, as Postgres flushes its log: the disk alone."""
    path = folder / "flush"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(fd, bytes(1 << 20))
        os.fsync(fd)

        def flush(number: int) -> None:
            os.pwrite(fd, bytes(8192), number % 128 * 8192)
            os.fdatasync(fd)

        return _timed(flushes, flush)
    finally:
        os.close(fd)
        path.unlink()


def _timed(times: int, work: Callable[[int], None]) -> list[float]:
    taken = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - began)
    return taken

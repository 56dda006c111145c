"""The schema: migrations and metadata agree, queries use their indexes, lax servers are refused."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.dead_letters import CLAIM
from perdure_service.postgres.durability import UnsafePostgres, refuse, unsafe_settings
from perdure_service.postgres.function_limits import count
from perdure_service.postgres.log_reading import LINES
from perdure_service.postgres.look import LOOK
from perdure_service.postgres.migrate import migrate
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.tables import metadata

FILL = """
INSERT INTO function (account, name, latest_version_id, region, created_at)
  VALUES ('0', 'f', '00000000-0000-0000-0000-000000000001', 'r', now());
INSERT INTO function_version (id, account, function_name, version, region, timeout_seconds,
    memory_mb, package_type, description, revision_id, created_at)
  VALUES ('00000000-0000-0000-0000-000000000001', '0', 'f', '$LATEST', 'r', 1, 1, 'Zip', '', '',
    now());
INSERT INTO timer (part, execution_id, kind, operation_id, due_at)
  SELECT n % 4096, gen_random_uuid(), 'wait end', 'w', now() + n * interval '1 second'
    FROM generate_series(1, 20000) n;
INSERT INTO invocation (part, execution_id, function_version_id, ready_at)
  SELECT n % 4096, gen_random_uuid(), '00000000-0000-0000-0000-000000000001',
         now() + n * interval '1 second' FROM generate_series(1, 20000) n;
INSERT INTO event (part, execution_id, event_id, type, at)
  SELECT e % 4096, ('00000000-0000-0000-0000-' || lpad(e::text, 12, '0'))::uuid, n,
         'StepStarted', now() FROM generate_series(1, 40) e, generate_series(1, 500) n;
INSERT INTO dead_letter (part, execution_id, function_arn, target, event, status, error_type,
    error_message, closed_at, due_at)
  SELECT n % 4096, gen_random_uuid(), 'f', 't', '', 'FAILED', '', '', now(),
         now() + n * interval '1 second' FROM generate_series(1, 20000) n;
INSERT INTO log_group (account, name, created_at)
  SELECT '0', n::text, now() FROM generate_series(1, 10) n;
INSERT INTO log_stream (group_id, name, created_at)
  SELECT 1 + n % 10, n::text, now() FROM generate_series(1, 100) n;
INSERT INTO log_line (group_id, stream_id, at, ingested_at, request_id, execution_id, message)
  SELECT 1 + n % 10, 1 + n % 100, now() + n * interval '1 ms', now(), gen_random_uuid(),
         gen_random_uuid(), '' FROM generate_series(1, 20000) n;
ANALYZE;
"""


@pytest.fixture
def filled(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database_url


def scans_of(
    url: str, query: str, parameters: dict[str, object] | None = None
) -> dict[str, set[str]]:
    """How each table is read: its name to the kinds of its scans and their indexes."""
    with psycopg.connect(url) as connection:
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode(), parameters).fetchone()
    assert row is not None
    scans: dict[str, set[str]] = {}
    nodes = [entry["Plan"] for entry in row[0]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        scanned = node.get("Relation Name") if "Scan" in node["Node Type"] else None
        if scanned is not None or "Index Name" in node:
            name = scanned or node["Index Name"].split("_")[0]
            scans.setdefault(name, set()).add(node.get("Index Name", node["Node Type"]))
    return scans


def test_the_migrations_make_what_the_metadata_says(database_url: str) -> None:
    engine = sa.create_engine(sqlalchemy_url(database_url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_row_that_breaks_an_invariant_fails_the_test_that_wrote_it(filled: str) -> None:
    with (
        psycopg.connect(filled) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="event_ids_start_at_one"),
    ):
        connection.execute("UPDATE event SET event_id = -event_id")


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    migrate(database_url)


def test_the_look_finds_timers_and_ready_invocations_by_index(filled: str) -> None:
    parameters = {
        "now": "2000-01-02Z",
        "overdue": "2000-01-01Z",
        "upcoming_from": "2000-01-01Z",
        "upcoming_to": "2000-01-02Z",
        "lease_began": "2000-01-01Z",
        "claimed_before": "2000-01-01Z",
        "seen": [],
        "may_end_leases": True,
        "served": ["f"],
        "runtimes": ["python3.13"],
        "ids": [],
        "hosts": [],
        "pids": [],
        "parts": [],
        "awaited": [],
    }
    scans = scans_of(filled, LOOK, parameters)
    assert scans["timer"] <= {"timer_due_at_idx", "Bitmap Heap Scan"}
    assert scans["invocation"] <= {
        "invocation_ready_at_idx",
        "invocation_worker_id_idx",
        "Bitmap Heap Scan",
    }
    assert scans["dead_letter"] == {"dead_letter_due_at_idx"}


def test_what_runs_is_counted_without_reading_what_waits(filled: str) -> None:
    query = count([("0", "f")]).sql.replace("$1", "'{0}'").replace("$2", "'{f}'")
    assert scans_of(filled, query)["invocation"] <= {"invocation_worker_id_idx", "Bitmap Heap Scan"}


def test_dead_letters_are_claimed_by_index(filled: str) -> None:
    parameters = {"now": "2000-01-01Z", "until": "2000-01-01Z", "limit": 4, "excluded": []}
    scans = scans_of(filled, CLAIM, parameters)
    assert scans["dead_letter"] <= {"dead_letter_due_at_idx", "dead_letter_pkey"}
    assert "dead_letter_due_at_idx" in scans["dead_letter"]


def test_a_page_of_history_reads_its_stretch_of_the_log_only(filled: str) -> None:
    query = (
        "SELECT * FROM event WHERE part = 7 AND"
        " execution_id = '00000000-0000-0000-0000-000000000007'"
        " AND event_id > 100 AND event_id <= 200 ORDER BY event_id LIMIT 50"
    )
    assert scans_of(filled, query) == {"event": {"event_pkey"}}


@pytest.mark.parametrize(
    ("where", "order", "index"),
    [
        ("l.group_id = 1 AND l.id > 10000", "l.id", "log_line_pkey"),
        ("l.group_id = 1 AND l.id > 0", "l.id DESC", "log_line_pkey"),
        (
            "l.group_id = 1 AND (l.at, l.id) >= (now(), 5)",
            "l.at, l.id",
            "log_line_at_idx",
        ),
        (
            "l.stream_id = 1 AND (l.at, l.id) >= (now(), 5) AND (l.at, l.id) < (now(), 900)",
            "l.at DESC, l.id DESC",
            "log_line_stream_id_idx",
        ),
        (
            "l.execution_id = '00000000-0000-0000-0000-000000000007' AND l.id > 0",
            "l.id",
            "log_line_execution_id_idx",
        ),
        (
            "l.request_id = '00000000-0000-0000-0000-000000000007' AND l.group_id = 1",
            "l.id",
            "log_line_request_id_idx",
        ),
    ],
)
def test_log_lines_are_read_by_index(filled: str, where: str, order: str, index: str) -> None:
    query = LINES.format(where=where, order=order).replace("%(limit)s", "10")
    query = query.replace("%(max_bytes)s", "1000")
    assert scans_of(filled, query)["log_line"] == {index}


async def test_a_server_that_may_lose_commits_is_refused(database_url: str) -> None:
    pool = ReadPool(database_url, 1)
    try:
        assert await unsafe_settings(pool) == []
        name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
        await pool.close()
        unsafe = await unsafe_settings(pool)
        assert unsafe == ["synchronous_commit=off"]
        with pytest.raises(UnsafePostgres, match="--unsafe-durability"):
            refuse(unsafe)
    finally:
        await pool.close()

"""`perdure.client` for functions, aliases, test events, logs and workers, against the service."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from perdure.client import (
    Client,
    Conflict,
    DurableConfig,
    FunctionSettings,
    InvalidRequest,
    LoggingConfig,
    NotFound,
    PreconditionFailed,
    ZipCode,
)
from perdure.utc_clock import utc_now
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.url, environment={}) as client:
        yield client


def zipped(text: str) -> ZipCode:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", text)
    return ZipCode(content.getvalue())


SETTINGS = FunctionSettings(
    runtime="python3.13",
    handler="app.handler",
    description="first",
    timeout_seconds=9,
    memory_mb=256,
    environment={"STAGE": "test"},
    durable=DurableConfig(60, 7),
    dead_letter_target="http://127.0.0.1:1/letters",
    logging=LoggingConfig("JSON", group="/shop"),
)


def test_a_function_from_creation_to_deletion(client: Client, function: str) -> None:
    functions = client.functions
    made = functions.create(function, zipped("1"), SETTINGS, tags={"team": "shop"})
    assert (made.name, made.version, made.durable) == (function, "$LATEST", SETTINGS.durable)
    assert (made.runtime, made.handler) == (SETTINGS.runtime, SETTINGS.handler)
    assert (made.environment, made.dead_letter_target) == (
        SETTINGS.environment,
        SETTINGS.dead_letter_target,
    )
    assert made.logging is not None
    assert (made.logging.format, made.logging.group) == ("JSON", "/shop")
    with pytest.raises(Conflict, match="exist"):
        functions.create(function, zipped("1"), SETTINGS)
    assert functions.wait_until_ready(function).is_ready
    details = functions.get(function)
    assert (details.function.arn, details.tags) == (made.arn, {"team": "shop"})
    assert details.code_location is not None
    assert functions.configuration(function, qualifier="$LATEST").version == "$LATEST"

    changed = functions.update_settings(
        function, FunctionSettings(timeout_seconds=20), revision_id=made.revision_id
    )
    assert (changed.timeout_seconds, changed.memory_mb) == (20, 256)
    with pytest.raises(PreconditionFailed):
        functions.update_code(function, zipped("2"), revision_id=made.revision_id)
    assert functions.update_code(function, zipped("2"), publish=True).version == "1"
    published = functions.publish(function, description="again")
    assert published.version in ("1", "2")
    versions = [one.version for one in functions.versions(function, page_size=1)]
    assert versions[:2] == ["$LATEST", "1"]
    assert function in [one.name for one in functions.list(page_size=1)]

    functions.tag(made.arn, {"a": "b"})
    functions.untag(made.arn, "team")
    assert functions.tags(made.arn) == {"a": "b"}
    assert functions.reserved_concurrency(function) is None
    functions.reserve_concurrency(function, 5)
    assert functions.reserved_concurrency(function) == 5
    assert functions.get(function).reserved_concurrency == 5
    functions.release_concurrency(function)

    functions.delete(function)
    with pytest.raises(NotFound):
        functions.get(function)


def test_an_alias_leads_to_versions(client: Client, function: str) -> None:
    client.functions.create(function, zipped("1"), SETTINGS, publish=True)
    client.functions.update_code(function, zipped("2"), publish=True)
    made = client.aliases.create(function, "live", "1", description="d")
    assert (made.name, made.version, made.description) == ("live", "1", "d")
    shared = client.aliases.update(function, "live", weights={"2": 0.25})
    assert client.aliases.get(function, "live") == shared
    assert shared.weights == {"2": 0.25}
    moved = client.aliases.update(function, "live", version="2", weights={})
    assert (moved.version, moved.weights) == ("2", {})
    client.aliases.create(function, "old", "1")
    assert [one.name for one in client.aliases.list(function, page_size=1)] == ["live", "old"]
    assert [one.name for one in client.aliases.list(function, version="1")] == ["old"]
    client.aliases.delete(function, "old")
    with pytest.raises(NotFound):
        client.aliases.get(function, "old")


def test_test_events_are_kept_with_a_function(client: Client, worker: RawWorker) -> None:
    name = worker.function
    assert client.test_events.list(name) == ()
    saved = client.test_events.save(name, "first", {"a": 1})
    assert client.test_events.get(name, "first") == saved
    assert saved.event == {"a": 1}
    client.test_events.save(name, "second", payload=b"[1,  2]")
    assert [(one.name, one.size_bytes) for one in client.test_events.list(name)] == [
        ("first", 8),
        ("second", 7),
    ]
    with pytest.raises(InvalidRequest, match="JSON"):
        client.test_events.save(name, "bad", payload=b"{")
    client.test_events.delete(name, "first")
    with pytest.raises(NotFound, match="first"):
        client.test_events.get(name, "first")


def test_workers_are_listed_with_what_they_serve(client: Client, worker: RawWorker) -> None:
    (found,) = [one for one in client.workers() if one.id == worker.id]
    assert (found.host, found.pid, found.functions) == ("here", 42, (worker.function,))
    assert found.registered_at <= found.seen_at


def test_a_log_is_read_followed_and_deleted(
    client: Client, http: httpx.Client, worker: RawWorker
) -> None:
    name = worker.function
    group = f"/aws/lambda/{name}"
    assert client.logs.lines(name).lines == ()
    with pytest.raises(NotFound):
        list(client.logs.events(name))
    arn = client.start(name, qualifier="$LATEST").arn
    at = utc_now()
    chunk = {
        "LogGroup": group,
        "LogStream": "s",
        "RequestId": None,
        "ExecutionId": arn.rpartition("/")[2],
        "Lines": [[int(at.timestamp() * 1000) + n, f"line {n}"] for n in range(3)],
    }
    shipped = http.post(
        f"/v1/workers/{worker.id}/logs",
        json={"Batch": 1, "Chunks": [{**chunk, "ExecutionId": None}]},
    )
    assert shipped.status_code == 200, shipped.text
    written = ["line 0", "line 1", "line 2"]
    assert [event.message for event in client.logs.events(name, page_size=2)] == written
    assert [event.message for event in client.logs.events(name, pattern="1")] == ["line 1"]
    later = client.logs.events(name, since=at + timedelta(seconds=60))
    assert list(later) == []
    newest = client.logs.lines(name, newest=True, limit=2)
    assert [line.message for line in newest.lines] == written[1:]
    http.post(f"/v1/workers/{worker.id}/logs", json={"Batch": 2, "Chunks": [chunk]})
    came = client.logs.lines(name, after=newest.cursor, wait_seconds=10)
    assert [line.message for line in came.lines] == written
    assert {line.execution_id for line in came.lines} == {arn.rpartition("/")[2]}
    assert client.logs.lines(arn).lines == came.lines
    client.logs.keep_for(name, 7)
    assert [one.retention_days for one in client.logs.groups(prefix=group)] == [7]
    client.logs.delete(name)
    assert list(client.logs.groups(prefix=group)) == []

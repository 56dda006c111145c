"""History page by page, both ways, while the execution runs; and markers of all three listings."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from perdure_service.domain.instant import Instant
from perdure_service.domain.tokens import KeyRing, Marker
from perdure_service.postgres.keys import load_key_ring
from perdure_service.postgres.reading import ReadPool
from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService

MEBIBYTE = 1_048_576


@pytest.fixture
def run(aws: Any, worker: RawWorker) -> ByHand:
    return ByHand.start(aws, worker)


def steps(run: ByHand, *ids: str, payload: str = "1") -> None:
    step = {"Type": "STEP", "Action": "SUCCEED", "Payload": payload}
    run.checkpoint(*({"Id": id_, **step} for id_ in ids))


def pages(run: ByHand, **query: Any) -> list[list[dict[str, Any]]]:
    paginator = run.aws.get_paginator("get_durable_execution_history")
    size = query.pop("size", 100)
    found = paginator.paginate(
        DurableExecutionArn=run.arn, PaginationConfig={"PageSize": size}, **query
    )
    return [page["Events"] for page in found]


def test_oldest_first_goes_on_with_what_came_since_the_first_page(run: ByHand) -> None:
    steps(run, "a", "b", "c")
    seen: list[int] = []
    query: dict[str, Any] = {"DurableExecutionArn": run.arn, "MaxItems": 2}
    page = run.aws.get_durable_execution_history(**query)
    steps(run, "d", "e")
    while True:
        seen += [event["EventId"] for event in page["Events"]]
        if "NextMarker" not in page:
            break
        page = run.aws.get_durable_execution_history(**query, Marker=page["NextMarker"])
    assert seen == [1, 2, 3, 4, 5, 6]


def test_newest_first_ends_where_it_began_whatever_comes_since(run: ByHand) -> None:
    steps(run, "a", "b", "c")
    query: dict[str, Any] = {"DurableExecutionArn": run.arn, "MaxItems": 2, "ReverseOrder": True}
    seen: list[list[int]] = []
    page = run.aws.get_durable_execution_history(**query)
    while True:
        seen.append([event["EventId"] for event in page["Events"]])
        steps(run, f"more-{len(seen)}")
        if "NextMarker" not in page:
            break
        page = run.aws.get_durable_execution_history(**query, Marker=page["NextMarker"])
    assert seen == [[4, 3], [2, 1]]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_page_ends_before_it_is_too_large(run: ByHand, reverse: bool) -> None:
    ids = [f"s{n}" for n in range(12)]
    for half in (ids[:6], ids[6:]):
        steps(run, *half, payload="x" * MEBIBYTE)
    found = pages(run, ReverseOrder=reverse)
    listed = [[event["EventId"] for event in page] for page in found]
    assert all(1 <= len(page) <= 6 for page in listed)
    assert len(listed) <= 4
    order = list(range(1, 14))
    assert list(itertools.chain(*listed)) == (order[::-1] if reverse else order)
    (bare,) = pages(run, ReverseOrder=reverse, IncludeExecutionData=False)
    assert len(bare) == 13
    assert bare[5]["StepSucceededDetails"]["Result"] == {"Truncated": True}


def test_an_event_larger_than_a_page_is_a_page(aws: Any, worker: RawWorker) -> None:
    with ThreadPoolExecutor() as threads:
        call = threads.submit(aws.invoke, FunctionName=worker.function, Qualifier="$LATEST")
        run = ByHand.take(aws, worker)
        result = "x" * (6 * MEBIBYTE)
        run.checkpoint({"Id": "x", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": result})
        assert call.result()["Payload"].read().decode() == result
    assert [[event["EventId"] for event in page] for page in pages(run)] == [[1], [2]]


@pytest.mark.parametrize("size", [None, 0])
def test_a_page_has_a_hundred_events_unless_told_otherwise(run: ByHand, size: int | None) -> None:
    steps(run, *(f"s{n}" for n in range(150)))
    query = {} if size is None else {"MaxItems": size}
    page = run.aws.get_durable_execution_history(DurableExecutionArn=run.arn, **query)
    assert [event["EventId"] for event in page["Events"]] == list(range(1, 101))
    everything = run.aws.get_durable_execution_history(DurableExecutionArn=run.arn, MaxItems=1_000)
    assert len(everything["Events"]) == 151
    assert "NextMarker" not in everything


@pytest.fixture(scope="module")
def keys(service: RunningService) -> KeyRing:
    """What the service signs with."""

    async def load() -> KeyRing:
        pool = ReadPool(service.database_url, 1)
        try:
            return await load_key_ring(pool)
        finally:
            await pool.close()

    return asyncio.run(load())


class TestMarkers:
    """Of history, state and lists: good for one listing, for a day, and only as they were given."""

    @pytest.fixture
    def run(self, aws: Any, worker: RawWorker) -> ByHand:
        ByHand.start(aws, worker)
        run = ByHand.start(aws, worker)
        steps(run, "a", "b")
        return run

    def ask(self, run: ByHand, kind: str, marker: str | None = None) -> dict[str, Any]:
        query: dict[str, Any] = {"MaxItems": 1} | ({} if marker is None else {"Marker": marker})
        arn = {"DurableExecutionArn": run.arn}
        match kind:
            case "history":
                answer = run.aws.get_durable_execution_history(**arn, **query)
            case "reversed":
                answer = run.aws.get_durable_execution_history(**arn, ReverseOrder=True, **query)
            case "state":
                token = {"CheckpointToken": run.token}
                answer = run.aws.get_durable_execution_state(**arn, **token, **query)
            case _:
                answer = run.aws.list_durable_executions_by_function(
                    FunctionName=run.worker.function, **query
                )
        return dict(answer)

    def assert_refused(self, run: ByHand, kind: str, marker: str, message: str) -> None:
        invalid = run.aws.exceptions.InvalidParameterValueException
        with pytest.raises(invalid, match=message):
            self.ask(run, kind, marker)

    KINDS = ("history", "reversed", "state", "list")

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_of_another_listing_is_refused(
        self, aws: Any, worker: RawWorker, run: ByHand, kind: str
    ) -> None:
        markers = {other: self.ask(run, other)["NextMarker"] for other in self.KINDS}
        other_run = ByHand.start(aws, worker)
        steps(other_run, "a")
        for other, marker in markers.items():
            if other == kind:
                assert self.ask(run, kind, marker)
            else:
                self.assert_refused(run, kind, marker, "belongs to another request")
        if kind != "list":
            self.assert_refused(other_run, kind, markers[kind], "belongs to another request")

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_that_was_not_given_out_is_refused(self, run: ByHand, kind: str) -> None:
        given = self.ask(run, kind)["NextMarker"]
        changed = ("B" if given[5] == "A" else "A").join((given[:5], given[6:]))
        for forged in (changed, given[:-4], given + "AAAA", "AAAA", "no base64!", run.token):
            self.assert_refused(run, kind, forged, "Invalid marker: use the NextMarker")

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_is_good_for_a_day(self, run: ByHand, keys: KeyRing, kind: str) -> None:
        given = keys.read_marker(self.ask(run, kind)["NextMarker"])
        day = 86_400 * 1_000_000
        nearly, over = given.issued_at - day + 60_000_000, given.issued_at - day - 60_000_000
        assert self.ask(run, kind, keys.issue_marker(_issued(given, nearly)))
        self.assert_refused(
            run, kind, keys.issue_marker(_issued(given, over)), "older than 24 hours"
        )


def _issued(marker: Marker, at: int) -> Marker:
    return Marker(
        marker.execution_id, marker.kind, Instant(at), marker.upto, marker.position, marker.since
    )

"""What workers ship, as boto3's `logs` client, people and callers of Invoke see it."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService
from tests.support.caller import logs_client
from tests.support.wild_json import LIMITED, values

T0 = time.time_ns() // 1_000_000 - 3_600_000  # noqa: TID251  lines of long ago are thrown away


@pytest.fixture(scope="session")
def logs(service: RunningService) -> Any:
    return logs_client(service.url)


GROUP_ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


def b64(place: Any) -> str:
    """A token that nobody was given."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


@dataclass
class Shipper:
    """A worker that ships by hand, to a group of its own."""

    http: httpx.Client
    function: str
    group: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    batch: int = 0

    def ship(
        self, *messages: str | tuple[int, str], batch: int | None = None, **chunk: Any
    ) -> None:
        answer = self.answer(*messages, batch=batch, **chunk)
        assert answer.status_code == 200, answer.text

    def answer(
        self, *messages: str | tuple[int, str], batch: int | None = None, **chunk: Any
    ) -> httpx.Response:
        """Of a batch with the next number; messages without a time follow each other by 1 ms."""
        if batch is None:
            self.batch += 1
            batch = self.batch
        lines = [(T0 + n, one) if isinstance(one, str) else one for n, one in enumerate(messages)]
        whole = {
            "LogGroup": self.group,
            "LogStream": "2026/11/27/[$LATEST]0123",
            "RequestId": None,
            "ExecutionId": None,
            "Lines": lines,
            **chunk,
        }
        body = {"Batch": batch, "Chunks": [whole]}
        return self.http.post(f"/v1/workers/{self.id}/logs", json=body)


@pytest.fixture
def shipper(http: httpx.Client, function: str) -> Shipper:
    return Shipper(http, function, f"/aws/lambda/{function}")


def messages(events: Sequence[Any]) -> list[str]:
    return [event["message"] for event in events]


def filtered(logs: Any, group: str, **parameters: Any) -> list[str]:
    """All pages, by boto3's paginator."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **parameters)
    return [message for page in pages for message in messages(page["events"])]


class TestShipping:
    def test_lines_are_kept_as_they_were_written(self, logs: Any, shipper: Shipper) -> None:
        written = ["plain", "two\nlines", "é\u0000😀", "x" * 1_048_576, ""]
        shipper.ship(*written)
        found = logs.filter_log_events(logGroupName=shipper.group, limit=3)
        assert filtered(logs, shipper.group) == written
        first = found["events"][0]
        assert first["timestamp"] == T0
        assert first["logStreamName"] == "2026/11/27/[$LATEST]0123"
        assert first["ingestionTime"] > T0 - 10**10
        assert len(first["eventId"]) == 56

    def test_a_batch_that_comes_again_is_kept_once(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship("one", batch=1)
        shipper.ship("one", batch=1)
        shipper.ship("two", batch=2)
        shipper.ship("one", batch=1)
        assert filtered(logs, shipper.group) == ["one", "two"]

    def test_the_same_batch_twice_at_once_is_kept_once(self, logs: Any, shipper: Shipper) -> None:
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: shipper.answer("one", batch=1), range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert filtered(logs, shipper.group) == ["one"]

    def test_many_workers_ship_at_once(self, logs: Any, shipper: Shipper) -> None:
        others = [Shipper(shipper.http, shipper.function, shipper.group) for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda one: [one.ship(one.id) for _ in range(5)], others))
        assert sorted(filtered(logs, shipper.group)) == sorted([one.id for one in others] * 5)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"LogGroup": "no spaces"},
            {"LogStream": "no:colon"},
            {"LogStream": "no\u0000nul"},
            {"RequestId": "1"},
            {"ExecutionId": "x"},
            {"Lines": [[T0]]},
            {"Lines": [[-1, "x"]]},
            {"Lines": [[10**18, "x"]]},
            {"Lines": [["x", "x"]]},
            {"Lines": None},
        ],
    )
    def test_what_is_no_batch_is_refused_whole(
        self, logs: Any, shipper: Shipper, wrong: dict[str, Any]
    ) -> None:
        refused = shipper.answer("one", **wrong)
        assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (
            400,
            "InvalidParameterValueException",
        )
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            logs.filter_log_events(logGroupName=shipper.group)

    def test_a_line_from_the_far_future_is_of_now(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship((253_402_300_799_999, "late"))
        (event,) = logs.filter_log_events(logGroupName=shipper.group)["events"]
        assert event["timestamp"] == event["ingestionTime"]


class TestFilter:
    def test_streams_are_interleaved_by_time(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship((T0, "a0"), (T0 + 2, "a2"), LogStream="a")
        shipper.ship((T0 + 1, "b1"), (T0 + 3, "b3"), LogStream="b")
        assert filtered(logs, shipper.group) == ["a0", "b1", "a2", "b3"]
        assert filtered(logs, shipper.group, logStreamNames=["b"]) == ["b1", "b3"]
        assert filtered(logs, shipper.group, logStreamNamePrefix="a") == ["a0", "a2"]
        assert filtered(logs, shipper.group, interleaved=True, limit=1) == ["a0", "b1", "a2", "b3"]

    def test_both_ends_of_a_window_are_in_it(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship("0", "1", "2", "3")
        found = filtered(logs, shipper.group, startTime=T0 + 1, endTime=T0 + 2)
        assert found == ["1", "2"]

    def test_pages_lose_and_repeat_nothing(self, logs: Any, shipper: Shipper) -> None:
        written = [str(n) for n in range(1_234)]
        shipper.ship(*((T0 + n // 100, one) for n, one in enumerate(written)))
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=shipper.group, PaginationConfig={"PageSize": 100}
        )
        assert [m for page in pages for m in messages(page["events"])] == written

    def test_large_lines_make_small_pages(self, logs: Any, shipper: Shipper) -> None:
        written = [f"{n}" + "x" * 400_000 for n in range(7)]
        for n, one in enumerate(written):
            shipper.ship((T0 + n, one), LogStream="s")
        assert len(logs.filter_log_events(logGroupName=shipper.group)["events"]) < 7
        assert filtered(logs, shipper.group) == written
        page = logs.get_log_events(logGroupName=shipper.group, logStreamName="s")
        assert messages(page["events"]) == written[-2:]
        path = f"/v1/functions/{shipper.function}/logs"
        read: list[str] = []
        cursor = "0"
        while lines := (page := shipper.http.get(path, params={"after": cursor}).json())["lines"]:
            read += [line["message"] for line in lines]
            cursor = page["cursor"]
        assert read == written

    def test_a_pattern_finds_what_is_rare(self, logs: Any, shipper: Shipper) -> None:
        written = [f"line {n}" for n in range(6_000)]
        for start in range(0, 6_000, 2_000):
            shipper.ship(*((T0 + n, written[n]) for n in range(start, start + 2_000)))
        assert filtered(logs, shipper.group, filterPattern='"line 5999"') == ["line 5999"]
        first = logs.filter_log_events(logGroupName=shipper.group, filterPattern="nothing")
        assert first["events"] == []
        assert "nextToken" in first

    def test_json_is_filtered_by_its_members(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship(json.dumps({"level": "ERROR", "ms": 7}), json.dumps({"level": "INFO"}), "text")
        found = filtered(logs, shipper.group, filterPattern='{ $.level = "ERR*" && $.ms > 5 }')
        assert [json.loads(one)["ms"] for one in found] == [7]

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"filterPattern": "{ $.a = }"}, "Invalid filter pattern"),
            ({"filterPattern": "[a, b]"}, "columns are not supported"),
            ({"nextToken": "nonsense"}, "nextToken is invalid"),
            ({"logStreamNames": ["a"], "logStreamNamePrefix": "a"}, "together"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, logs: Any, shipper: Shipper, parameters: dict[str, Any], message: str
    ) -> None:
        shipper.ship("one", LogStream="a")
        with pytest.raises(ClientError, match=message) as refused:
            logs.filter_log_events(logGroupName=shipper.group, **parameters)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


class TestGetLogEvents:
    def test_tokens_go_in_both_directions(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship(*map(str, range(7)), LogStream="s")
        stream = {"logGroupName": shipper.group, "logStreamName": "s", "limit": 3}
        newest = logs.get_log_events(**stream)
        assert messages(newest["events"]) == ["4", "5", "6"]
        before = logs.get_log_events(**stream, nextToken=newest["nextBackwardToken"])
        assert messages(before["events"]) == ["1", "2", "3"]
        again = logs.get_log_events(**stream, nextToken=before["nextForwardToken"])
        assert messages(again["events"]) == ["4", "5", "6"]
        head = logs.get_log_events(**stream, startFromHead=True)
        assert messages(head["events"]) == ["0", "1", "2"]

    def test_at_the_end_the_token_stays_until_there_is_more(
        self, logs: Any, shipper: Shipper
    ) -> None:
        shipper.ship("0", "1", LogStream="s")
        stream = {"logGroupName": shipper.group, "logStreamName": "s"}
        page = logs.get_log_events(**stream, startFromHead=True)
        end = logs.get_log_events(**stream, nextToken=page["nextForwardToken"])
        assert end["events"] == []
        assert end["nextForwardToken"] == page["nextForwardToken"]
        shipper.ship((T0 + 5, "2"), LogStream="s")
        more = logs.get_log_events(**stream, nextToken=end["nextForwardToken"])
        assert messages(more["events"]) == ["2"]
        back = logs.get_log_events(**stream, nextToken=end["nextBackwardToken"])
        assert messages(back["events"]) == ["0", "1"]

    def test_an_empty_stream_can_be_followed(self, logs: Any, shipper: Shipper) -> None:
        logs.create_log_group(logGroupName=shipper.group)
        logs.create_log_stream(logGroupName=shipper.group, logStreamName="s")
        stream = {"logGroupName": shipper.group, "logStreamName": "s"}
        page = logs.get_log_events(**stream)
        assert page["events"] == []
        shipper.ship("0", LogStream="s")
        more = logs.get_log_events(**stream, nextToken=page["nextForwardToken"])
        assert messages(more["events"]) == ["0"]

    def test_the_end_of_a_window_is_not_in_it(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship("0", "1", "2", "3", LogStream="s")
        page = logs.get_log_events(
            logGroupIdentifier=f"arn:aws:logs:us-east-1:000000000000:log-group:{shipper.group}",
            logStreamName="s",
            startTime=T0 + 1,
            endTime=T0 + 3,
        )
        assert messages(page["events"]) == ["1", "2"]

    def test_what_is_not_there_is_not_found(self, logs: Any, shipper: Shipper) -> None:
        with pytest.raises(logs.exceptions.ResourceNotFoundException, match="log group"):
            logs.get_log_events(logGroupName=shipper.group, logStreamName="s")
        shipper.ship("0")
        with pytest.raises(logs.exceptions.ResourceNotFoundException, match="log stream"):
            logs.get_log_events(logGroupName=shipper.group, logStreamName="s")


class TestGroups:
    def test_groups_and_streams_are_described_in_pages(self, logs: Any, shipper: Shipper) -> None:
        for n in range(5):
            shipper.ship((T0 + n, "x"), LogGroup=f"{shipper.group}/{n}", LogStream=f"s{n}")
            shipper.ship((T0 + n, "xyz"), LogGroup=shipper.group, LogStream=f"s{n}")
        pages = logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"{shipper.group}/", PaginationConfig={"PageSize": 2}
        )
        found = [group for page in pages for group in page["logGroups"]]
        assert [group["logGroupName"] for group in found] == [
            f"{shipper.group}/{n}" for n in range(5)
        ]
        assert found[0]["storedBytes"] == 27
        assert found[0]["arn"] == f"{found[0]['logGroupArn']}:*"
        by_name = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=shipper.group, PaginationConfig={"PageSize": 2}
        )
        streams = [stream for page in by_name for stream in page["logStreams"]]
        assert [stream["logStreamName"] for stream in streams] == [f"s{n}" for n in range(5)]
        assert streams[3]["firstEventTimestamp"] == streams[3]["lastEventTimestamp"] == T0 + 3
        newest = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=shipper.group,
            orderBy="LastEventTime",
            descending=True,
            PaginationConfig={"PageSize": 2},
        )
        names = [stream["logStreamName"] for page in newest for stream in page["logStreams"]]
        assert names == [f"s{n}" for n in range(4, -1, -1)]
        last_names = logs.describe_log_streams(
            logGroupName=shipper.group, logStreamNamePrefix="s", descending=True, limit=2
        )
        assert [one["logStreamName"] for one in last_names["logStreams"]] == ["s4", "s3"]
        with pytest.raises(logs.exceptions.InvalidParameterException, match="LastEventTime"):
            logs.describe_log_streams(
                logGroupName=shipper.group, logStreamNamePrefix="s", orderBy="LastEventTime"
            )

    def test_a_group_is_made_once_and_deleted_with_its_lines(
        self, logs: Any, shipper: Shipper
    ) -> None:
        logs.create_log_group(logGroupName=shipper.group)
        with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=shipper.group)
        shipper.ship("old")
        logs.delete_log_group(logGroupName=shipper.group)
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=shipper.group)
        shipper.ship("new")
        assert filtered(logs, shipper.group) == ["new"]

    def test_a_deleted_stream_takes_its_lines_with_it(self, logs: Any, shipper: Shipper) -> None:
        shipper.ship("a", LogStream="a")
        shipper.ship("b", LogStream="b")
        logs.delete_log_stream(logGroupName=shipper.group, logStreamName="a")
        assert filtered(logs, shipper.group) == ["b"]
        assert len(logs.describe_log_streams(logGroupName=shipper.group)["logStreams"]) == 1

    def test_a_retention_is_set_and_taken_back(self, logs: Any, shipper: Shipper) -> None:
        logs.create_log_group(logGroupName=shipper.group)
        logs.put_retention_policy(logGroupName=shipper.group, retentionInDays=7)
        assert self.described(logs, shipper)["retentionInDays"] == 7
        logs.delete_retention_policy(logGroupName=shipper.group)
        assert "retentionInDays" not in self.described(logs, shipper)
        with pytest.raises(logs.exceptions.InvalidParameterException, match="one of 1, 3, 5"):
            logs.put_retention_policy(logGroupName=shipper.group, retentionInDays=2)

    @staticmethod
    def described(logs: Any, shipper: Shipper) -> Any:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=shipper.group)["logGroups"]
        return group

    def test_events_of_others_are_kept_unless_they_are_too_old(
        self, logs: Any, shipper: Shipper
    ) -> None:
        logs.create_log_group(logGroupName=shipper.group)
        logs.create_log_stream(logGroupName=shipper.group, logStreamName="s")
        stream = {"logGroupName": shipper.group, "logStreamName": "s"}
        now = logs.describe_log_groups(logGroupNamePrefix=shipper.group)["logGroups"][0][
            "creationTime"
        ]
        answer = logs.put_log_events(
            **stream,
            logEvents=[
                {"timestamp": 1, "message": "old"},
                {"timestamp": now, "message": "now"},
                {"timestamp": now + 10**8, "message": "new"},
            ],
        )
        assert answer["rejectedLogEventsInfo"] == {
            "tooOldLogEventEndIndex": 1,
            "tooNewLogEventStartIndex": 2,
        }
        assert filtered(logs, shipper.group) == ["now"]
        with pytest.raises(logs.exceptions.InvalidParameterException, match="chronological"):
            logs.put_log_events(
                **stream,
                logEvents=[
                    {"timestamp": now, "message": "b"},
                    {"timestamp": now - 1, "message": "a"},
                ],
            )

    def test_tags_are_none(self, logs: Any, shipper: Shipper) -> None:
        logs.create_log_group(logGroupName=shipper.group)
        arn = self.described(logs, shipper)["logGroupArn"]
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}

    def test_what_is_not_there_is_said_to_be_no_operation(
        self, logs: Any, http: httpx.Client
    ) -> None:
        with pytest.raises(ClientError, match="UnknownOperationException"):
            logs.start_query(logGroupName="g", startTime=1, endTime=2, queryString="fields a")
        for target in ("", "DynamoDB_20120810.ListTables", "Logs_20140328."):
            answer = http.post("/", headers={"x-amz-target": target}, content=b"{}")
            assert (answer.status_code, answer.json()["__type"]) == (
                400,
                "UnknownOperationException",
            )
        broken = http.post(
            "/", headers={"x-amz-target": "Logs_20140328.GetLogEvents"}, content=b"nonsense"
        )
        assert (broken.status_code, broken.json()["__type"]) == (400, "InvalidParameterException")


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("ListTagsForResource", {"resourceArn": f"{GROUP_ARN}a\0b"}),
        ("ListTagsForResource", {"resourceArn": f"{GROUP_ARN}{'a' * 900}"}),
        ("DescribeLogGroups", {"nextToken": b64(["\ud800"])}),
        ("DescribeLogGroups", {"nextToken": b64(["a\0"])}),
        ("DescribeLogStreams", {"logGroupName": "g", "nextToken": b64(["\ud800"])}),
        (
            "DescribeLogStreams",
            {"logGroupName": "g", "nextToken": b64([2**70, 1]), "orderBy": "LastEventTime"},
        ),
    ],
)
def test_what_no_client_makes_is_refused(
    http: httpx.Client, logs: Any, operation: str, body: dict[str, Any]
) -> None:
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="g")
    headers = {"x-amz-target": f"Logs_20140328.{operation}"}
    answer = http.post("/", headers=headers, content=json.dumps(body))
    assert answer.status_code == 400, answer.text


@dataclass(frozen=True, slots=True)
class WildCall:
    """A call of CloudWatch Logs as nobody should make it."""

    operation: str
    body: bytes


MEMBERS = [
    "logGroupName",
    "logGroupIdentifier",
    "logStreamName",
    "logStreamNames",
    "logStreamNamePrefix",
    "logEvents",
    "filterPattern",
    "nextToken",
    "limit",
    "startTime",
    "endTime",
    "orderBy",
    "descending",
    "retentionInDays",
    "resourceArn",
]
OPERATIONS = [
    "DescribeLogGroups",
    "DescribeLogStreams",
    "GetLogEvents",
    "FilterLogEvents",
    "CreateLogGroup",
    "CreateLogStream",
    "PutLogEvents",
    "DeleteLogGroup",
    "DeleteLogStream",
    "PutRetentionPolicy",
    "DeleteRetentionPolicy",
    "ListTagsForResource",
    "ListTagsLogGroup",
]
LIKELY = {
    "logGroupName": st.just("wild/group"),
    "logStreamName": st.just("s"),
    "nextToken": st.sampled_from(
        ["f/" + "9" * 40, "b/" + "0" * 40, "WzEsMl0=", "WyJhIl0=", "bnVsbA==", "é", "W10="]
    ),
    "filterPattern": st.sampled_from(["{ $.a = 1 }", "{ $", '"', "?a -b", "[w]", "{}" * 99]),
    "limit": st.integers(-1, 10_001),
    "startTime": st.integers(-1, 2**64),
    "orderBy": st.just("LastEventTime"),
}


@st.composite
def wild_calls(draw: st.DrawFn) -> WildCall:
    named = ["logGroupName", "logStreamName"]
    names = draw(st.lists(st.sampled_from(MEMBERS), max_size=6, unique=True))
    likely = [name for name in [*named, *names] if name in LIKELY]
    body = {name: draw(values) for name in names}
    body |= {name: draw(LIKELY[name]) for name in likely if draw(st.integers(0, 4))}
    return WildCall(draw(st.sampled_from(OPERATIONS)), json.dumps(body).encode())


@settings(LIMITED, max_examples=4 * LIMITED.max_examples)
@given(call=wild_calls())
def test_whatever_is_sent_is_answered_or_refused(http: httpx.Client, call: WildCall) -> None:
    answer = http.post(
        "/", headers={"x-amz-target": f"Logs_20140328.{call.operation}"}, content=call.body
    )
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert set(answer.json()) == {"__type", "message"}


class TestAttribution:
    def test_an_execution_has_the_lines_of_all_its_invocations(
        self, http: httpx.Client, worker: RawWorker, shipper: Shipper, aws: Any
    ) -> None:
        aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
        delivered = worker.take()
        execution_id = delivered.header["ExecutionId"]
        assert delivered.arn.endswith(execution_id)
        shipper.ship("START", "one", RequestId=delivered.id, ExecutionId=execution_id)
        step = {"operationId": "op-1", "message": "two", "requestId": delivered.id}
        told = {**step, "executionArn": delivered.arn}
        shipper.ship(json.dumps(told))
        shipper.ship("of nobody")
        path = f"/v1/executions/{delivered.arn}/logs"
        page = http.get(path).json()
        assert [line["message"] for line in page["lines"]] == ["START", "one", json.dumps(told)]
        assert page["lines"][0]["request_id"] == delivered.id
        of_step = http.get(path, params={"operation_id": "op-1"}).json()
        assert [json.loads(line["message"])["message"] for line in of_step["lines"]] == ["two"]
        assert http.get(path, params={"request_id": str(uuid.uuid4())}).json()["lines"] == []
        more = http.get(path, params={"after": page["cursor"]}).json()
        assert more == {"lines": [], "cursor": page["cursor"]}
        worker.succeed(delivered)

    def test_the_log_outlives_the_function(
        self, http: httpx.Client, worker: RawWorker, shipper: Shipper, aws: Any, logs: Any
    ) -> None:
        shipper.ship("kept")
        aws.delete_function(FunctionName=worker.function)
        assert filtered(logs, shipper.group) == ["kept"]
        page = http.get(f"/v1/functions/{worker.function}/logs").json()
        assert [line["message"] for line in page["lines"]] == ["kept"]

    def test_lines_are_waited_for(self, http: httpx.Client, shipper: Shipper) -> None:
        shipper.ship("one", "two", "three")
        path = f"/v1/functions/{shipper.function}/logs"
        page = http.get(path, params={"newest": True, "limit": 2}).json()
        assert [line["message"] for line in page["lines"]] == ["two", "three"]
        with ThreadPoolExecutor(1) as threads:
            following = threads.submit(
                http.get, path, params={"after": page["cursor"], "wait_seconds": 30}
            )
            with httpx.Client(base_url=http.base_url) as other:
                Shipper(other, shipper.function, shipper.group).ship("four")
            lines = following.result().json()["lines"]
        assert [line["message"] for line in lines] == ["four"]

    def test_who_waits_sees_what_is_written_after_the_group_was_deleted(
        self, http: httpx.Client, logs: Any, shipper: Shipper
    ) -> None:
        shipper.ship("one")
        path = f"/v1/functions/{shipper.function}/logs"
        page = http.get(path).json()
        with ThreadPoolExecutor(1) as threads, httpx.Client(base_url=http.base_url) as other:
            following = threads.submit(
                http.get, path, params={"after": page["cursor"], "wait_seconds": 5}
            )
            others = Shipper(other, shipper.function, f"{shipper.group}-other")
            others.ship("not of this group")  # gives the other request time to begin
            logs.delete_log_group(logGroupName=shipper.group)
            Shipper(other, shipper.function, shipper.group).ship("two")
            lines = following.result().json()["lines"]
        assert [line["message"] for line in lines] == ["two"]

    def test_what_has_no_log_is_not_found(self, http: httpx.Client, worker: RawWorker) -> None:
        assert http.get(f"/v1/functions/{worker.function}/logs").json()["lines"] == []
        assert http.get("/v1/functions/nobody-has-this/logs").status_code == 404
        arn = (
            f"arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/x/{uuid.uuid4()}"
        )
        assert http.get(f"/v1/executions/{arn}/logs").status_code == 404

    @pytest.mark.parametrize(
        "query",
        [
            {"after": "x"},
            {"after": "0" * 5_000},
            {"after": "0" * 20 + "9" * 20},
            {"request_id": "x"},
            {"limit": 0},
            {"wait_seconds": 61},
        ],
        ids=lambda query: "-".join(f"{name} {str(value)[:3]}" for name, value in query.items()),
    )
    def test_a_query_that_cannot_be_is_refused(
        self, http: httpx.Client, worker: RawWorker, query: dict[str, Any]
    ) -> None:
        answer = http.get(f"/v1/functions/{worker.function}/logs", params=query)
        assert answer.status_code == 400


class TestLogResult:
    def test_the_tail_comes_with_the_answer_of_a_plain_function(
        self, http: httpx.Client, function: str, aws: Any
    ) -> None:
        worker = RawWorker(http, function)
        worker.register(DurableConfig=None)
        with ThreadPoolExecutor(1) as threads:
            calling = threads.submit(aws.invoke, FunctionName=function, LogType="Tail")
            (delivered,) = worker.poll()
            assert delivered.header["LogTail"] is True
            worker.finish(delivered, b'"done"', log_tail=b"x" * 5_000 + b"REPORT\n")
            answer = calling.result()
        tail = base64.b64decode(answer["LogResult"])
        assert tail == b"x" * (4096 - 7) + b"REPORT\n"

    def test_nobody_gets_a_tail_unasked(self, http: httpx.Client, function: str, aws: Any) -> None:
        worker = RawWorker(http, function)
        worker.register(DurableConfig=None)
        with ThreadPoolExecutor(1) as threads:
            calling = threads.submit(aws.invoke, FunctionName=function)
            (delivered,) = worker.poll()
            assert "LogTail" not in delivered.header
            worker.finish(delivered, b'"done"', log_tail=b"REPORT\n")
            assert "LogResult" not in calling.result()

    def test_a_durable_function_gives_the_tail_of_its_last_invocation(
        self, worker: RawWorker, aws: Any
    ) -> None:
        with ThreadPoolExecutor(1) as threads:
            calling = threads.submit(
                aws.invoke, FunctionName=f"{worker.function}:$LATEST", LogType="Tail"
            )
            first = worker.take()
            worker.finish(first, b"broken off", "exit", log_tail=b"first\n")
            second = worker.take()
            body = json.dumps({"Status": "SUCCEEDED", "Result": '"done"'}).encode()
            worker.finish(second, body, log_tail=b"second\n")
            answer = calling.result()
        assert base64.b64decode(answer["LogResult"]) == b"second\n"

    def test_a_tail_that_another_replica_has_is_read_from_the_log(
        self, worker: RawWorker, shipper: Shipper, aws: Any
    ) -> None:
        """Whoever attaches to an execution that has ended finds the tail only there."""
        name = uuid.uuid4().hex
        call = {"FunctionName": f"{worker.function}:$LATEST", "DurableExecutionName": name}
        aws.invoke(**call, InvocationType="Event", Payload=b"1")
        delivered = worker.take()
        origin = {"RequestId": delivered.id, "ExecutionId": delivered.header["ExecutionId"]}
        shipper.ship("START", f"REPORT RequestId: {delivered.id}", **origin)
        worker.succeed(delivered)
        answer = aws.invoke(**call, LogType="Tail", Payload=b"1")
        expected = f"START\nREPORT RequestId: {delivered.id}\n"
        assert base64.b64decode(answer["LogResult"]).decode() == expected

    def test_a_tail_must_be_base64(self, worker: RawWorker, aws: Any) -> None:
        aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
        delivered = worker.take()
        refused = worker.http.post(
            f"/v1/workers/{worker.id}/invocations/{delivered.id}/result",
            headers={"Perdure-Outcome": "returned", "Perdure-Log-Tail": "?"},
        )
        assert refused.status_code == 400
        worker.succeed(delivered)

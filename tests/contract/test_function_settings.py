"""Tags, reserved concurrency, account settings and test events."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.function_calls import create_from_zip


def test_tags_are_added_replaced_and_taken_away(aws: Any, function: str) -> None:
    arn = create_from_zip(aws, function, Tags={"team": "a", "stage": "test"})["FunctionArn"]
    aws.tag_resource(Resource=arn, Tags={"team": "b", "größe": "1 +=@"})
    assert aws.list_tags(Resource=arn)["Tags"] == {"team": "b", "stage": "test", "größe": "1 +=@"}
    aws.untag_resource(Resource=arn, TagKeys=["stage", "größe", "missing"])
    assert aws.list_tags(Resource=arn)["Tags"] == {"team": "b"}
    assert aws.get_function(FunctionName=function)["Tags"] == {"team": "b"}


def test_tags_that_cannot_be_are_refused(aws: Any, function: str) -> None:
    arn = create_from_zip(aws, function, Tags={"k": "v"})["FunctionArn"]
    for tags, message in (
        ({f"k{n}": "" for n in range(50)}, "would have 51"),
        ({"aws:own": "x"}, "reserved"),
        ({"k": "<>"}, "Invalid value of tag 'k'"),
    ):
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
            aws.tag_resource(Resource=arn, Tags=tags)
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="leave out ':1'"):
        aws.tag_resource(Resource=f"{arn}:1", Tags={"a": "b"})
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="is no ARN"):
        aws.list_tags(Resource=function)
    assert aws.list_tags(Resource=arn)["Tags"] == {"k": "v"}
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.list_tags(Resource=f"{arn}-missing")


def test_concurrency_is_reserved_and_given_back(aws: Any, function: str) -> None:
    create_from_zip(aws, function)

    def reserved() -> Any:
        found = aws.get_function_concurrency(FunctionName=function)
        shown = aws.get_function(FunctionName=function).get("Concurrency", {})
        assert shown.get("ReservedConcurrentExecutions") == found.get(
            "ReservedConcurrentExecutions"
        )
        return found.get("ReservedConcurrentExecutions")

    assert reserved() is None
    for limit in (5, 0):
        put = aws.put_function_concurrency(
            FunctionName=function, ReservedConcurrentExecutions=limit
        )
        assert put["ReservedConcurrentExecutions"] == limit
        assert reserved() == limit
    aws.delete_function_concurrency(FunctionName=function)
    assert reserved() is None
    for call, parameters in (
        (aws.get_function_concurrency, {}),
        (aws.delete_function_concurrency, {}),
        (aws.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
    ):
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            call(FunctionName=f"{function}-missing", **parameters)


def test_the_account_counts_its_functions_and_their_code(aws: Any, function: str) -> None:
    before = aws.get_account_settings()["AccountUsage"]
    created = create_from_zip(aws, function, Publish=True)
    after = aws.get_account_settings()
    usage = after["AccountUsage"]
    assert usage["FunctionCount"] == before["FunctionCount"] + 1
    assert usage["TotalCodeSize"] == before["TotalCodeSize"] + created["CodeSize"]
    assert after["AccountLimit"]["CodeSizeUnzipped"] == 262_144_000


class TestTestEvents:
    def test_they_are_saved_by_name(self, aws: Any, http: httpx.Client, function: str) -> None:
        create_from_zip(aws, function)
        path = f"/v1/functions/{function}/test-events"
        assert http.get(path).json() == {"events": []}
        for name, text in (("small", b'{"id": 1}'), ("empty", b"null"), ("small", b'{"id": 2}')):
            saved = http.put(f"{path}/{name}", content=text)
            assert saved.status_code == 200, saved.text
        listed = http.get(path).json()["events"]
        assert [(one["name"], one["size_bytes"]) for one in listed] == [("empty", 4), ("small", 9)]
        assert http.get(f"{path}/small").json()["event"] == {"id": 2}
        assert http.delete(f"{path}/small").status_code == 204
        assert http.get(f"{path}/small").status_code == 404
        assert http.delete(f"{path}/small").status_code == 404

    def test_what_is_none_is_refused(self, aws: Any, http: httpx.Client, function: str) -> None:
        create_from_zip(aws, function)
        path = f"/v1/functions/{function}/test-events"
        for name, text, status, message in (
            ("a", b"{", 400, "must be JSON"),
            ("a", b"\xff", 400, "must be JSON"),
            ("a", b"NaN", 400, "must be JSON"),
            ("a", b"[" * 100_000, 400, "must be JSON"),
            ("a b", b"{}", 400, "Invalid test event name 'a b'"),
            ("a", b'"%b"' % (b"x" * 1_048_576), 413, "at most"),
        ):
            answer = http.put(f"{path}/{name}", content=text)
            assert (answer.status_code, message in answer.text) == (status, True), answer.text
        missing = http.put(f"/v1/functions/{function}-missing/test-events/a", content=b"{}")
        assert missing.status_code == 404
        assert http.get(path).json() == {"events": []}

    def test_there_is_room_for_a_hundred(self, aws: Any, http: httpx.Client, function: str) -> None:
        create_from_zip(aws, function)
        path = f"/v1/functions/{function}/test-events"
        for n in range(100):
            http.put(f"{path}/e{n}", content=b"{}").raise_for_status()
        assert http.put(f"{path}/one-more", content=b"{}").status_code == 409
        assert http.put(f"{path}/e0", content=b"[]").status_code == 200

    def test_they_go_with_their_function(self, aws: Any, http: httpx.Client, function: str) -> None:
        create_from_zip(aws, function)
        path = f"/v1/functions/{function}/test-events"
        http.put(f"{path}/mine", content=b"{}").raise_for_status()
        aws.delete_function(FunctionName=function)
        assert http.get(path).status_code == 404
        create_from_zip(aws, function)
        assert http.get(path).json() == {"events": []}

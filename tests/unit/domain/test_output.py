"""What a function may return, and what it means."""

from __future__ import annotations

import json

import pytest

from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.output import (
    InvalidOutput,
    Output,
    OutputStatus,
    has_lone_surrogate,
    parse_error,
    parse_output,
    parse_runtime_error,
)

STATUS = InvalidOutput("Invalid Status in invocation output.")
UNICODE = InvalidOutput("Invocation output holds text that is not valid Unicode.")
SUCCEEDED, FAILED, PENDING = OutputStatus.SUCCEEDED, OutputStatus.FAILED, OutputStatus.PENDING


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{"Status": "PENDING"}', Output(PENDING)),
        ('{"Status": "SUCCEEDED"}', Output(SUCCEEDED)),
        ('{"Status": "SUCCEEDED", "Result": null, "Error": null}', Output(SUCCEEDED)),
        ('{"Status": "SUCCEEDED", "Result": ""}', Output(SUCCEEDED, "")),
        ('{"Status": "SUCCEEDED", "Result": " {\\"a\\": 1}"}', Output(SUCCEEDED, ' {"a": 1}')),
        ('{"Status": "SUCCEEDED", "Result": "\\ud83e\\udd80"}', Output(SUCCEEDED, "\U0001f980")),
        ('{"Status": "FAILED"}', Output(FAILED)),
        ('{"Status": "FAILED", "Result": ""}', Output(FAILED, "")),
        (
            '{"Status": "FAILED", "Error": {"ErrorMessage": "m", "StackTrace": ["a", "b"]}}',
            Output(FAILED, None, ErrorObject("m", None, None, ("a", "b"))),
        ),
        (
            '{"Status": "FAILED", "Error": {"ErrorType": "T", "ErrorData": "d", "Other": 1}}',
            Output(FAILED, None, ErrorObject(None, "T", "d")),
        ),
        ('{"Status": "FAILED", "Error": {}}', Output(FAILED, None, ErrorObject())),
        ("", STATUS),
        ("null", STATUS),
        ("[]", STATUS),
        ('"SUCCEEDED"', STATUS),
        ("{", STATUS),
        ("{}", STATUS),
        ('{"Status": "succeeded"}', STATUS),
        ('{"Status": null}', STATUS),
        ('{"Status": ["SUCCEEDED"]}', STATUS),
        ('{"Status": {"SUCCEEDED": 1}}', STATUS),
        ('{"status": "SUCCEEDED"}', STATUS),
        ("[" * 100_000, STATUS),
        ('{"Status": "SUCCEEDED", "Deep": ' + "[" * 100_000, STATUS),
        ("9" * 5_000, STATUS),
        (
            '{"Status": "SUCCEEDED", "Result": {"a": 1}}',
            InvalidOutput("Result in invocation output must be a string."),
        ),
        (
            '{"Status": "FAILED", "Result": "1"}',
            InvalidOutput("Cannot provide a Result for FAILED status."),
        ),
        (
            '{"Status": "SUCCEEDED", "Error": {"ErrorType": "T"}}',
            InvalidOutput("Cannot provide an Error for SUCCEEDED status."),
        ),
        ('{"Status": "SUCCEEDED", "Result": "\\ud83e"}', UNICODE),
        ('{"Status": "FAILED", "Error": {"ErrorMessage": "\\uDD80"}}', UNICODE),
    ],
)
def test_an_output_is_read_or_named_invalid_and_nothing_is_raised(
    text: str, output: Output | InvalidOutput
) -> None:
    assert parse_output(text) == output


def test_nesting_to_just_what_a_parser_can_follow_raises_nothing_either() -> None:
    for depth in range(600, 1_100):
        nested = "[" * depth + '"\\ud83e\\udd80"' + "]" * depth
        text = '{"Status": "PENDING", "Error": {"StackTrace": [' + nested + "]}}"
        assert isinstance(parse_output(text), Output | InvalidOutput)


@pytest.mark.parametrize("body", [None, 1, "text", [], True])
def test_an_error_that_is_no_object_is_no_error(body: object) -> None:
    assert parse_error(body) is None


def test_members_of_a_wrong_type_are_dropped() -> None:
    body = {"ErrorMessage": 1, "ErrorType": ["T"], "ErrorData": {"a": 1}, "StackTrace": "x"}
    assert parse_error(body) == ErrorObject()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"errorType": "T", "errorMessage": "m", "stackTrace": ["a", 1]},
            ErrorObject("m", "T", None, ("a", "1")),
        ),
        ({"errorType": "T", "trace": ["at x"]}, ErrorObject(None, "T", None, ("at x",))),
        ({"errorMessage": 1}, ErrorObject()),
        ("x", ErrorObject("The runtime reported no error text.", "Runtime.Unknown")),
        ({"errorType": "a\ud800", "trace": ["\udfff"]}, ErrorObject(None, "a?", None, ("?",))),
        ({"errorType": "T" * 2_000_000}, ErrorObject("", "T" * 32_768)),
    ],
)
def test_a_runtimes_error_is_read_in_its_own_spelling(body: object, error: ErrorObject) -> None:
    assert parse_runtime_error(json.dumps(body)) == error


@pytest.mark.parametrize("text", ["no JSON", "[" * 100_000])
def test_what_a_runtime_posts_in_no_spelling_is_the_message(text: str) -> None:
    assert parse_runtime_error(text) == ErrorObject(text[:32_768], "Runtime.Unknown")


@pytest.mark.parametrize(
    ("value", "lone"),
    [("\ud800", True), ("a\udfff", True), ("\U0001f980", False), ("\\ud800", False), ("", False)],
)
def test_half_of_a_surrogate_pair_is_found(value: str, lone: bool) -> None:
    assert has_lone_surrogate(json.dumps({"a": value})) is lone

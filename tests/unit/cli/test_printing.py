"""What commands print, and what their exit codes say."""

from __future__ import annotations

import inspect
import sys
from datetime import UTC, datetime, timedelta

import pytest

from perdure import client
from perdure.cli.columns import columns, shown_span
from perdure.cli.exit_codes import MEANINGS, ExitCode, exit_code
from perdure.cli.shapes import shape
from perdure.client import ClientError, ErrorObject, Execution, ExecutionStatus, InvocationSpan
from perdure.client.results.history import HistoryEvent

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ERRORS = [
    kind for _, kind in inspect.getmembers(client, inspect.isclass) if issubclass(kind, ClientError)
]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_an_exit_code_that_is_told(kind: type[ClientError]) -> None:
    code = exit_code(kind.__new__(kind))
    assert code is not ExitCode.OK
    assert MEANINGS[code]


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    rows = [("a", "FAILED", ""), ("longer", "x", "y")]
    assert list(columns(("name", "status", "more"), rows)) == [
        "NAME    STATUS  MORE",
        "a       FAILED",
        "longer  x       y",
    ]


def test_on_a_terminal_a_status_is_coloured_and_no_head_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    head, row = columns(["started"], [["STARTED"]])
    assert head == "STARTED"
    assert row == "\x1b[33mSTARTED\x1b[0m"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.000s"),
        (1.2346, "1.235s"),
        (12.34, "12.3s"),
        (125, "2m05s"),
        (11_040, "3h04m"),
        (453_600, "5d06h"),
    ],
)
def test_a_span_has_two_units(seconds: float, text: str) -> None:
    assert shown_span(AT, AT + timedelta(seconds=seconds)) == text
    assert shown_span(AT, None) == ""


def test_json_has_payloads_as_the_json_that_they_are() -> None:
    execution = Execution(
        arn="arn:x",
        name="n",
        function_arn="arn:f",
        version=None,
        status=ExecutionStatus.FAILED,
        started_at=AT,
        ended_at=None,
        times_out_at=None,
        input='{"a": [1]}',
        result="no json",
        error=ErrorObject("m", stack_trace=("l",)),
        pause=None,
        durable=None,
    )
    printed = shape(execution)
    assert list(printed) == list(Execution.__dataclass_fields__)
    assert (printed["input"], printed["result"]) == ({"a": [1]}, "no json")
    assert printed["started_at"] == "2026-01-31T12:00:00Z"
    assert printed["error"] == {"message": "m", "type": None, "data": None, "stack_trace": ["l"]}
    span = InvocationSpan("r", AT, AT)
    event = HistoryEvent(1, "InvocationCompleted", AT, None, None, None, None, "1", None, span)
    assert shape(event)["payload"] == 1
    assert shape(event)["detail"]["request_id"] == "r"

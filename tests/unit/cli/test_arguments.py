"""How payloads, times and executions are spelled on the command line."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from perdure.cli import arguments
from perdure.cli.arguments import (
    confirm,
    find_execution,
    function_and_version,
    parse_time,
    read_payload,
)
from perdure.client import Client


@pytest.mark.parametrize("text", ['{"a": 1}', "null", '"text"', " [1] "])
def test_json_is_itself(text: str) -> None:
    assert read_payload(text) == text.encode()


def test_a_path_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"é": 1}')
    assert read_payload(str(file)) == read_payload(f"@{file}") == '{"é": 1}'.encode()
    monkeypatch.chdir(tmp_path)
    Path("1").write_text("2")
    assert read_payload("1") == b"1", "what is JSON is no path"
    assert read_payload("@1") == b"2"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert read_payload("-") == b"[1]"


@pytest.mark.parametrize("text", ["text", "{", "", "@nowhere.json", "nowhere.json"])
def test_what_is_no_json_is_refused_with_advice(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not JSON|cannot be read"):
        read_payload(text)


def test_times_are_told_or_counted_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    monkeypatch.setattr(arguments, "utc_now", lambda: now)
    assert parse_time(None) is None
    assert parse_time("15m") == now - timedelta(minutes=15)
    assert parse_time("2w") == now - timedelta(weeks=2)
    assert parse_time("2026-01-31T12:00:00+02:00") == now - timedelta(hours=2)
    local = parse_time("2026-01-31")
    assert local is not None
    assert local.tzinfo is UTC
    for wrong in ("soon", "5", "-3h", "15 m"):
        with pytest.raises(typer.BadParameter, match="15m"):
            parse_time(wrong)


def test_an_execution_is_an_arn_or_has_a_function(tmp_path: Path) -> None:
    with Client(environment={"HOME": str(tmp_path)}) as client:
        assert find_execution(client, "arn:x") == "arn:x"
        for wrong in ("order", "/order", "order/", ""):
            with pytest.raises(typer.BadParameter, match="FUNCTION/NAME"):
                find_execution(client, wrong)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:lambda:r:0:function:order", ("order", "")),
        ("arn:aws:lambda:r:0:function:order:$LATEST", ("order", "$LATEST")),
        ("arn:aws:lambda:r:0:function:order:7/durable-execution/n/i", ("order", "7")),
    ],
)
def test_the_function_and_its_version_stand_in_an_arn(arn: str, expected: tuple[str, str]) -> None:
    assert function_and_version(arn) == expected


def test_who_is_not_there_to_answer_must_have_said_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    confirm("Really?", yes=True)
    with pytest.raises(typer.BadParameter, match="--yes"):
        confirm("Really?", yes=False)

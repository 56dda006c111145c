"""What `perdure deploy` refuses before it calls anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.cli import app


def refused(*arguments: str) -> str:
    # Nothing listens there: a call would end with another code.
    result = CliRunner().invoke(app, ["deploy", *arguments, "--endpoint", "http://127.0.0.1:1"])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Name a folder"),
        (("nowhere",), "nowhere is no folder"),
        ((".", "--image", "http://h"), "Name a folder"),
        (("--image", "http://h"), "--name"),
        ((".", "--plain", "--retention-days", "3"), "--plain goes without"),
        ((".", "--name", "f", "--env", "A"), "NAME=VALUE"),
        ((".", "--name", "f", "--parameter", "A=b"), "Only with --template: --parameter"),
        (
            ("--template", "t", "--concurrency", "0", "--env", "A=b"),
            "leave out --env, --concurrency",
        ),
        ((".", "--timeout", "901"), "--timeout"),
        ((".", "--log-format", "xml"), "--log-format"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert text in refused(*arguments)

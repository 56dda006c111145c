"""Lines of invocations that share a process, told apart."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TextIO

import pytest

from perdure.in_process.output import CURRENT, LONGEST_LINE, InvocationOutput, take_over_output

Written = list[tuple[str, str]]


@pytest.fixture
def written() -> Written:
    return []


@pytest.fixture
def small_turns() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@contextmanager
def taken_over(written: Written) -> Iterator[io.StringIO]:
    """Output and logging go to `written`, what nobody wrote to the stream that is given."""
    process = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out, err = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = process
    try:
        take_over_output(lambda invocation, text: written.append((invocation, text)))
        yield process
    finally:
        sys.stdout, sys.stderr = out, err
        root.handlers = handlers
        root.setLevel(level)


def within(invocation: str, work: Any, *args: Any, **more: Any) -> None:
    context = contextvars.copy_context()
    context.run(CURRENT.set, invocation)
    context.run(work, *args, **more)


def output_of(written: Written, *running: str, process: TextIO | None = None) -> InvocationOutput:
    output = InvocationOutput(lambda *line: written.append(line), process or io.StringIO())
    for invocation in running:
        output.began(invocation)
    return output


def test_lines_go_out_whole_and_each_with_its_own(written: Written) -> None:
    output = output_of(written, "one", "two")
    within("one", output.write, "first ")
    within("two", output.write, "other\n")
    within("one", output.write, "line\nsecond\nthi")
    output.ended("one")
    assert written == [("two", "other"), ("one", "first line\nsecond"), ("one", "thi")]


def test_what_is_written_after_the_end_is_the_processs_and_is_not_kept(written: Written) -> None:
    process = io.StringIO()
    output = output_of(written, "one", process=process)
    within("one", output.write, "last wor")
    output.ended("one")
    within("one", output.write, "ds, late")
    assert written == [("one", "last wor")]
    assert process.getvalue() == "ds, late"


def test_a_line_without_end_goes_out_in_pieces(written: Written) -> None:
    output = output_of(written, "one")
    quarter = "." * (LONGEST_LINE // 4)
    for _ in range(6):
        within("one", output.write, quarter)
    assert written == [("one", quarter * 4)]
    within("one", output.write, "\n")
    within("one", output.write, "")
    output.ended("one")
    assert written[1:] == [("one", quarter * 2)]


def test_threads_of_an_invocation_lose_nothing_that_they_write_at_once(
    written: Written, small_turns: None
) -> None:
    output = output_of(written, "one")

    def count(_: int) -> None:
        for _ in range(5_000):
            within("one", output.write, ".")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    output.ended("one")
    assert written == [("one", "." * 20_000)]


def test_what_nobody_is_known_to_have_written_is_the_processs(written: Written) -> None:
    with taken_over(written) as process:
        print("from nowhere")  # noqa: T201  it is what is tested
        logging.getLogger("lib").warning("from a library")
    assert written == []
    nowhere, library = process.getvalue().splitlines()
    assert nowhere == "from nowhere"
    assert library.startswith("[WARNING]\t")
    assert library.endswith("\t\tfrom a library")


def test_logging_has_lambdas_form(written: Written) -> None:
    with taken_over(written):
        within("id-1", logging.getLogger("orders").error, "no %s", "stock")
    ((invocation, line),) = written
    level, at, id_, text = line.split("\t")
    assert (invocation, level, id_, text) == ("id-1", "[ERROR]", "id-1", "no stock")
    assert at.endswith("Z")


def test_json_logging_has_lambdas_members(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "WARN")
    logger = logging.getLogger("orders")

    def fail() -> None:
        logger.info("below the level")
        try:
            raise KeyError("sku")
        except KeyError:
            logger.exception("failed", extra={"order": 7})
        logger.warning({"a": "dict"})

    with taken_over(written):
        within("id-1", fail)
    failed, plain = (json.loads(text) for _, text in written)
    assert failed["level"] == "ERROR"
    assert (failed["message"], failed["logger"]) == ("failed", "orders")
    assert (failed["requestId"], failed["order"]) == ("id-1", 7)
    assert (failed["errorType"], failed["errorMessage"]) == ("KeyError", "'sku'")
    assert any("raise KeyError" in line for line in failed["stackTrace"])
    assert plain["message"] == {"a": "dict"}


def test_bytes_can_be_written_past_it() -> None:
    process = io.TextIOWrapper(io.BytesIO())
    output = InvocationOutput(lambda invocation, text: None, process)
    output.buffer.write(b"raw")
    assert process.buffer.getvalue() == b"raw"

"""What functions write, as the agent sends it to a service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perdure.http.http1 import Answer
from perdure.worker.log_shipping import MAX_WAITING_BYTES
from perdure.worker.node_runtime import NodeRuntime
from tests.support.agent import Lines, agent
from tests.support.worker_service import JSON, WorkerService

HANDLER = """
import logging, os, sys, time

print("loaded")
sys.stdout.flush()


def handler(event, context):
    match event:
        case {"flood": count, "width": width}:
            line = ("x" * width + "\\n").encode()
            for n in range(count):
                os.write(1, b"%d " % n + line)
        case {"exit": status}:
            os.write(2, b"last words")
            os._exit(status)
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"raw": text}:
            os.write(1, bytes.fromhex(text))
        case {"level": text}:
            logging.getLogger().debug(text)
            logging.getLogger().warning(text, extra={"operationId": "op"})
        case _:
            print("out", event)
            sys.stderr.write("err\\n")
            logging.getLogger().warning("first\\nsecond")
    return event
"""
REPORT = re.compile(
    r"REPORT RequestId: (?P<id>[0-9a-f-]{36})\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: 128 MB\tMax Memory Used: [1-9]\d* MB(?P<init>\tInit Duration: \d+\.\d\d ms)?"
    r"(?:\tStatus: (?P<status>\w+)(?:\tError Type: (?P<error>[\w.]+))?)?\t"
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    file = tmp_path / "code" / "app.py"
    file.parent.mkdir()
    edit(file, HANDLER)
    return file


def edit(file: Path, text: str) -> None:
    file.write_text(text)


async def logged(service: WorkerService, invocation_id: str) -> list[str]:
    """All that this invocation wrote, once its REPORT is there."""
    await service.until(lambda: any("REPORT" in x for x in service.logged(invocation_id)))
    return service.logged(invocation_id)


async def test_an_invocation_is_logged_from_start_to_report(
    service: WorkerService, code: Path
) -> None:
    lines = Lines()
    async with agent(service, code, concurrency=1, lines=lines):
        first = await service.invoke("hello", 1, ExecutionId="e-1")
        await service.result(first)
        second = await service.invoke("hello", 2)
        written, again = await logged(service, first), await logged(service, second)
    start, out, err, framed, end, report = written
    assert start == f"START RequestId: {first} Version: $LATEST"
    assert (out, err) == ("out 1", "err")
    assert framed.endswith("first\nsecond")
    assert first in framed
    assert end == f"END RequestId: {first}"
    reported, reported_again = REPORT.fullmatch(report), REPORT.fullmatch(again[-1])
    assert reported is not None
    assert reported["id"] == first
    assert reported["init"] is not None
    assert reported_again is not None
    assert reported_again["init"] is None
    assert service.logged(None) == ["loaded"]
    chunks = [chunk for batch in service.log_batches for chunk in batch["Chunks"]]
    (stream,) = {(chunk["LogGroup"], chunk["LogStream"]) for chunk in chunks}
    assert stream[0] == "/aws/lambda/hello"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream[1])
    assert {chunk["ExecutionId"] for chunk in chunks if chunk["RequestId"] == first} == {"e-1"}
    shown = [text for name, text in lines.seen if name == "hello"]
    assert shown[:3] == ["loaded", "out 1", "err"]
    assert shown[4] == "second"
    assert not any("RequestId: " in text for text in shown)


async def test_a_death_is_logged_with_the_last_words(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        invocation = await service.invoke("hello", {"exit": 3}, LogTail=True)
        written = await logged(service, invocation)
        result = await service.result(invocation)
    assert written[1] == "last words"
    error = f"RequestId: {invocation} Error: Runtime exited with error: exit status 3"
    assert written[2] == f"{error}\nRuntime.ExitError"
    report = REPORT.fullmatch(written[-1])
    assert report is not None
    assert (report["status"], report["error"]) == ("error", "Runtime.ExitError")
    assert result.log_tail == "".join(f"{line}\n" for line in written)


async def test_a_timeout_is_logged_as_lambda_does(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        invocation = await service.invoke("hello", {"sleep": 60}, timeout_seconds=1)
        written = await logged(service, invocation)
    assert re.fullmatch(rf".*Z {invocation} Task timed out after 1\.00 seconds", written[1])
    report = REPORT.fullmatch(written[-1])
    assert report is not None
    assert report["status"] == "timeout"


async def test_code_that_does_not_load_is_logged(service: WorkerService, code: Path) -> None:
    edit(code, "import nothing_of_that_name\n\ndef handler(event, context): ...\n")
    async with agent(service, code):
        invocation = await service.invoke("hello", {})
        written = await logged(service, invocation)
    assert "Runtime.ImportModuleError" in written[1]
    assert "Status: error" in written[-1]


async def test_the_tail_holds_the_last_four_kilobytes(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        asked = await service.call("hello", {"flood": 100, "width": 100}, LogTail=True)
        unasked = await service.call("hello", {})
    assert asked.log_tail is not None
    assert len(asked.log_tail) == 4096
    assert "99 " + "x" * 100 in asked.log_tail
    assert asked.log_tail.endswith(" MB\t\n") or "Init Duration" in asked.log_tail
    assert unasked.log_tail is None


async def test_bytes_that_are_no_text_and_the_character_nul_come_through(
    service: WorkerService, code: Path
) -> None:
    async with agent(service, code):
        invocation = await service.invoke("hello", {"raw": "610062ff0a"})
        written = await logged(service, invocation)
    assert written[1] == "a\x00b\ufffd"


async def test_in_json_the_platform_writes_events_and_the_function_structured_lines(
    service: WorkerService, code: Path
) -> None:
    logging = {"LogGroup": "mine", "LogFormat": "JSON", "SystemLogLevel": "WARN"}
    async with agent(service, code):
        plain = await service.invoke("hello", {}, LoggingConfig={"LogFormat": "JSON"})
        start, *_, report = map(_parsed, await logged_events(service, plain))
        other = await service.invoke("hello", {"raw": "610a"}, LoggingConfig=logging)
        await service.until(lambda: service.logged(other) == ["a"])
        failed = await service.invoke("hello", {"exit": 1}, LoggingConfig=logging)
        await service.until(lambda: len(service.logged(failed)) == 3)
    assert (start["type"], start["record"]["requestId"]) == ("platform.start", plain)
    assert report["type"] == "platform.report"
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["billedDurationMs"] >= 0
    assert _parsed(service.logged(failed)[-1])["record"]["status"] == "error"
    chunks = [chunk for batch in service.log_batches for chunk in batch["Chunks"]]
    (stream,) = {c["LogStream"] for c in chunks if c["RequestId"] == other}
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/hello\[\$LATEST\][0-9a-f]{32}", stream)
    assert {c["LogGroup"] for c in chunks if c["RequestId"] == other} == {"mine"}


async def logged_events(service: WorkerService, invocation_id: str) -> list[str]:
    await service.until(lambda: any("platform.report" in x for x in service.logged(invocation_id)))
    return service.logged(invocation_id)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


async def test_a_flood_neither_blocks_the_function_nor_fills_the_memory(
    service: WorkerService, code: Path
) -> None:
    """The service takes nothing: what is written is dropped, oldest first, and told."""
    service.log_answer = Answer(503, (JSON,), b"{}")
    lines, width = 10_000, 2_000
    assert lines * width > 2 * MAX_WAITING_BYTES
    async with agent(service, code, grace_seconds=20):
        invocation = await service.invoke("hello", {"flood": lines, "width": width})
        assert (await service.result(invocation)).outcome == "returned"
        refused = {batch["Batch"] for batch in service.log_batches}
        service.log_answer = Answer(200, (JSON,), b"{}")
        service.log_batches.clear()
        written = await logged(service, invocation)
    assert len(refused) == 1
    numbers = [batch["Batch"] for batch in service.log_batches]
    assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))
    told = [line for line in written if line.startswith("perdure: ")]
    assert told
    dropped = sum(int(line.split()[1]) for line in told)
    kept = [int(line.split()[0]) for line in written if line.endswith("x")]
    assert len(set(kept)) + dropped in range(lines, lines + 3)
    assert kept[-1] == lines - 1


async def test_nothing_is_lost_when_the_worker_drains(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        invocation = await service.invoke("hello", {})
        await service.result(invocation)
    assert "REPORT" in service.logged(invocation)[-1]
    assert service.left


async def test_a_batch_whose_answer_is_lost_comes_again_under_its_number(
    service: WorkerService, code: Path
) -> None:
    service.log_answer = Answer(503, (JSON,), b"{}")
    async with agent(service, code):
        invocation = await service.invoke("hello", {})
        await service.until(lambda: len(service.log_batches) >= 3)
        service.log_answer = Answer(200, (JSON,), b"{}")
        await service.result(invocation)
    first, *others = service.log_batches
    assert first in others


@pytest.mark.javascript
async def test_what_nodejs_writes_is_logged_too(
    service: WorkerService, tmp_path: Path, node_runtime: NodeRuntime
) -> None:
    file = tmp_path / "code" / "app.mjs"
    file.parent.mkdir()
    file.write_text(
        "export const handler = async (event) => {"
        " console.log('one\\ntwo'); process.stdout.write('raw\\n'); return event; };"
    )
    async with agent(service, file, runtime=node_runtime):
        invocation = await service.invoke("hello", {}, LogTail=True)
        written = await logged(service, invocation)
        tail = (await service.result(invocation)).log_tail
    assert any(line.endswith("one\ntwo") for line in written)
    assert "raw" in written
    assert (written[0][:5], written[-2][:3], written[-1][:6]) == ("START", "END", "REPORT")
    assert tail is not None
    assert "one\ntwo\n" in tail

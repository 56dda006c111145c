"""Many invocations in one process, against a service that speaks only the worker protocol."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.http import http1
from perdure.http.http1 import Request
from perdure.worker import shared_child
from perdure.worker.agent import Agent
from perdure.worker.functions import ServedFunction
from perdure.worker.handler_spec import parse_handler_spec
from perdure.worker.in_process_runtime import InProcessRuntime
from perdure.worker.service_client import DurableConfig
from tests.support.agent import PYTHON, Lines, agent_of, is_gone, runtimes_of
from tests.support.waiting import eventually
from tests.support.worker_service import POLL, SeenResult, WorkerService

HANDLER = """
import asyncio, logging, os, signal, subprocess, sys, time
from pathlib import Path

from perdure import durable_execution


def nothing(step):
    raise AssertionError("the invocation has timed out")


@durable_execution
async def hello(event, context):
    match event:
        case {"started": started, "until": until}:
            Path(started).touch()
            while not Path(until).exists():
                await asyncio.sleep(0.005)
        case {"sleep": seconds, "cancelled": note}:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                Path(note).touch()
                raise
        case {"block": seconds}:
            time.sleep(seconds)
        case {"say": text}:
            print(text, "printed")
            await asyncio.sleep(0.01)
            print(text, "again")
            logging.getLogger().info("%s logged", text)
            logging.getLogger().debug("%s hidden", text)
            await asyncio.to_thread(print, text, "in a thread")
        case {"raise": text}:
            raise ValueError(text)
        case {"exit": status}:
            sys.exit(status)
        case {"exit beside another step": status}:
            async def leave(step):
                sys.exit(status)
            async def stay(step):
                await asyncio.sleep(1_000)
            await asyncio.gather(context.step(stay), context.step(leave))
        case {"die": how, **more}:
            if "note" in more:
                command = more.get("command", ["sleep", "600"])
                child = subprocess.Popen(command, start_new_session=more["apart"])
                Path(more["note"]).write_text(str(child.pid))
            os.kill(os.getpid(), how)
            await asyncio.sleep(60)
    return {"version": 1, "pid": os.getpid(), "event": event}


class Odd(BaseException):
    pass


@durable_execution
def plain(event, context):
    match event:
        case {"exit": status}:
            sys.exit(status)
        case {"odd": text}:
            raise Odd(text)
        case {"started": started, "until": until}:
            Path(started).touch()
            while not Path(until).exists():
                time.sleep(0.005)
            if event.get("late"):
                context.step(nothing, name="late")
    return {"version": 1, "pid": os.getpid(), "event": event}
"""

CLIENT = InProcessRuntime(PYTHON)
DURABLE = DurableConfig(3600, 1)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    file = tmp_path / "some code" / "app.py"
    file.parent.mkdir()
    file.write_text(HANDLER)
    return file


@asynccontextmanager
async def agent(
    service: WorkerService,
    file: Path,
    *,
    names: tuple[str, ...] = ("hello",),
    concurrency: int = 8,
    timeout_seconds: int = 30,
    reload: bool = False,
    grace_seconds: float = 20,
    lines: Lines | None = None,
) -> AsyncIterator[Agent]:
    functions = [
        ServedFunction(
            parse_handler_spec(f"{name}={file}:{name}"), CLIENT, DURABLE, timeout_seconds
        )
        for name in names
    ]
    async with agent_of(
        service,
        functions,
        file.parent.parent,
        concurrency=concurrency,
        reload=reload,
        grace_seconds=grace_seconds,
        lines=lines,
    ) as agent:
        yield agent


def durable(event: Any) -> dict[str, Any]:
    """What a durable function is handed for `event`, the first time."""
    execution = {
        "Id": "e",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": 1_750_000_000_000,
        "ExecutionDetails": {"InputPayload": json.dumps(event)},
    }
    function = "arn:aws:lambda:eu-west-3:000000000000:function:f:$LATEST"
    return {
        "DurableExecutionArn": f"{function}/durable-execution/n/e",
        "CheckpointToken": "token",
        "InitialExecutionState": {"Operations": [execution]},
    }


async def invoke(service: WorkerService, event: Any, name: str = "hello", **header: Any) -> str:
    return await service.invoke(name, durable(event), Handler=f"app.{name}", **header)


def edit(file: Path, text: str) -> None:
    file.write_text(text)


def returned(seen: SeenResult) -> Any:
    assert seen.outcome == "returned", seen.body
    assert seen.json["Status"] == "SUCCEEDED", seen.json
    return json.loads(seen.json["Result"])


async def call(service: WorkerService, event: Any, name: str = "hello") -> Any:
    return returned(await service.result(await invoke(service, event, name)))


async def exists(*paths: Path) -> None:
    await asyncio.to_thread(eventually, lambda: all(path.exists() for path in paths), 20)


@pytest.mark.parametrize("name", ["hello", "plain"])
async def test_many_invocations_run_in_one_process(
    service: WorkerService, code: Path, tmp_path: Path, name: str
) -> None:
    """All of them at the same time, and none of a function that has no process to spare."""
    open_ = tmp_path / "open"
    marks = [tmp_path / f"started-{number}" for number in range(8)]
    async with agent(service, code, names=(name,)):
        ids = [
            await invoke(service, {"started": str(mark), "until": str(open_)}, name)
            for mark in marks
        ]
        await exists(*marks)
        (process,) = runtimes_of(os.getpid())
        open_.touch()
        results = [await service.result(id_) for id_ in ids]
    if name == "hello":
        assert {returned(result)["pid"] for result in results} == {process.pid}
    assert is_gone(process)


async def test_results_travel_with_polls(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        for number in range(5):
            assert (await call(service, {"n": number}))["event"] == {"n": number}
    *accepted, _ = service.results.values()  # the last one's poll was held when it all ended
    assert [len(seen) for seen in accepted] == [1] * 4


async def test_a_result_whose_acceptance_was_lost_is_reported_again(
    service: WorkerService, code: Path
) -> None:
    def has_results(request: Request) -> bool:
        return http1.field(request.fields, b"content-type") == POLL

    async with agent(service, code):
        await call(service, {})
        service.loses_answer_to = has_results
        id_ = await invoke(service, {})
        await service.until(lambda: len(service.results.get(id_, ())) == 2)
        first, second = service.results[id_]
        assert first == second
        await call(service, {})


async def test_a_large_result_has_a_request_of_its_own(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        text = "x" * 200_000
        assert (await call(service, {"text": text}))["event"]["text"] == text


async def test_an_error_is_the_executions_not_the_processs(
    service: WorkerService, code: Path
) -> None:
    async with agent(service, code):
        seen = await service.result(await invoke(service, {"raise": "no such order"}))
        assert seen.json["Status"] == "FAILED"
        assert seen.json["Error"]["ErrorMessage"] == "no such order"
        await call(service, {})


async def test_an_asynchronous_invocation_is_cancelled_at_its_timeout(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    note = tmp_path / "cancelled"
    async with agent(service, code):
        before = await call(service, {})
        event = {"sleep": 60, "cancelled": str(note)}
        seen = await service.result(await invoke(service, event, timeout_seconds=0.2))
        await exists(note)
        assert seen.outcome == "timeout"
        assert seen.json["errorType"] == "Sandbox.Timedout"
        assert "Task timed out after 0.20 seconds" in seen.json["errorMessage"]
        assert (await call(service, {}))["pid"] == before["pid"]


async def test_a_plain_handler_that_timed_out_can_do_no_more_durable_work(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, until = tmp_path / "started", tmp_path / "until"
    async with agent(service, code, names=("plain",)):
        event = {"started": str(started), "until": str(until), "late": True}
        id_ = await invoke(service, event, "plain", timeout_seconds=0.5)
        assert (await service.result(id_)).outcome == "timeout"
        until.touch()  # its thread goes on, to a step
        await call(service, {}, "plain")
    assert service.proxied == []


async def test_threads_that_hang_wear_the_process_out(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    never, lines = tmp_path / "never", Lines()
    async with agent(service, code, names=("plain",), lines=lines):
        before = await call(service, {}, "plain")
        ids = [
            await invoke(
                service,
                {"started": str(tmp_path / f"{number}"), "until": str(never)},
                "plain",
                timeout_seconds=0.5,
            )
            for number in range(8)
        ]
        assert {(await service.result(id_)).outcome for id_ in ids} == {"timeout"}
        await service.until(lambda: "its process is replaced" in lines.text())
        assert (await call(service, {}, "plain"))["pid"] != before["pid"]


async def test_a_handler_that_blocks_the_loop_is_named_and_ended(
    service: WorkerService, code: Path
) -> None:
    """The process is replaced: nothing else in it could run."""
    lines = Lines()
    async with agent(service, code, lines=lines):
        before = await call(service, {})
        seen = await service.result(await invoke(service, {"block": 60}, timeout_seconds=2))
        assert seen.outcome == "timeout"
        assert "The event loop has been blocked for 1 s" in lines.text()
        assert "time.sleep(seconds)" in lines.text()
        assert (await call(service, {}))["pid"] != before["pid"]


async def test_the_death_of_the_process_ends_what_it_ran_at_once(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    marks = [tmp_path / "one", tmp_path / "two"]
    async with agent(service, code):
        others = [
            await invoke(service, {"started": str(mark), "until": str(tmp_path / "never")})
            for mark in marks
        ]
        await exists(*marks)
        killed = await invoke(service, {"die": signal.SIGKILL})
        for id_ in (killed, *others):
            seen = await service.result(id_)
            assert seen.outcome == "exit"
            assert seen.json["errorType"] == "Runtime.ExitError"
            assert seen.json["errorMessage"].endswith("exited with error: signal: killed")
        await call(service, {})


@pytest.mark.parametrize(
    ("name", "event", "how"),
    [
        ("hello", {"exit": 3}, "exited with error: exit status 3"),
        ("hello", {"exit beside another step": 4}, "exited with error: exit status 4"),
        ("plain", {"exit": None}, "exited without providing a reason"),
        ("plain", {"odd": "one"}, "exited with error: exit status 1"),
    ],
)
async def test_a_handler_that_exits_leaves_its_neighbours_alone(
    service: WorkerService, code: Path, tmp_path: Path, name: str, event: Any, how: str
) -> None:
    started, until = tmp_path / "started", tmp_path / "until"
    lines = Lines()
    async with agent(service, code, names=(name,), lines=lines):
        held = {"started": str(started), "until": str(until)}
        neighbour = await invoke(service, held, name)
        await exists(started)
        seen = await service.result(await invoke(service, event, name))
        assert seen.outcome == "exit"
        assert seen.json["errorType"] == "Runtime.ExitError"
        assert seen.json["errorMessage"].endswith(how)
        until.touch()
        assert (await service.result(neighbour)).outcome == "returned"
        assert "The handler ended its process" in lines.text()


async def test_what_comes_while_a_process_is_buried_has_the_next_one(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with agent(service, code):
        # Its child keeps the pipes open, so that its last words are waited for.
        event = {"die": signal.SIGKILL, "note": str(note), "apart": True}
        assert (await service.result(await invoke(service, event))).outcome == "exit"
        await call(service, {})
    os.kill(int(note.read_text()), signal.SIGKILL)


async def test_edited_code_does_not_cut_a_dead_process_last_words_off(
    service: WorkerService, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_child, "_LAST_WORDS_SECONDS", 30.0)
    note, go, lines = tmp_path / "note", tmp_path / "go", Lines()
    script = 'until [ -e "$0" ]; do sleep 0.01; done; echo the last "words"'
    command = ["timeout", "60", "sh", "-c", script, str(go)]
    async with agent(service, code, reload=True, lines=lines):
        event = {"die": signal.SIGKILL, "note": str(note), "apart": True, "command": command}
        assert (await service.result(await invoke(service, event))).outcome == "exit"
        edit(code, HANDLER.replace('"version": 1', '"version": 2'))
        await service.until(lambda: "reloaded" in lines.text())
        go.touch()
        await asyncio.to_thread(eventually, lambda: "the last words" in lines.text())


async def test_what_a_dead_process_had_started_ends_with_it(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    async with agent(service, code):
        event = {"die": signal.SIGKILL, "note": str(note), "apart": False}
        assert (await service.result(await invoke(service, event))).outcome == "exit"
        left = int(note.read_text())
        await asyncio.to_thread(eventually, lambda: not psutil.pid_exists(left))


async def test_what_invocations_write_is_told_apart(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        ids = {text: await invoke(service, {"say": text}) for text in ("one", "two")}
        for id_ in ids.values():
            await service.result(id_)
    for text, id_ in ids.items():
        start, printed, again, logged, threaded, end, report = service.logged(id_)
        assert start == f"START RequestId: {id_} Version: $LATEST"
        assert (printed, again) == (f"{text} printed", f"{text} again")
        assert threaded == f"{text} in a thread"
        assert logged.startswith("[INFO]\t")
        assert logged.endswith(f"\t{id_}\t{text} logged")
        assert end == f"END RequestId: {id_}"
        assert report.startswith(f"REPORT RequestId: {id_}\tDuration: ")


async def test_edited_code_is_loaded_and_what_runs_ends_on_the_old(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, until, lines = tmp_path / "started", tmp_path / "until", Lines()
    async with agent(service, code, reload=True, lines=lines):
        id_ = await invoke(service, {"started": str(started), "until": str(until)})
        await exists(started)
        edit(code, HANDLER.replace('"version": 1', '"version": 2'))
        await service.until(lambda: "reloaded" in lines.text())
        new = await call(service, {})
        until.touch()
        old = returned(await service.result(id_))
    assert (old["version"], new["version"]) == (1, 2)
    assert old["pid"] != new["pid"]


async def test_a_handler_that_does_not_load_says_why_until_it_is_mended(
    service: WorkerService, code: Path
) -> None:
    edit(code, "from perdure import durable_execution\nhello = durable_execution(1 / 0)\n")
    async with agent(service, code, reload=True):
        seen = await service.result(await invoke(service, {}))
        assert seen.outcome == "init-error"
        assert seen.json["errorType"] == "ZeroDivisionError"
        assert any("1 / 0" in line for line in seen.json["stackTrace"])
        edit(code, HANDLER)
        assert (await until_returned(service, {}))["version"] == 1


async def until_returned(service: WorkerService, event: Any) -> Any:
    while True:
        seen = await service.result(await invoke(service, event))
        if seen.outcome == "returned":
            return returned(seen)


async def test_a_handler_that_is_not_ours_is_refused_with_advice(
    service: WorkerService, code: Path
) -> None:
    edit(code, "def hello(event, context): ...\n")
    async with agent(service, code):
        seen = await service.result(await invoke(service, {}))
    assert seen.outcome == "init-error"
    assert "not decorated with perdure's durable_execution" in seen.json["errorMessage"]
    assert "--no-in-process" in seen.json["errorMessage"]


async def test_a_drain_lets_what_runs_finish(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, until = tmp_path / "started", tmp_path / "until"
    async with agent(service, code) as draining:
        id_ = await invoke(service, {"started": str(started), "until": str(until)})
        await exists(started)
        draining.stop()
        until.touch()
        assert returned(await service.result(id_))["version"] == 1


async def test_a_drain_that_takes_too_long_ends_in_a_kill(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    async with agent(service, code, grace_seconds=0.2):
        id_ = await invoke(service, {"started": str(started), "until": str(tmp_path / "never")})
        await exists(started)
    assert (await service.result(id_)).outcome == "exit"


async def test_a_service_that_restarts_gets_the_results_of_the_meantime(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, until = tmp_path / "started", tmp_path / "until"
    async with agent(service, code):
        id_ = await invoke(service, {"started": str(started), "until": str(until)})
        await exists(started)
        await service.stop()
        until.touch()
        await service.start()
        assert returned(await service.result(id_))["version"] == 1
        await call(service, {})

"""The agent with real runtime processes: what holds for every language."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.agent import agent, is_gone, runtimes_of
from tests.support.served import Served, javascript_function, python_function
from tests.support.waiting import eventually
from tests.support.worker_service import WorkerService


@pytest.fixture(
    params=[
        pytest.param(python_function, id="python"),
        pytest.param(javascript_function, id="javascript", marks=pytest.mark.javascript),
    ]
)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    served: Served = request.param(tmp_path / "some code")
    return served


async def test_an_event_goes_in_and_a_result_comes_out(
    service: WorkerService, served: Served
) -> None:
    event = {"text": "é\u0000😀", "large": "x" * 3_000_000}
    async with agent(service, served.file, runtime=served.runtime):
        invocation = await service.invoke("hello", event, timeout_seconds=7)
        result = await service.result(invocation)
        await service.until(lambda: service.confirmed == [invocation])
    assert result.outcome == "returned"
    returned = result.json
    assert returned["event"] == event
    assert returned["id"] == invocation
    assert returned["arn"].endswith(":function:hello:$LATEST")
    assert 0 < returned["milliseconds"] <= 7000
    assert returned["function"] == ["hello", "$LATEST"]


async def test_an_exception_is_an_error_and_the_process_stays(
    service: WorkerService, served: Served
) -> None:
    async with agent(service, served.file, runtime=served.runtime):
        before = (await service.call("hello", {})).json["pid"]
        result = await service.call("hello", {"raise": "broken"})
        after = (await service.call("hello", {})).json["pid"]
    assert result.outcome == "error"
    assert (result.json["errorType"], result.json["errorMessage"]) == ("RuntimeError", "broken")
    assert before == after


@pytest.mark.parametrize(
    ("event", "manner"),
    [
        ({"exit": 3}, "exited with error: exit status 3"),
        ({"exit": 0}, "exited without providing a reason"),
        ({"kill": True}, "exited with error: signal: killed"),
    ],
)
async def test_a_death_is_reported_at_once_and_another_process_goes_on(
    service: WorkerService, served: Served, event: Any, manner: str
) -> None:
    async with agent(service, served.file, runtime=served.runtime):
        invocation = await service.invoke("hello", event)
        result = await service.result(invocation)
        assert (await service.call("hello", {})).outcome == "returned"
    assert result.outcome == "exit"
    assert result.json == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {invocation} Error: Runtime {manner}",
    }


async def test_a_timeout_kills_the_process_with_all_it_started(
    service: WorkerService, served: Served, tmp_path: Path
) -> None:
    forever = {"started": str(tmp_path / "started"), "until": str(tmp_path / "never")}
    async with agent(service, served.file, runtime=served.runtime):
        invocation = await service.invoke("hello", forever, timeout_seconds=1)
        result = await service.result(invocation)
        assert (await service.call("hello", {})).outcome == "returned"
    assert (tmp_path / "started").exists()
    assert result.outcome == "timeout"
    assert result.json == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {invocation} Error: Task timed out after 1.00 seconds",
    }


@pytest.mark.parametrize(
    ("served", "text", "error_type", "message"),
    [
        (python_function, "handler = 1; import no_such", "Runtime.ImportModuleError", "no_such"),
        (python_function, "import os; handler = os._exit(4)", "Runtime.ExitError", "status 4"),
        *(
            pytest.param(javascript_function, *told, marks=pytest.mark.javascript)
            for told in (
                ('import "nothing"; export const handler = 1;', "Error", "nothing"),
                ("export const handler = ;", "Runtime.UserCodeSyntaxError", "Unexpected token"),
                ("export const other = 1;", "Runtime.HandlerNotFound", "app.handler is undefined"),
                ("process.exit(4)", "Runtime.ExitError", "exit status 4"),
            )
        ),
    ],
    indirect=["served"],
)
async def test_code_that_does_not_load_is_an_init_error(
    service: WorkerService, served: Served, text: str, error_type: str, message: str
) -> None:
    served.rewrite(text)
    async with agent(service, served.file, runtime=served.runtime):
        results = [await service.call("hello", {}) for _ in range(2)]
    assert [result.outcome for result in results] == ["init-error"] * 2
    assert results[0].json["errorType"] == error_type
    assert message in results[0].json["errorMessage"]


async def test_a_drain_lets_what_runs_finish(
    service: WorkerService, served: Served, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with agent(service, served.file, runtime=served.runtime) as worker:
        invocation = await service.invoke(
            "hello", {"started": str(tmp_path / "started"), "until": str(gate)}
        )
        await service.until(lambda: service.held == [invocation])
        worker.stop()
        late = await service.invoke("hello", {})
        gate.touch()
        assert (await service.result(invocation)).outcome == "returned"
    assert len(service.left) == 1
    assert late not in service.results
    assert runtimes_of(os.getpid()) == []


async def test_runtimes_die_with_an_agent_that_is_killed(
    service: WorkerService, served: Served, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perdure"),
        *("worker", f"hello={served.file}", "--service", service.url, *served.options),
        *("--cache", tmp_path / "cache"),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        await service.until(lambda: bool(service.registrations))
        runtime = psutil.Process((await service.call("hello", {})).json["pid"])
        assert runtimes_of(process.pid) == [runtime]
        process.kill()
        await process.wait()
        await asyncio.to_thread(eventually, lambda: is_gone(runtime))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

"""All scenarios of an SDK run at the same time, on one worker; a test looks at one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.scenarios.library import SCENARIOS, Scenario
from tests.e2e.scenarios.plays import (
    batches,
    callbacks,
    contexts,
    executions,
    invokes,
    pauses,
    steps,
    waits,
)
from tests.e2e.scenarios.plays.stage import PLAYS
from tests.e2e.scenarios.run import Run
from tests.e2e.scenarios.sdks import SDKS, Sdk
from tests.support.caller import Caller
from tests.support.service import ServiceProcess

PLAYED = (batches, callbacks, contexts, executions, invokes, pauses, steps, waits)
AT_ONCE = 16
"""Scenarios that run at the same time. Most of them wait."""

Outcomes = dict[str, Future[None]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`sdk_name` and `scenario_name` for every scenario that the SDK can run."""
    if {"sdk_name", "scenario_name"} <= set(metafunc.fixturenames):
        metafunc.parametrize(
            ("sdk_name", "scenario_name"),
            [
                # One SDK's scenarios stay together, wherever they run.
                pytest.param(
                    sdk.name,
                    scenario.name,
                    marks=[pytest.mark.xdist_group(f"scenarios {sdk.name}"), *sdk.marks],
                )
                for sdk in SDKS.values()
                for scenario in SCENARIOS.values()
                if scenario.reason_against(sdk.name) is None
            ],
        )


@pytest.fixture(scope="session")
def outcomes(
    service: ServiceProcess,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Outcomes]]:
    """The runs of an SDK's scenarios, all that this session is to look at. Those of another SDK
    begin when these have been looked at: one SDK's workers are enough at a time."""
    begun: tuple[str, Outcomes] | None = None
    wanted = [
        (str(item.callspec.params["sdk_name"]), str(item.callspec.params["scenario_name"]))
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and "scenario_name" in item.callspec.params
    ]
    with ExitStack() as stack:

        def of(sdk: str) -> Outcomes:
            nonlocal begun
            if begun is None or begun[0] != sdk:
                stack.close()
                folder = tmp_path_factory.mktemp(sdk)
                caller = Caller(service.url)
                stack.enter_context(SDKS[sdk].serve(folder, service.url))
                pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
                stack.callback(pool.shutdown, wait=False, cancel_futures=True)
                runs = {
                    name: pool.submit(_run, SCENARIOS[name], SDKS[sdk], caller, folder / name)
                    for owner, name in wanted
                    if owner == sdk
                }
                begun = sdk, runs
            return begun[1]

        yield of


def _run(scenario: Scenario, sdk: Sdk, caller: Caller, folder: Path) -> None:
    folder.mkdir()
    suffix = "" if scenario.function == "self" else f"-{scenario.function}"
    run = Run(scenario, sdk.name, caller, folder, f"{sdk.name}{suffix}")
    run.start()
    if scenario.name in PLAYS:
        PLAYS[scenario.name](run)
    run.check()

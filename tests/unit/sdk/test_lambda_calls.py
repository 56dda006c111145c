"""Handlers as Lambda's runtime calls them: again and again in one process, which may fork."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import clean_environment

HANDLERS = """
import asyncio, json, os, signal, sys
from perdure import durable_execution

signal.alarm(20)  # nothing is left running if it hangs

class Service:
    async def checkpoint(self, *_):
        return {"CheckpointToken": "next"}

@durable_execution(service=Service())
def process(event, context):
    return os.getpid()

@durable_execution(service=Service())
def plain(event, context):
    sys.exit(3)

async def leave(*_):
    sys.exit(3)

@durable_execution(service=Service())
async def coroutine(event, context):
    await leave()

@durable_execution(service=Service())
async def task(event, context):
    await asyncio.create_task(leave())

@durable_execution(service=Service())
async def step(event, context):
    await context.step(leave, name="leave")

@durable_execution(service=Service())
async def steps(event, context):
    async def stay(_):
        await asyncio.sleep(1_000)
    await asyncio.gather(context.step(stay, name="stay"), context.step(leave, name="leave"))

@durable_execution(service=Service())
def step_of_a_thread(event, context):
    context.step(leave, name="leave")

def call(handler):
    return handler({"DurableExecutionArn": "arn", "CheckpointToken": "token"}, None)

def ask():
    assert call(process) == {"Status": "SUCCEEDED", "Result": str(os.getpid())}
"""
FORK = """
ask()
child = os.fork()
signal.alarm(20)
ask()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
EXIT = """
try:
    call({handler})
except SystemExit as error:
    assert error.code == 3
else:
    raise AssertionError("it has exited")
ask()
"""


def run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANDLERS + script],
        check=False,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_a_handler_runs_in_a_fork_of_a_process_that_has_run_one() -> None:
    run(FORK)


@pytest.mark.parametrize(
    "handler", ["plain", "coroutine", "task", "step", "steps", "step_of_a_thread"]
)
def test_a_handler_that_exits_says_so_to_its_caller_and_the_next_one_runs(handler: str) -> None:
    run(EXIT.format(handler=handler))

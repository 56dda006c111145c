"""A process that has run a handler may fork, and both go on."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import clean_environment

SCRIPT = """
import json, os, signal
from perdure import durable_execution

@durable_execution
def handler(event, context):
    return os.getpid()

def ask():
    event = {"DurableExecutionArn": "arn", "CheckpointToken": "token"}
    assert json.loads(handler(event, None)["Result"]) == os.getpid()

ask()
child = os.fork()
signal.alarm(20)  # nothing is left running if it hangs
ask()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""


def test_a_handler_runs_in_a_fork_of_a_process_that_has_run_one() -> None:
    environment = clean_environment({"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1"})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr

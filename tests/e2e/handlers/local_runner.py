"""AWS's local test runner with a handler on our SDK, in a process of its own: the runner leaves an
event loop open. Prints what it found as JSON."""

from __future__ import annotations

import json
from typing import Any

from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner

from perdure import DurableContext, Duration, StepContext, durable_execution


@durable_execution
def ours(event: dict[str, Any], context: DurableContext) -> list[Any]:
    def flaky(step: StepContext) -> dict[str, int]:
        if step.attempt == 1:
            raise ConnectionError("busy")
        return {"attempt": step.attempt}

    charged = context.step(flaky, name="charge")
    context.wait(Duration.from_hours(1), name="nap")
    doubled = context.map([1, 2], lambda branch, item, index, all_: item * 2, name="doubles")
    return [event["id"], charged, doubled.get_results()]


if __name__ == "__main__":
    with DurableFunctionTestRunner(ours, poll_interval=0.01) as runner:
        result = runner.run(input=json.dumps({"id": 7}))
        print(  # noqa: T201  # read by the test
            json.dumps(
                {
                    "status": result.status.value,
                    "result": result.result,
                    "attempts": result.get_step("charge").attempt,
                    "doubles": result.get_context("doubles").status.value,
                }
            )
        )

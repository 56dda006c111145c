"""Chained invokes: the children, and what becomes of them."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


@play
def invoke(run: Run) -> None:
    run.until_closed()
    child = run.caller.get(run.child_arn())
    assert child["Status"] == "SUCCEEDED"
    assert child["FunctionArn"].endswith(":$LATEST")


@play
def invoke_stopped(run: Run) -> None:
    run.until("InvocationCompleted")
    run.caller.client.stop_durable_execution(
        DurableExecutionArn=run.child_arn(),
        Error={"ErrorType": "Cancelled", "ErrorMessage": "by somebody"},
    )


@play
def invoke_of_one_that_dies(run: Run) -> None:
    run.until_closed()
    ends = [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload", {}).get("ErrorType")
        for event in run.caller.history(run.child_arn())
        if event["EventType"] == "InvocationCompleted"
    ]
    assert ends == ["Runtime.ExitError", None]


@play
def invoke_by_a_stopped_parent(run: Run) -> None:
    run.until("InvocationCompleted")
    run.stop()
    assert run.caller.until_closed(run.child_arn())["Status"] == "SUCCEEDED"

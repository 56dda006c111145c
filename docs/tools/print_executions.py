"""Print docs/reference/executions.md from the table that decides.

.venv/bin/python -m docs.tools.print_executions > docs/reference/executions.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from perdure_service.domain.execution import OUTCOMES, ExecutionStatus
from perdure_service.domain.lifecycle import LIFECYCLE, Cause

COMMAND = ".venv/bin/python -m docs.tools.print_executions > docs/reference/executions.md"

HEAD = f"""# Executions and their states

Printed from `LIFECYCLE` in `perdure_service/domain/lifecycle.py`; do not edit.
After a change there:

    {COMMAND}
"""

ENDS = {ExecutionStatus.DELETING: "the next purge", **dict.fromkeys(OUTCOMES, "retention over")}

TEXT = """\
What is asked for in a state without such an arrow is refused with `ResourceConflictException`;
only Stop is answered with the recorded time once an execution has ended.

## Pause

PAUSED means that nothing of the execution runs and nothing will. Waits, retries and timeouts go
on falling due, callbacks and chained executions go on completing, and all of it is recorded as it
happens; only the function is not invoked for it.

- **Nothing in flight**: PAUSED at once. An invocation that waits for a worker is held back.
- **An invocation in flight**: PAUSING. The invocation is not interrupted. Its next checkpoint is
  accepted, and answered without a `CheckpointToken`: SDKs stop at that and return PENDING. PAUSED
  comes with the end of the invocation, however it ends; a crash counts, and its retry is held
  back. A function that comes to its result first has simply ended.
- **Resume** invokes the function if the pause cut an invocation short, or if anything has asked
  for one since. Otherwise the execution goes on waiting.
- **Resume while PAUSING** takes the pause back and leaves no event. If the token was withheld
  already, that invocation still ends with PENDING, and another follows at once.

The history has `ExecutionPaused` and `ExecutionResumed`, each with the time of the request and
the reason that was given.

## The deadline

An execution has `ExecutionTimeout` seconds from its start. The time between `ExecutionPaused` and
`ExecutionResumed` does not count, so the deadline moves by it; no execution outlasts 366 days.
While it is paused `ExpectedExecutionTimeoutTimestamp` shows those 366 days. With
`ExecutionTimeoutPaused=false` the deadline stays, and may come while the execution is paused. The
time that an execution is PAUSING always counts.

## Delete, and retention

An execution that has ended is purged when its retention is over, or as soon as somebody deletes
it: its history, its payloads, its name. Until it is, it is DELETING and shows neither result nor
error. Its name is free from the request on. Executions that it started, or that started it, stay;
one whose parent has not yet heard how it ended waits for that. A dead letter and what functions
have logged are kept where they are.

Invocations of functions that are not durable are purged an hour after their end.

## Repeats

Pause and Resume take a `ClientToken`, which AWS's SDKs send by themselves. The same request with
the same token within 15 minutes succeeds and does nothing more, whatever has become of the
execution meanwhile; the newest 16 requests of an execution are remembered. The same token with
another reason or timeout is refused with `InvalidParameterValueException`. Delete is answered
with the time of the first request for as long as the execution is DELETING.
"""


def table() -> Iterator[str]:
    sources: dict[tuple[Cause, ExecutionStatus], list[str]] = {}
    for (before, cause), to in LIFECYCLE.items():
        sources.setdefault((cause, to), []).append(before.value)
    yield "| by | from | to |"
    yield "| --- | --- | --- |"
    for (cause, to), names in sources.items():
        yield f"| {cause.value} | {', '.join(names)} | {to.value} |"
    yield f"| retention over | {', '.join(OUTCOMES)} | purged |"
    yield f"| the next purge | {ExecutionStatus.DELETING.value} | purged |"


def diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {ExecutionStatus.RUNNING.value}: Invoke"
    for (before, cause), to in LIFECYCLE.items():
        yield f"    {before.value} --> {to.value}: {cause.value.removesuffix('DurableExecution')}"
    for status, by in ENDS.items():
        yield f"    {status.value} --> [*]: {by}"
    yield "```"


def page() -> str:
    return "\n".join([HEAD, *table(), "", *diagram(), "", TEXT])


if __name__ == "__main__":
    sys.stdout.write(page())

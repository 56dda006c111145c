"""Print docs/reference/operations.md from the tables that decide.

.venv/bin/python -m docs.tools.print_operations > docs/reference/operations.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from perdure_service.domain.operations import (
    CLOSED_STATUSES,
    COMPLETIONS,
    TRANSITIONS,
    OperationType,
    Status,
)

COMMAND = ".venv/bin/python -m docs.tools.print_operations > docs/reference/operations.md"

HEAD = f"""# Operations and their transitions

Printed from `TRANSITIONS` and `COMPLETIONS` in `perdure_service/domain/operations.py`; do not edit.
After a change there:

    {COMMAND}

`CAPITALS` are actions: what a function asks for in CheckpointDurableExecution. The rest is what the
service does by itself. Whatever stands in no table is refused, and changes nothing.
"""

NOTES = {
    OperationType.EXECUTION: """\
An EXECUTION is there from the start. It also closes when its handler returns a result or an error,
when it is stopped and when its time is up; none of these is an update.
""",
    OperationType.CONTEXT: """\
A CONTEXT may be closed without having been started. What lies below it is no longer shown then,
unless it was closed with `ReplayChildren`.
""",
    OperationType.STEP: """\
READY has no event and is not stored: it is PENDING whose time has come. A step whose worker crashed
stays STARTED, and may be closed or retried without another START.
""",
    OperationType.CALLBACK: """\
`time reached` is the callback's timeout or that of its heartbeat, whichever comes first.
""",
    OperationType.CHAINED_INVOKE: """\
`target refused` comes in the same answer: the function does not exist, or is durable and was named
without a qualifier. A result over the limit of size counts as `child failed`.
""",
}

Arrow = tuple[Status | None, str, Status]


def arrows(type_: OperationType) -> list[Arrow]:
    """All transitions of `type_`: from (None: not there yet), by, to. The function's come first."""
    asked = [(s, action.value, to) for (t, s, action), to in TRANSITIONS.items() if t is type_]
    done = [(s, what.value, to) for (t, s, what), to in COMPLETIONS.items() if t is type_]
    return [*asked, *done]


def table(type_: OperationType) -> Iterator[str]:
    sources: dict[tuple[str, Status], list[str]] = {}
    for before, by, to in arrows(type_):
        name = before.value if before is not None else "not there yet"
        sources.setdefault((by, to), []).append(name)
    yield "| by | from | to |"
    yield "| --- | --- | --- |"
    for (by, to), names in sources.items():
        yield f"| `{by}` | {', '.join(names)} | {to.value} |"


def diagram(type_: OperationType) -> Iterator[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for before, by, to in arrows(type_):
        labels.setdefault((before.value if before else "[*]", to.value), []).append(by)
    yield "```mermaid"
    yield "stateDiagram-v2"
    if type_ is OperationType.EXECUTION:
        yield "    [*] --> STARTED"
    for (before_name, to_name), by_whom in labels.items():
        yield f"    {before_name} --> {to_name}: {', '.join(by_whom)}"
    reached = {to for _, _, to in arrows(type_)}
    for closed in sorted(reached & CLOSED_STATUSES):
        yield f"    {closed.value} --> [*]"
    yield "```"


def page() -> str:
    lines = [HEAD]
    for type_ in OperationType:
        lines += [f"## {type_.value}", ""]
        if type_ in NOTES:
            lines.append(NOTES[type_])
        lines += [*table(type_), "", *diagram(type_), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())

"""The states of executions, from the table that decides."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.markdown import state_diagram, table
from perdure_service.domain.execution import OUTCOMES, ExecutionStatus
from perdure_service.domain.lifecycle import LIFECYCLE, Cause

ENDS = {ExecutionStatus.DELETING: "the next purge", **dict.fromkeys(OUTCOMES, "retention over")}


def block() -> Iterator[str]:
    yield from table(("by", "from", "to"), ways())
    yield ""
    yield from state_diagram(drawn())


def ways() -> Iterator[tuple[str, str, str]]:
    """By what, from which states, to which state."""
    sources: dict[tuple[Cause, ExecutionStatus], list[str]] = {}
    for (before, cause), to in LIFECYCLE.items():
        sources.setdefault((cause, to), []).append(before.value)
    for (cause, to), names in sources.items():
        yield cause.value, ", ".join(names), to.value
    yield "retention over", ", ".join(OUTCOMES), "purged"
    yield "the next purge", ExecutionStatus.DELETING.value, "purged"


def drawn() -> Iterator[str]:
    yield f"[*] --> {ExecutionStatus.RUNNING.value}: Invoke"
    for (before, cause), to in LIFECYCLE.items():
        yield f"{before.value} --> {to.value}: {cause.value.removesuffix('DurableExecution')}"
    for status, by in ENDS.items():
        yield f"{status.value} --> [*]: {by}"

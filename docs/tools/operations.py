"""Operations: what they show, and their transitions, from the tables that decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from docs.tools.markdown import code, members, state_diagram, table
from perdure_service.domain.instant import Instant, epoch_seconds
from perdure_service.domain.operations import (
    CLOSED_STATUSES,
    COMPLETIONS,
    TRANSITIONS,
    ErrorObject,
    Operation,
    OperationType,
    Status,
)
from perdure_service.domain.shapes import operation_shape

_AT = Instant(1_000_000)

Arrow = tuple[Status | None, str, Status]


def arrows(type_: OperationType) -> list[Arrow]:
    """All transitions of `type_`: from (None: not there yet), by, to. The function's come first."""
    asked = [(s, action.value, to) for (t, s, action), to in TRANSITIONS.items() if t is type_]
    done = [(s, what.value, to) for (t, s, what), to in COMPLETIONS.items() if t is type_]
    return [*asked, *done]


def block(type_: OperationType) -> Iterator[str]:
    yield from table(("by", "from", "to"), transitions(type_))
    yield ""
    yield from state_diagram(drawn(type_))


def transitions(type_: OperationType) -> Iterator[tuple[str, str, str]]:
    sources: dict[tuple[str, Status], list[str]] = {}
    for before, by, to in arrows(type_):
        name = before.value if before is not None else "not there yet"
        sources.setdefault((by, to), []).append(name)
    for (by, to), names in sources.items():
        yield code(by), ", ".join(names), to.value


def drawn(type_: OperationType) -> Iterator[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for before, by, to in arrows(type_):
        labels.setdefault((before.value if before else "[*]", to.value), []).append(by)
    if type_ is OperationType.EXECUTION:
        yield "[*] --> STARTED"
    for (before_name, to_name), by_whom in labels.items():
        yield f"{before_name} --> {to_name}: {', '.join(by_whom)}"
    reached = {to for _, _, to in arrows(type_)}
    for closed in sorted(reached & CLOSED_STATUSES):
        yield f"{closed.value} --> [*]"


def shown() -> Iterator[str]:
    rows = (
        (type_.value, code(details_of(type_)), members(*details(type_))) for type_ in OperationType
    )
    yield from table(("type", "details", "members"), rows)


def details_of(type_: OperationType) -> str:
    """The member that holds what an operation of this type has by itself."""
    return f"{type_.value.title().replace('_', '')}Details"


def details(type_: OperationType) -> tuple[dict[str, Any], dict[str, Any]]:
    """The details of an operation at their fullest and at their barest."""
    bare = Operation("o", type_, Status.STARTED, 1, 1, _AT, callback_id="c", due_at=_AT)
    full = replace(
        bare,
        status=Status.PENDING,
        result="1",
        error=ErrorObject(type="Refused"),
        next_attempt_at=_AT,
        replay_children=True,
    )
    before, name = Instant(_AT - 1), details_of(type_)
    return (
        operation_shape(full, before, epoch_seconds, execution_input="1")[name],
        operation_shape(bare, before, epoch_seconds)[name],
    )

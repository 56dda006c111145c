"""The state diagrams of operations and of executions draw what the tables say."""

from __future__ import annotations

import re

from docs.tools import executions, operations
from perdure_service.domain.lifecycle import LIFECYCLE
from perdure_service.domain.operations import COMPLETIONS, TRANSITIONS, OperationType

ARROW = re.compile(r"[A-Z_]+ --> [A-Z_]+: .+")


def test_each_transition_of_an_operation_is_drawn_once() -> None:
    drawn = [
        cause
        for type_ in OperationType
        for arrow in operations.drawn(type_)
        if ": " in arrow
        for cause in arrow.partition(": ")[2].split(", ")
    ]
    assert len(drawn) == len(TRANSITIONS) + len(COMPLETIONS)
    assert len(drawn) == sum(len(operations.arrows(type_)) for type_ in OperationType)


def test_each_way_of_an_execution_is_drawn_once() -> None:
    assert sum(map(bool, map(ARROW.fullmatch, executions.drawn()))) == len(LIFECYCLE)

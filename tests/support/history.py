"""What an execution's history must be, as text: one event a line, in the order of the ids.

    ExecutionStarted
    StepStarted           charge
    StepFailed            charge    error=BrokenError message="attempt 1" delay=1
    InvocationCompleted
    StepStarted           charge
    StepSucceeded         charge    attempt=2 result="paid"
    InvocationCompleted
    ExecutionSucceeded              result="paid"

A line is the event's type, the name of its operation, and facts. Names, types and texts without
spaces need no quotes; values are JSON. A line that starts with # is a comment.

Identity, said by the first line of an operation and then required of every event of it:
    in=NAME       the CONTEXT that it lies in; without it, it lies in none
    as=SUBTYPE    without it: Step, Wait, Callback, ChainedInvoke, RunInChildContext
Facts that must be absent from the event where the line does not say them:
    delay=2       RetryDetails.NextAttemptDelaySeconds
    timeout=5     of CallbackStarted; heartbeat=5 likewise
    tenant=blue   of ChainedInvokeStarted
    error=TYPE    of InvocationCompleted
Facts that are looked at only where the line says them:
    attempt=2     RetryDetails.CurrentAttempt, but where nothing is said it must be 1
    result=JSON   the payload of Result, read as JSON; {"a":1} and {"a": 1} are the same
    text="..."    the same payload as it is, byte for byte; text=null: there is none
    empty=true    there is none, or it is the empty text
    input=JSON    the payload of Input
    error=TYPE message="..."    of an Error; what stands before the last dot of a type need not be
                  said, and * in a message stands for anything
    seconds=2     Duration of a wait; ExecutionTimeout of ExecutionStarted
    reason="..." timeout_paused=true    of ExecutionPaused; a reason of ExecutionResumed, too
    function=NAME version=V child=true    FunctionName, ExecutedVersion, whether there is an ARN
The value * of a fact stands for any that is there, and {self} for the name of the function under
test.

Where order is not decided, lines have a strand before a bar. The lines of a strand come in their
order, neighbouring strands in any mixture; a strand 0..99 stands for a hundred of them, and {} in
its lines for the number. Lines of the strand * come any number of times, or never; of the strand ?
once or never.

    ContextStarted          both   as=Parallel
    a| ContextStarted       left   as=ParallelBranch in=both
    a| ContextSucceeded     left   result=1
    b| ContextStarted       right  as=ParallelBranch in=both
    b| ContextSucceeded     right  result=2
    ContextSucceeded        both

`check_history` compares, and shows the whole history in this form where it does not fit. It also
holds every history to what is true of all: see `check_laws`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.history_facts import (
    OWN_EVENTS,
    Event,
    Facts,
    check_laws,
    facts_of,
    names_of,
    render,
    usual_sub_type,
)
from tests.support.history_text import Block, Line, literal, parse

ANYTHING = "*"
_SHOWN_LINES = 60
_ATTEMPTS = ("StepSucceeded", "StepFailed")
_ABSENT_UNLESS_SAID = ("delay", "timeout", "heartbeat", "tenant")


class HistoryDiffers(AssertionError):
    """The text says it all."""


def check_history(
    expected: str, events: Sequence[Event], words: Mapping[str, str] | None = None
) -> None:
    """Raises HistoryDiffers, whose text shows the first event that does not fit, and all."""
    check_laws(events)
    match = _Match(events)
    try:
        parts = list(parse(expected, words or {}))
        for part, after in itertools.zip_longest(parts, parts[1:]):
            if isinstance(part, Line):
                match.take(part)
            else:
                match.take_block(part, after if isinstance(after, Line) else None)
        match.end()
    except AssertionError as error:
        shown = render(events).splitlines()
        if len(shown) > _SHOWN_LINES:
            shown = [*shown[max(0, match.at - _SHOWN_LINES // 2) :][:_SHOWN_LINES], "  ..."]
        raise HistoryDiffers("\n".join([f"{error}\n\nThe history is:", *shown])) from None


class _Match:
    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._names = names_of(events)
        self.at = 0
        self._identities: dict[str, tuple[Any, Any]] = {}

    def take(self, line: Line) -> None:
        event = self._next(f"a line more is expected: {line.text}")
        reason = self._differs(line, event)
        assert reason is None, f"event {event['EventId']}: {reason}, expected: {line.text}"
        self._pass(line)

    def take_block(self, block: Block, after: Line | None) -> None:
        """Once all strands have come, the line after the block goes before optional ones."""
        strands = [list(reversed(strand)) for strand in block.strands]
        maybe = list(block.maybe)
        while strands or (
            self._next_is(*maybe, *block.free) and not (after and self._next_is(after))
        ):
            event = self._next(f"still expected: {[strand[-1].text for strand in strands]}")
            for strand in strands:
                if self._differs(strand[-1], event) is None:
                    self._pass(strand.pop())
                    break
            else:
                self._take_optional(block, maybe, event, strands)
            strands = [strand for strand in strands if strand]

    def end(self) -> None:
        rest = [event["EventType"] for event in self._events[self.at :]]
        assert not rest, f"not expected any more: {rest}"

    def _take_optional(
        self, block: Block, maybe: list[Line], event: Event, strands: list[list[Line]]
    ) -> None:
        for line in (*maybe, *block.free):
            if self._differs(line, event) is None:
                self._pass(line)
                if line in maybe:
                    maybe.remove(line)
                return
        heads = [strand[-1] for strand in strands]
        reasons = [f"  {line.text}  ({self._differs(line, event)})" for line in heads[:20]]
        raise AssertionError(
            f"event {event['EventId']} is none of those expected:\n" + "\n".join(reasons)
        )

    def _next_is(self, *lines: Line) -> bool:
        if self.at >= len(self._events):
            return False
        return any(self._differs(line, self._events[self.at]) is None for line in lines)

    def _next(self, reason: str) -> Event:
        assert self.at < len(self._events), reason
        return self._events[self.at]

    def _pass(self, line: Line) -> None:
        if line.name is not None:
            identity = line.facts.get("in"), line.facts.get("as", usual_sub_type(line.type))
            self._identities.setdefault(line.name, identity)
        self.at += 1

    def _differs(self, line: Line, event: Event) -> str | None:
        """Why the event is not the expected one."""
        if line.type != event["EventType"]:
            return f"it is {event['EventType']}"
        own = line.type.startswith(OWN_EVENTS)
        if not own and line.name != event.get("Name"):
            return f"its name is {event.get('Name')!r}"
        facts = facts_of(event, self._names)
        for key, value in self._wanted(line, own).items():
            if not _equal(key, value, facts.get(key)):
                return f"its {key} is {literal(facts.get(key))}"
        return None

    def _wanted(self, line: Line, own: bool) -> Facts:
        wanted: Facts = dict.fromkeys(_ABSENT_UNLESS_SAID)
        if line.type == "InvocationCompleted":
            wanted["error"] = None
        if line.type in _ATTEMPTS:
            wanted["attempt"] = 1
        if not own and line.name is not None:
            parent, sub_type = self._identities.get(line.name, (None, usual_sub_type(line.type)))
            wanted |= {"in": parent, "as": sub_type}
        if line.type == "ExecutionStarted":
            wanted.pop("timeout")
        return wanted | dict(line.facts)


def _equal(key: str, wanted: Any, found: Any) -> bool:
    if key == "message" and isinstance(wanted, str) and isinstance(found, str):
        pattern = ".*".join(map(re.escape, wanted.split("*")))
        return re.fullmatch(pattern, found, re.DOTALL) is not None
    if wanted == ANYTHING:
        return found is not None
    if key == "error" and isinstance(wanted, str) and isinstance(found, str):
        return wanted in (found, found.rpartition(".")[2])
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)

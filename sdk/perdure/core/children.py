"""Child contexts: operations of their own, and one result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.config import ChildConfig
from perdure.core.effects import COMMIT, Call, Cancelled, Program
from perdure.core.scope import Place, Scope
from perdure.core.steps import fail_step, record_cancellation
from perdure.core.values import (
    REPLAY_CHILDREN_CHARACTERS,
    check_size,
    fail,
    read,
    read_back,
    write,
)
from perdure.exceptions import ChildContextError, ValidationError, ends_invocation
from perdure.lambda_service import ErrorObject

Body = Callable[[Scope], Program]
"""What runs in the child's scope."""

_DEFAULT: ChildConfig[Any] = ChildConfig()


def body_of(func: Callable[[Any], Any]) -> Body:
    """The user's function, given a context for the scope."""

    def body(scope: Scope) -> Program:
        return (yield Call(func, (scope.replay.context_for(scope, func),), inside=scope))

    return body


def child_program(place: Place, body: Body, config: ChildConfig[Any] | None) -> Program:
    """Run `body` in a scope of its own and keep its result. Raises ChildContextError."""
    chosen = config or _DEFAULT
    if chosen.is_virtual and place.record is not None:
        raise place.other_than("a context with a place of its own in the history")
    parent = place.scope
    ends_replay = parent.enter(place)
    try:
        record = place.record
        details = (record.get("ContextDetails") or {}) if record else {}
        if record and record["Status"] == "SUCCEEDED" and not details.get("ReplayChildren"):
            return (yield from read(place, chosen.serdes, details.get("Result")))
        if record and record["Status"] == "FAILED":
            fail(ChildContextError, details.get("Error"))
        if record is None and not chosen.is_virtual:
            place.queue(place.update("START"))
        scope = parent.child(place, virtual=chosen.is_virtual)
        silent = chosen.is_virtual or bool(details.get("ReplayChildren"))
        try:
            return (yield from _run(place, scope, body, chosen, silent))
        except Exception as error:
            if ends_invocation(error):
                raise
            recorded = ErrorObject.from_exception(error)
            if not silent:
                scope.closed = True
                yield from fail_step(place, recorded, ChildContextError)
            recorded.raise_as_operation_error(ChildContextError)
        except Cancelled:
            if not silent:
                scope.closed = True
                record_cancellation(place)
            raise
        finally:
            scope.closed = True
            parent.latest = max(parent.latest, scope.latest)
    finally:
        parent.leave(place, ends_replay)


def _run(place: Place, scope: Scope, body: Body, config: ChildConfig[Any], silent: bool) -> Program:
    value = yield from body(scope)
    text = yield from write(place, config.serdes, value, "result")
    returned = yield from read_back(place, config.serdes, text, value)
    if silent:
        return returned
    update = place.update("SUCCEED")
    large = text is not None and len(text) > REPLAY_CHILDREN_CHARACTERS
    if large:
        summarize = config.summary_generator
        text = "" if summarize is None else (yield Call(summarize, (value,), quick=True))
        if not isinstance(text, str):
            raise ValidationError(
                f"The summary_generator of {place} has to return a str, not "
                f"{type(text).__qualname__}."
            )
        check_size(place, text, "summary")
    if text is not None:
        update["Payload"] = text
    update["ContextOptions"] = {"ReplayChildren": large}
    scope.closed = True
    place.queue(update)
    yield COMMIT
    return returned

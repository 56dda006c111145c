"""Child contexts: nested, failing, interrupted, and with results too large to keep."""

from __future__ import annotations

from aws_durable_execution_sdk_python import DurableContext, StepContext

from common import PAUSE, BrokenError, Event, die, gate, note, scenario
from versions import ChildContextError


@scenario
def context(event: Event, context: DurableContext) -> str:
    """Its steps do not run again on the replay after the wait."""

    def group(inner: DurableContext) -> str:
        first = inner.step(lambda _: note(event, "first"), name="first")
        second = inner.step(lambda _: note(event, "second"), name="second")
        return f"{first} {second}"

    grouped = context.run_in_child_context(group, name="group")
    context.wait(PAUSE, name="pause")
    return grouped


@scenario
def contexts_nested(event: Event, context: DurableContext) -> str:
    def outer(child: DurableContext) -> str:
        inner = child.run_in_child_context(
            lambda grandchild: grandchild.step(lambda _: "deep", name="step"), name="inner"
        )
        return f"outer {inner}"

    return context.run_in_child_context(outer, name="outer")


@scenario
def context_that_waits(event: Event, context: DurableContext) -> str:
    def group(inner: DurableContext) -> str:
        inner.wait(PAUSE, name="pause")
        return inner.step(lambda _: "rested", name="after")

    return context.run_in_child_context(group, name="group")


@scenario
def context_failing(event: Event, context: DurableContext) -> str:
    def group(inner: DurableContext) -> str:
        inner.step(lambda _: "done", name="first")
        raise BrokenError("inside")

    try:
        return context.run_in_child_context(group, name="group")
    except ChildContextError as error:
        return f"failed: {error}"


@scenario
def context_failing_uncaught(event: Event, context: DurableContext) -> None:
    def group(inner: DurableContext) -> None:
        raise BrokenError("inside")

    context.run_in_child_context(group, name="group")


@scenario
def context_interrupted(event: Event, context: DurableContext) -> str:
    """The process dies inside: neither context nor step start again in the history."""

    def fatal(_: StepContext) -> int:
        runs = note(event, "run")
        if runs == 1:
            gate(event, "die")
            die()
        return runs

    def group(inner: DurableContext) -> str:
        return f"run {inner.step(fatal, name='fatal')}"

    return context.run_in_child_context(group, name="group")


@scenario
def context_with_a_large_result(event: Event, context: DurableContext) -> int:
    """Over 256 KB: its children come back on replay, and its code runs again over them."""

    def group(inner: DurableContext) -> str:
        note(event, "group")
        return inner.step(lambda _: "x" * 200_000, name="part") * 2

    grouped = context.run_in_child_context(group, name="group")
    context.wait(PAUSE, name="pause")
    return len(grouped)


@scenario
def context_within_a_large_one(event: Event, context: DurableContext) -> int:
    """The inner one keeps its result; only the outer one's children come back."""

    def inner(child: DurableContext) -> int:
        return child.step(lambda _: 200_000, name="length")

    def outer(child: DurableContext) -> str:
        return "x" * child.run_in_child_context(inner, name="inner") * 2

    grouped = context.run_in_child_context(outer, name="outer")
    context.wait(PAUSE, name="pause")
    return len(grouped)

"""Any handler, any schedule, any crash: the same result, and no completed step runs again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perdure.config import (
    CallbackConfig,
    ChildConfig,
    CompletionConfig,
    Duration,
    MapConfig,
    NestingType,
    StepConfig,
    StepSemantics,
)
from perdure.core.batches import MAP, batch_program
from perdure.core.children import child_program
from perdure.core.effects import Program
from perdure.core.pauses import callback_result_program, create_callback_program, wait_program
from perdure.core.scope import Scope
from perdure.core.steps import step_program
from perdure.exceptions import ChildContextError, StepError
from perdure.retries import RetryDecision
from tests.support.pure_run import Body, play

Ran = Counter[str]


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a handler: what it does, how often its step fails first, and what is in it."""

    kind: str
    failures: int = 0
    limit: int | None = None
    flag: bool = False
    inner: tuple[Node, ...] = ()


LEAVES = st.builds(
    Node,
    st.sampled_from(["step", "careful step", "broken step", "wait", "callback"]),
    st.integers(0, 2),
)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Node,
        st.sampled_from(["child", "virtual", "large", "map"]),
        limit=st.sampled_from([None, 1, 2]),
        flag=st.booleans(),
        inner=st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
HANDLERS = st.lists(NODES, min_size=1, max_size=4).map(tuple)


def handler_of(nodes: tuple[Node, ...], ran: Ran) -> Body:
    def body(scope: Scope) -> Program:
        results = []
        for node in nodes:
            results.append((yield from _PROGRAMS[node.kind](scope, node, ran)))
        return results

    return body


def _step(scope: Scope, node: Node, ran: Ran) -> Program:
    place = scope.place("STEP", "Step", "s")

    def work(attempt: int) -> str:
        if attempt <= node.failures:
            raise ValueError(f"attempt {attempt}")
        ran[place.id] += 1
        return place.id[:6]

    def retry(error: Exception, attempts: int) -> RetryDecision:
        again = node.kind != "broken step" and attempts <= node.failures + 8
        return RetryDecision(again, Duration(1))

    careful = node.kind == "careful step"
    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY if careful else None
    config = StepConfig(retry, semantics or StepSemantics.AT_LEAST_ONCE_PER_RETRY)
    try:
        return (yield from step_program(place, work, config, lambda _, attempt: attempt))
    except StepError as error:
        return str(error) if node.kind == "broken step" else "interrupted too often"


def _wait(scope: Scope, node: Node, ran: Ran) -> Program:
    return (yield from wait_program(scope.place("WAIT", "Wait", None), 1))


def _callback(scope: Scope, node: Node, ran: Ran) -> Program:
    place = scope.place("CALLBACK", "Callback", "c")
    callback_id = yield from create_callback_program(place, CallbackConfig())
    return [callback_id, (yield from callback_result_program(place, None))]


def _child(scope: Scope, node: Node, ran: Ran) -> Program:
    place = scope.place("CONTEXT", "RunInChildContext", "child")
    inner = handler_of(node.inner, ran)

    def large(child: Scope) -> Program:
        results = yield from inner(child)
        if node.flag:
            raise ValueError("the child is broken")
        return [results, "x" * 300_000] if node.kind == "large" else results

    config = ChildConfig[Any](is_virtual=node.kind == "virtual")
    try:
        return (yield from child_program(place, large, config))
    except ChildContextError as error:
        return str(error)


def _map(scope: Scope, node: Node, ran: Ran) -> Program:
    place = scope.place("CONTEXT", "Map", "map")
    branches: list[Callable[[Any], Any]] = [handler_of((each,), ran) for each in node.inner]
    config: MapConfig[Any] = MapConfig(
        max_concurrency=node.limit,
        completion_config=CompletionConfig.all_completed(),
        nesting_type=NestingType.FLAT if node.flag else NestingType.NESTED,
    )
    done = yield from batch_program(place, MAP, branches, lambda: [None] * len(branches), config)
    return done.to_dict()


_PROGRAMS = {
    "step": _step,
    "careful step": _step,
    "broken step": _step,
    "wait": _wait,
    "callback": _callback,
    "child": _child,
    "virtual": _child,
    "large": _child,
    "map": _map,
}


def in_order(_: int) -> int:
    return 0


@given(HANDLERS, st.integers(0, 2**32))
def test_every_schedule_leads_to_the_same_result(nodes: tuple[Node, ...], seed: int) -> None:
    expected, _ = play(handler_of(nodes, Counter()), in_order)
    draw = random.Random(seed)  # noqa: S311  a schedule
    ran: Ran = Counter()
    result, records = play(handler_of(nodes, ran), draw.randrange)
    assert result == expected
    assert max(ran.values(), default=1) == 1
    assert len(records.operations) == len(set(records.operations))


@given(HANDLERS, st.integers(0, 2**32))
def test_crashes_change_no_result_and_run_no_completed_step_again(
    nodes: tuple[Node, ...], seed: int
) -> None:
    expected, undisturbed = play(handler_of(nodes, Counter()), in_order)
    draw = random.Random(seed)  # noqa: S311  a schedule
    crashes = 3

    def choose(count: int) -> int:
        nonlocal crashes
        if crashes and draw.random() < 0.05:
            crashes -= 1
            return -1
        return draw.randrange(count)

    ran: Ran = Counter()
    result, records = play(handler_of(nodes, ran), choose)
    assert result == expected
    assert records.operations.keys() == undisturbed.operations.keys()
    # Each crash may have come between a step's end and its record.
    assert max(ran.values(), default=1) <= 4

"""Map and parallel: branches by the hundred, their limits, and how they complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import BatchResult, DurableContext, ParallelBranch
from aws_durable_execution_sdk_python.config import (
    CompletionConfig,
    Duration,
    MapConfig,
    NestingType,
    ParallelConfig,
    StepConfig,
)
from aws_durable_execution_sdk_python.retries import RetryPresets

import versions
from common import PAUSE, BrokenError, Event, gate, note, scenario
from steps import THREE_ATTEMPTS

SECOND = Duration.from_seconds(1)
NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())
Branch = Callable[[DurableContext], Any]


def _named(name: str, branch: Branch) -> ParallelBranch[Any]:
    return ParallelBranch(func=branch, name=name)


def _stepping(name: str) -> ParallelBranch[Any]:
    return _named(name, lambda branch: branch.step(lambda _: name, name=f"step {name}"))


def _breaking(name: str) -> ParallelBranch[Any]:
    def broken(_: object) -> None:
        raise BrokenError(f"in {name}")

    def branch(context: DurableContext) -> Any:
        return context.step(broken, name=f"step {name}", config=NO_RETRY)

    return _named(name, branch)


def _summary(done: BatchResult[Any]) -> dict[str, Any]:
    return {
        "results": done.get_results(),
        "statuses": [item.status.value for item in done.all],
        "reason": done.completion_reason.value,
    }


@scenario
def parallel(event: Event, context: DurableContext) -> Any:
    done = context.parallel([_stepping("a"), _stepping("b")], name="both")
    return _summary(done)


@scenario
def parallel_without_branches(event: Event, context: DurableContext) -> Any:
    return _summary(context.parallel([], name="none"))


@scenario
def parallel_flat(event: Event, context: DurableContext) -> Any:
    """No context for a branch: its operations lie in the batch's own."""
    config = ParallelConfig(nesting_type=NestingType.FLAT)
    done = context.parallel([_stepping("a"), _stepping("b")], name="both", config=config)
    return _summary(done)


@scenario
def parallel_failing(event: Event, context: DurableContext) -> Any:
    """One at a time, so that the third is never begun."""
    config = ParallelConfig(max_concurrency=1)
    branches = [_stepping("a"), _breaking("b"), _stepping("c")]
    return _summary(context.parallel(branches, name="three", config=config))


@scenario
def parallel_with_tolerance(event: Event, context: DurableContext) -> Any:
    config = ParallelConfig(
        max_concurrency=1, completion_config=CompletionConfig(tolerated_failure_count=1)
    )
    branches = [_breaking("a"), _stepping("b"), _breaking("c"), _stepping("d")]
    return _summary(context.parallel(branches, name="four", config=config))


@scenario
def parallel_all_completed(event: Event, context: DurableContext) -> Any:
    config = ParallelConfig(
        max_concurrency=1, completion_config=CompletionConfig(tolerated_failure_percentage=100)
    )
    branches = [_breaking("a"), _breaking("b"), _stepping("c")]
    return _summary(context.parallel(branches, name="three", config=config))


@scenario
def parallel_first_successful(event: Event, context: DurableContext) -> Any:
    """The slow branch never comes to its end; the batch does not wait for its callback."""

    def slow(branch: DurableContext) -> Any:
        return branch.create_callback(name="never").result()

    def quick(branch: DurableContext) -> Any:
        gate(event, "slow began")
        return branch.step(lambda _: "quick", name="step quick")

    config = ParallelConfig(completion_config=CompletionConfig(min_successful=1))
    branches = [_named("slow", slow), _named("quick", quick)]
    return _summary(context.parallel(branches, name="race", config=config))


@scenario
def parallel_waits(event: Event, context: DurableContext) -> Any:
    def branch(name: str) -> ParallelBranch[Any]:
        def wait(inner: DurableContext) -> str:
            inner.wait(PAUSE, name=f"wait {name}")
            return name

        return _named(name, wait)

    return _summary(context.parallel([branch("a"), branch("b")], name="both"))


@scenario
def parallel_callbacks(event: Event, context: DurableContext) -> Any:
    """One invocation for each completion."""

    def branch(name: str) -> ParallelBranch[Any]:
        return _named(name, lambda inner: inner.create_callback(name=f"callback {name}").result())

    return _summary(context.parallel([branch("a"), branch("b")], name="both"))


@scenario
def parallel_of_hundreds(event: Event, context: DurableContext) -> int:
    branches = [_stepping(str(number)) for number in range(event["branches"])]
    return len(context.parallel(branches, name="all").get_results())


@scenario
def map_(event: Event, context: DurableContext) -> Any:
    return _summary(context.map([1, 2, 3], _square, name="squares", config=_one_at_a_time()))


@scenario
def map_flat(event: Event, context: DurableContext) -> Any:
    config = _one_at_a_time(nesting_type=NestingType.FLAT)
    return _summary(context.map([1, 2, 3], _square, name="squares", config=config))


@scenario
def map_min_successful(event: Event, context: DurableContext) -> Any:
    config = _one_at_a_time(completion_config=CompletionConfig(min_successful=2))
    return _summary(context.map([1, 2, 3], _square, name="squares", config=config))


@scenario
def map_with_failure_percentage(event: Event, context: DurableContext) -> Any:
    """Of four a quarter may fail, and two do."""
    completion = CompletionConfig(tolerated_failure_percentage=25)
    config = _one_at_a_time(completion_config=completion)
    return _summary(context.map([1, -1, -2, 2], _square, name="squares", config=config))


@scenario
def map_of_hundreds_that_wait(event: Event, context: DurableContext) -> int:
    """Every item waits; the replay after it finds the steps before it done."""

    def item(child: DurableContext, value: int, index: int, _: Any) -> int:
        child.step(lambda _: note(event, index), name=f"before {index}")
        child.wait(PAUSE, name=f"wait {index}")
        return value

    config: MapConfig[int] = MapConfig(
        item_namer=lambda _, index: f"item {index}",
        nesting_type=NestingType(event.get("nesting", "NESTED")),
    )
    items = list(range(event["items"]))
    return sum(context.map(items, item, name="all", config=config).get_results())


@scenario
def map_with_a_large_result(event: Event, context: DurableContext) -> int:
    """The batch keeps a summary; its items come back on replay."""

    def item(child: DurableContext, value: int, index: int, _: Any) -> str:
        return child.step(lambda _: "x" * 100_000, name=f"step {index}")

    config: MapConfig[int] = MapConfig(item_namer=lambda _, index: f"item {index}")
    done: BatchResult[str] = context.map([0, 1, 2], item, name="large", config=config)
    context.wait(PAUSE, name="pause")
    return len("".join(done.get_results()))


def _square(child: DurableContext, value: int, index: int, _: Any) -> int:
    def work(_: object) -> int:
        if value < 0:
            raise BrokenError(f"{value} is negative")
        return value * value

    return child.step(work, name=f"step {index}", config=NO_RETRY)


def _one_at_a_time(**options: Any) -> MapConfig[int]:
    return MapConfig(max_concurrency=1, item_namer=lambda _, index: f"item {index}", **options)


scenario(map_, "map")


@scenario
def parallel_callback_beside_a_step(event: Event, context: DurableContext) -> None:
    """What follows the callback runs at once, though a branch works and another waits for days."""

    def approval(branch: DurableContext) -> int:
        branch.create_callback(name="answer").result()
        return branch.step(lambda _: note(event, "approved"), name="approved")

    def slow(branch: DurableContext) -> None:
        branch.step(lambda _: gate(event, "completed"), name="work")

    def month(branch: DurableContext) -> None:
        branch.wait(Duration.from_days(30), name="days")

    branches = [_named("approval", approval), _named("slow", slow), _named("month", month)]
    context.parallel(branches, name="three")


@scenario
def parallel_wait_beside_a_step(event: Event, context: DurableContext) -> Any:
    """The wait ends while the other branch works: one invocation is enough."""

    def waiting(branch: DurableContext) -> str:
        branch.wait(SECOND, name="wait")
        return branch.step(lambda _: "waited", name="after")

    return _beside_a_step(event, context, waiting)


@scenario
def parallel_retry_beside_a_step(event: Event, context: DurableContext) -> Any:
    def flaky(_: object) -> str:
        if note(event, "attempt") == 1:
            raise BrokenError("not this time")
        return "tried again"

    def trying(branch: DurableContext) -> str:
        config = StepConfig(retry_strategy=THREE_ATTEMPTS)
        return branch.step(flaky, name="flaky", config=config)

    return _beside_a_step(event, context, trying)


def _beside_a_step(event: Event, context: DurableContext, branch: Branch) -> Any:
    def working(inner: DurableContext) -> str:
        def work(_: object) -> str:
            gate(event, "go")
            return "worked"

        return inner.step(work, name="work")

    branches = [_named("first", branch), _named("second", working)]
    return _summary(context.parallel(branches, name="both"))


@scenario
def parallel_within_a_branch(event: Event, context: DurableContext) -> Any:
    def outer(branch: DurableContext) -> Any:
        done: BatchResult[str] = branch.parallel([_stepping("b"), _stepping("c")], name="inner")
        return done.get_results()

    return _summary(context.parallel([_stepping("a"), _named("d", outer)], name="outer"))


@scenario
def parallel_decided_by_its_caller(event: Event, context: DurableContext) -> Any:
    """Two are enough, as a predicate says."""
    enough = versions.completion(lambda status: bool(status.success_count >= 2))
    config = ParallelConfig(max_concurrency=1, completion_config=enough)
    branches = [_stepping("a"), _stepping("b"), _stepping("c")]
    return _summary(context.parallel(branches, name="three", config=config))

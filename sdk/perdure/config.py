"""How operations are to behave. Durations are whole seconds on the wire, sizes bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.arguments import (
    check_choice,
    check_duration,
    check_function,
    check_number,
    check_serdes,
    check_strategy,
    refusal,
)
from perdure.batch_completion import (
    BatchItemStatus,
    CompletionConfig,
    CompletionDecision,
    CompletionItemStatus,
    CompletionOutcome,
    CompletionStatus,
    complete_batch,
    continue_batch,
)
from perdure.durations import Duration, JitterStrategy

if TYPE_CHECKING:
    from perdure.retries import RetryDecision
    from perdure.serdes import SerDes
    from perdure.types import SummaryGenerator

__all__ = [
    "BatchItemStatus",
    "CallbackConfig",
    "ChildConfig",
    "CompletionConfig",
    "CompletionDecision",
    "CompletionItemStatus",
    "CompletionOutcome",
    "CompletionStatus",
    "Duration",
    "InvokeConfig",
    "JitterStrategy",
    "MapConfig",
    "NestingType",
    "Numeric",
    "ParallelBranch",
    "ParallelConfig",
    "StepConfig",
    "StepSemantics",
    "WaitForCallbackConfig",
    "complete_batch",
    "continue_batch",
]

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")

Numeric = int | float

_SUB_TYPE = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")


class NestingType(Enum):
    """Whether each branch of a map or parallel is a context of its own in the history.

    FLAT saves two updates a branch; the branch's operations then lie in the batch's context.
    """

    NESTED = "NESTED"
    FLAT = "FLAT"


def _check_batch(config: ParallelConfig | MapConfig[Any]) -> None:
    check_number("max_concurrency", config.max_concurrency, 1)
    if not isinstance(config.completion_config, CompletionConfig):
        raise refusal(f"completion_config is a CompletionConfig, not {config.completion_config!r}.")
    check_serdes("serdes", config.serdes)
    check_serdes("item_serdes", config.item_serdes)
    check_function("summary_generator", config.summary_generator, "a function of a BatchResult")
    check_choice("nesting_type", config.nesting_type, NestingType)


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How a parallel runs.

    Args:
        max_concurrency: So many branches at a time; None for all.
        completion_config: When it is complete; by default the first failure ends it.
        serdes: Writes down the BatchResult, and the branches' results unless `item_serdes` does.
        item_serdes: Writes down each branch's result.
        summary_generator: Told the BatchResult, makes a text that is kept of one over 256 KB; it
            stands in the history for its readers. The BatchResult is made anew on replay.
        nesting_type: Whether branches are contexts of their own; see NestingType.
    """

    max_concurrency: int | None = None
    completion_config: CompletionConfig = field(default_factory=CompletionConfig.all_successful)
    serdes: SerDes[Any] | None = None
    item_serdes: SerDes[Any] | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    nesting_type: NestingType = NestingType.NESTED

    def __post_init__(self) -> None:
        _check_batch(self)


@dataclass(frozen=True)
class ParallelBranch(Generic[T]):
    """A branch with a name.

        context.parallel([ParallelBranch(fetch_user, "user"), ParallelBranch(fetch_orders)])

    Without one it is called `parallel-branch-0` and so on.
    """

    func: Callable[..., T]
    name: str | None = None

    def __post_init__(self) -> None:
        if not callable(self.func):
            raise refusal(f"A branch is a function of its context, not {self.func!r}.")

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        return self.func(*args, **kwargs)


class StepSemantics(Enum):
    """How often an attempt of a step may run if the process dies in it.

    AT_MOST_ONCE_PER_RETRY costs a checkpoint before the step begins.
    """

    AT_MOST_ONCE_PER_RETRY = "AT_MOST_ONCE_PER_RETRY"
    AT_LEAST_ONCE_PER_RETRY = "AT_LEAST_ONCE_PER_RETRY"


def _check_sub_type(sub_type: Any) -> None:
    if sub_type and not (isinstance(sub_type, str) and _SUB_TYPE.match(sub_type)):
        raise refusal(
            f"A sub_type has 1 to 32 letters, digits, hyphens and underscores; "
            f"{sub_type!r} is none."
        )


@dataclass(frozen=True, slots=True)
class StepConfig:
    """How a step runs.

        StepConfig(RetryPresets.none(), StepSemantics.AT_MOST_ONCE_PER_RETRY)

    Args:
        retry_strategy: Told the error and the number of attempts so far, it says whether and
            when to try again. `RetryPresets.default()` if None.
        step_semantics: See StepSemantics.
        serdes: Writes down the result; JSON with Python's common types if None.
        sub_type: What the history calls the step instead of "Step". Changing it later breaks
            the replay of running executions.
    """

    retry_strategy: Callable[[Exception, int], RetryDecision] | None = None
    step_semantics: StepSemantics = StepSemantics.AT_LEAST_ONCE_PER_RETRY
    serdes: SerDes[Any] | None = None
    sub_type: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_strategy(self.retry_strategy)
        check_choice("step_semantics", self.step_semantics, StepSemantics)
        check_serdes("serdes", self.serdes)
        _check_sub_type(self.sub_type)


@dataclass(frozen=True)
class ChildConfig(Generic[T]):
    """How a child context runs.

    Args:
        serdes: Writes down the result.
        sub_type: What the history calls the context instead of "RunInChildContext".
        summary_generator: Makes the text that is kept instead of a result over 256 KB. Such a
            result is made anew on replay, by the context's function over its operations.
        is_virtual: Leave the context out of the history; its operations lie in the parent's.
    """

    serdes: SerDes[Any] | None = None
    sub_type: str | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    is_virtual: bool = False

    def __post_init__(self) -> None:
        check_serdes("serdes", self.serdes)
        check_function("summary_generator", self.summary_generator, "a function of the result")
        _check_sub_type(self.sub_type)


@dataclass(frozen=True)
class MapConfig(Generic[T]):
    """How a map runs. What it shares with ParallelConfig means the same.

        MapConfig(max_concurrency=10, item_namer=lambda order, index: f"order {order['id']}")

    Args:
        item_namer: Names an item from it and its index; called for every item, on each replay
            too, so it must depend on nothing else. `map-item-0` and so on if None.
    """

    max_concurrency: int | None = None
    completion_config: CompletionConfig = field(default_factory=CompletionConfig)
    serdes: SerDes[Any] | None = None
    item_serdes: SerDes[Any] | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    nesting_type: NestingType = NestingType.NESTED
    item_namer: Callable[[T, int], str] | None = None

    def __post_init__(self) -> None:
        _check_batch(self)
        check_function("item_namer", self.item_namer, "a function of an item and its index")


@dataclass(frozen=True)
class InvokeConfig(Generic[P, R]):
    """How another function is invoked.

    Args:
        serdes_payload: Writes down the payload; plain JSON if None.
        serdes_result: Reads the result; plain JSON if None.
        tenant_id: The tenant that it is invoked for.
    """

    serdes_payload: SerDes[P] | None = None
    serdes_result: SerDes[R] | None = None
    tenant_id: str | None = None

    def __post_init__(self) -> None:
        check_serdes("serdes_payload", self.serdes_payload)
        check_serdes("serdes_result", self.serdes_result)
        if not isinstance(self.tenant_id, str | None):
            raise refusal(f"tenant_id is a str, not {self.tenant_id!r}.")


@dataclass(frozen=True, slots=True)
class CallbackConfig:
    """How long a callback is waited for.

        CallbackConfig(timeout=Duration.from_days(7))

    Args:
        timeout: From its creation to its result; zero is without end.
        heartbeat_timeout: Between two heartbeats; zero if there need be none.
        serdes: Reads the result; None leaves it the text that was sent.
        sub_type: What the history calls the callback instead of "Callback".
    """

    timeout: Duration = field(default_factory=Duration)
    heartbeat_timeout: Duration = field(default_factory=Duration)
    serdes: SerDes[Any] | None = None
    sub_type: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_sub_type(self.sub_type)
        check_serdes("serdes", self.serdes)
        check_duration("A callback's timeout", self.timeout)
        check_duration("A callback's heartbeat_timeout", self.heartbeat_timeout)

    @property
    def timeout_seconds(self) -> int:
        return self.timeout.seconds

    @property
    def heartbeat_timeout_seconds(self) -> int:
        return self.heartbeat_timeout.seconds


@dataclass(frozen=True, slots=True)
class WaitForCallbackConfig(CallbackConfig):
    """As CallbackConfig, for `wait_for_callback`.

    Args:
        retry_strategy: The submitter's, as in StepConfig.
    """

    retry_strategy: Callable[[Exception, int], RetryDecision] | None = None

    def __post_init__(self) -> None:
        CallbackConfig.__post_init__(self)
        check_strategy(self.retry_strategy)

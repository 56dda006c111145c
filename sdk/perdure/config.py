"""How operations are to behave. Durations are whole seconds on the wire, sizes bytes."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.exceptions import ValidationError

if TYPE_CHECKING:
    from perdure.retries import RetryDecision
    from perdure.serdes import SerDes
    from perdure.types import SummaryGenerator

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")

_SUB_TYPE = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span in whole seconds; fractions are cut off. Raises ValidationError below zero."""

    seconds: int = 0

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValidationError(f"A duration cannot be negative: {self.seconds} seconds.")

    def to_seconds(self) -> int:
        return self.seconds

    @classmethod
    def from_seconds(cls, value: float) -> Duration:
        return cls(int(value))

    @classmethod
    def from_minutes(cls, value: float) -> Duration:
        return cls(int(value * 60))

    @classmethod
    def from_hours(cls, value: float) -> Duration:
        return cls(int(value * 3_600))

    @classmethod
    def from_days(cls, value: float) -> Duration:
        return cls(int(value * 86_400))


class NestingType(Enum):
    """Whether each branch of a map or parallel is a context of its own in the history.

    FLAT saves two updates a branch; the branch's operations then lie in the batch's context.
    """

    NESTED = "NESTED"
    FLAT = "FLAT"


class BatchItemStatus(Enum):
    """How far a branch came: STARTED is one that the batch did not wait for."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STARTED = "STARTED"


class CompletionOutcome(Enum):
    """What a batch counts as when a predicate completes it."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class CompletionDecision:
    """What `should_complete` answers; made by `continue_batch` and `complete_batch`."""

    complete: bool
    outcome: CompletionOutcome | None = None

    def __post_init__(self) -> None:
        if self.complete is (self.outcome is None):
            raise ValidationError(
                "A decision to complete needs an outcome, and one to continue has none: use "
                "complete_batch(outcome) or continue_batch()."
            )


def continue_batch() -> CompletionDecision:
    """Go on with the batch."""
    return CompletionDecision(complete=False)


def complete_batch(
    outcome: CompletionOutcome = CompletionOutcome.SUCCEEDED,
) -> CompletionDecision:
    """Complete the batch now; branches that still run are not waited for."""
    return CompletionDecision(complete=True, outcome=outcome)


@dataclass(frozen=True, slots=True)
class CompletionItemStatus:
    """One branch as `should_complete` sees it. `status` is None before the branch began."""

    index: int
    name: str | None = None
    status: BatchItemStatus | None = None


@dataclass(frozen=True, slots=True)
class CompletionStatus:
    """How far a batch is. `items` are in the order of the branches, all of them."""

    success_count: int
    failure_count: int
    completed_count: int
    total_count: int
    items: tuple[CompletionItemStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletionConfig:
    """When a map or parallel is complete, besides when all its branches are.

    Args:
        min_successful: So many successes are enough.
        tolerated_failure_count: One failure more than this, and no more branches begin.
        tolerated_failure_percentage: The same in per cent of all branches, 0 to 100.
        should_complete: Decides instead of the numbers, before the first branch begins and
            whenever one changes. It must depend on its argument alone, and once it completes
            a batch, more progress must not change its mind: a replay may show it less.

    Nothing set means that the first failure ends the batch.
    """

    min_successful: int | None = None
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: int | float | None = None
    should_complete: Callable[[CompletionStatus], CompletionDecision] | None = None

    def __post_init__(self) -> None:
        count = self.tolerated_failure_count
        percentage = self.tolerated_failure_percentage
        if self.min_successful is not None and self.min_successful < 1:
            raise ValidationError(f"min_successful must be 1 or more, not {self.min_successful}.")
        if count is not None and count < 0:
            raise ValidationError(f"tolerated_failure_count must not be negative: {count}.")
        if percentage is not None and not 0 <= percentage <= 100:
            raise ValidationError(
                f"tolerated_failure_percentage must be from 0 to 100, not {percentage}."
            )
        if self.should_complete is None:
            return
        if not callable(self.should_complete):
            raise ValidationError("should_complete must be a function of a CompletionStatus.")
        if not (self.min_successful is None and count is None and percentage is None):
            raise ValidationError(
                "should_complete decides alone: leave out min_successful, "
                "tolerated_failure_count and tolerated_failure_percentage."
            )

    def check_total(self, total: int) -> None:
        """Raises ValidationError if so many branches can never fulfil this."""
        if self.min_successful is not None and self.min_successful > total:
            raise ValidationError(
                f"min_successful is {self.min_successful}, but there are only {total} branches."
            )

    @staticmethod
    def first_successful() -> CompletionConfig:
        return CompletionConfig(min_successful=1)

    @staticmethod
    def all_completed() -> CompletionConfig:
        """Every branch runs, however many fail."""
        return CompletionConfig(tolerated_failure_percentage=100)

    @staticmethod
    def all_successful() -> CompletionConfig:
        return CompletionConfig(tolerated_failure_count=0, tolerated_failure_percentage=0)


def _check_concurrency(max_concurrency: int | None) -> None:
    if max_concurrency is not None and max_concurrency < 1:
        raise ValidationError(f"max_concurrency must be 1 or more, not {max_concurrency}.")


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How a parallel runs.

    Args:
        max_concurrency: So many branches at a time; None for all.
        completion_config: When it is complete; by default the first failure ends it.
        serdes: Writes down the BatchResult, and the branches' results unless `item_serdes` does.
        item_serdes: Writes down each branch's result.
        summary_generator: Adds a text of yours to what is kept of a result over 256 KB.
        nesting_type: Whether branches are contexts of their own.
    """

    max_concurrency: int | None = None
    completion_config: CompletionConfig = field(default_factory=CompletionConfig.all_successful)
    serdes: SerDes[Any] | None = None
    item_serdes: SerDes[Any] | None = None
    summary_generator: SummaryGenerator[Any] | None = None
    nesting_type: NestingType = NestingType.NESTED

    def __post_init__(self) -> None:
        _check_concurrency(self.max_concurrency)


@dataclass(frozen=True)
class ParallelBranch(Generic[T]):
    """A branch with a name, instead of `parallel-branch-0` and so on."""

    func: Callable[..., T]
    name: str | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        return self.func(*args, **kwargs)


class StepSemantics(Enum):
    """How often an attempt of a step may run if the process dies in it.

    AT_MOST_ONCE_PER_RETRY costs a checkpoint before the step begins.
    """

    AT_MOST_ONCE_PER_RETRY = "AT_MOST_ONCE_PER_RETRY"
    AT_LEAST_ONCE_PER_RETRY = "AT_LEAST_ONCE_PER_RETRY"


def _check_sub_type(sub_type: str | None) -> None:
    if sub_type and not _SUB_TYPE.match(sub_type):
        raise ValidationError(
            f"A sub_type has 1 to 32 letters, digits, hyphens and underscores; "
            f"{sub_type!r} is none."
        )


@dataclass(frozen=True, slots=True)
class StepConfig:
    """How a step runs.

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
        _check_sub_type(self.sub_type)


@dataclass(frozen=True)
class MapConfig(Generic[T]):
    """How a map runs: as ParallelConfig, and by default the first failed item ends it.

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
        _check_concurrency(self.max_concurrency)


@dataclass(frozen=True)
class InvokeConfig(Generic[P, R]):
    """How another function is invoked: JSON both ways unless there is a serdes."""

    serdes_payload: SerDes[P] | None = None
    serdes_result: SerDes[R] | None = None
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallbackConfig:
    """How long a callback is waited for; zero is without end.

    Args:
        timeout: From its creation to its result.
        heartbeat_timeout: Between two heartbeats.
        serdes: Reads the result; None leaves it the text that was sent.
        sub_type: What the history calls the callback instead of "Callback".
    """

    timeout: Duration = field(default_factory=Duration)
    heartbeat_timeout: Duration = field(default_factory=Duration)
    serdes: SerDes[Any] | None = None
    sub_type: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_sub_type(self.sub_type)
        for what, span in (
            ("timeout", self.timeout),
            ("heartbeat_timeout", self.heartbeat_timeout),
        ):
            if not hasattr(span, "seconds"):
                raise ValidationError(
                    f"A callback's {what} is a Duration, such as Duration.from_hours(1), not "
                    f"{span!r}."
                )

    @property
    def timeout_seconds(self) -> int:
        return self.timeout.seconds

    @property
    def heartbeat_timeout_seconds(self) -> int:
        return self.heartbeat_timeout.seconds


@dataclass(frozen=True, slots=True)
class WaitForCallbackConfig(CallbackConfig):
    """As CallbackConfig; `retry_strategy` is that of the submitter."""

    retry_strategy: Callable[[Exception, int], RetryDecision] | None = None


class JitterStrategy(StrEnum):
    """How a delay is spread: not at all, from zero to the delay, or from half of it."""

    NONE = "NONE"
    FULL = "FULL"
    HALF = "HALF"

    def apply_jitter(self, delay: float) -> float:
        if self is JitterStrategy.NONE:
            return delay
        least = 0.5 if self is JitterStrategy.HALF else 0.0
        return delay * (least + random.random() * (1 - least))  # noqa: S311  it spreads load

    def finalize_delay(self, base_delay: float) -> int:
        """Whole seconds, rounded up, at least one."""
        return max(1, math.ceil(self.apply_jitter(base_delay)))

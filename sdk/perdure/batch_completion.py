"""When a map or parallel is complete. Handlers import all of it from perdure.config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from perdure.arguments import check_function, check_number, refusal
from perdure.exceptions import ValidationError


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

        CompletionConfig(min_successful=2, tolerated_failure_count=1)

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
    tolerated_failure_percentage: float | None = None
    should_complete: Callable[[CompletionStatus], CompletionDecision] | None = None

    def __post_init__(self) -> None:
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        check_number("min_successful", self.min_successful, 1)
        check_number("tolerated_failure_count", count, 0)
        check_number("tolerated_failure_percentage", percentage, 0, 100)
        if self.should_complete is None:
            return
        check_function("should_complete", self.should_complete, "a function of a CompletionStatus")
        if not (self.min_successful is None and count is None and percentage is None):
            raise refusal(
                "should_complete decides alone: leave out min_successful, "
                "tolerated_failure_count and tolerated_failure_percentage."
            )

    @staticmethod
    def first_successful() -> CompletionConfig:
        """The first success is enough."""
        return CompletionConfig(min_successful=1)

    @staticmethod
    def all_completed() -> CompletionConfig:
        """Every branch runs, however many fail."""
        return CompletionConfig(tolerated_failure_percentage=100)

    @staticmethod
    def all_successful() -> CompletionConfig:
        """The first failure ends it."""
        return CompletionConfig(tolerated_failure_count=0, tolerated_failure_percentage=0)

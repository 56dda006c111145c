"""When a batch is complete, and what is kept of a result that is too large."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure.concurrency.models import BatchResult, CompletionReason
from perdure.config import (
    BatchItemStatus,
    CompletionConfig,
    CompletionDecision,
    CompletionItemStatus,
    CompletionOutcome,
    CompletionStatus,
)


class Progress:
    """How many branches have ended, and how each stands."""

    __slots__ = ("failed", "names", "statuses", "succeeded")

    def __init__(self, total: int, names: Sequence[str | None] = ()) -> None:
        self.succeeded = 0
        self.failed = 0
        self.names = names
        self.statuses: list[BatchItemStatus | None] = [None] * total

    @property
    def total(self) -> int:
        return len(self.statuses)

    def set(self, index: int, status: BatchItemStatus) -> None:
        if index < len(self.statuses):
            self.statuses[index] = status
        if status is BatchItemStatus.SUCCEEDED:
            self.succeeded += 1
        elif status is BatchItemStatus.FAILED:
            self.failed += 1

    def snapshot(self) -> CompletionStatus:
        names = self.names or [None] * self.total
        return CompletionStatus(
            success_count=self.succeeded,
            failure_count=self.failed,
            completed_count=self.succeeded + self.failed,
            total_count=self.total,
            items=tuple(
                CompletionItemStatus(index, name, status)
                for index, (name, status) in enumerate(zip(names, self.statuses, strict=True))
            ),
        )


def is_tolerance_exceeded(progress: Progress, config: CompletionConfig) -> bool:
    """Whether no more branches may begin. A predicate knows no tolerance."""
    if config.should_complete is not None:
        return False
    count, percentage = config.tolerated_failure_count, config.tolerated_failure_percentage
    if config.min_successful is None and count is None and percentage is None:
        return progress.failed > 0
    if count is not None and progress.failed > count:
        return True
    return (
        percentage is not None
        and progress.total > 0
        and progress.failed / progress.total * 100 > percentage
    )


def is_complete(
    progress: Progress, config: CompletionConfig, decision: CompletionDecision | None
) -> bool:
    """`decision` is what the predicate said of this progress, None if there is none."""
    if decision is not None and decision.complete:
        return True
    if progress.succeeded + progress.failed >= progress.total:
        return True
    if is_tolerance_exceeded(progress, config):
        return True
    return config.min_successful is not None and progress.succeeded >= config.min_successful


def completion_reason(
    progress: Progress, config: CompletionConfig, decision: CompletionDecision | None = None
) -> CompletionReason:
    """Why it is complete; asks the predicate only if its decision is not told."""
    if is_tolerance_exceeded(progress, config):
        return CompletionReason.FAILURE_TOLERANCE_EXCEEDED
    if decision is None and config.should_complete is not None:
        decision = config.should_complete(progress.snapshot())
    if decision is not None and decision.complete:
        failed = decision.outcome is CompletionOutcome.FAILED
        return (
            CompletionReason.CUSTOM_COMPLETION_FAILED
            if failed
            else CompletionReason.CUSTOM_COMPLETION_SUCCEEDED
        )
    if progress.succeeded + progress.failed >= progress.total:
        return CompletionReason.ALL_COMPLETED
    if config.min_successful is not None and progress.succeeded >= config.min_successful:
        return CompletionReason.MIN_SUCCESSFUL_REACHED
    return CompletionReason.ALL_COMPLETED


@dataclass(frozen=True, slots=True)
class Record:
    """What a batch decided, so that a replay gives the same result.

    Branches begin in their order: `started_total` of them began, and those in `open` had not
    ended.
    """

    reason: CompletionReason
    started_total: int
    open: frozenset[int]


def summary(result: BatchResult[Any], kind: str, text: str | None) -> str:
    """What is kept of a result over 256 KB: the record, some counts, and the user's text."""
    open_ = [item.index for item in result.all if item.status is BatchItemStatus.STARTED]
    done = [item.index for item in result.all if item.status is not BatchItemStatus.STARTED]
    fields: dict[str, object] = {
        "type": kind,
        "totalCount": result.total_count,
        "completionReason": result.completion_reason.value,
    }
    # The shorter of the two lists tells as much.
    if len(open_) <= len(done):
        fields["startedIndexes"] = open_
    else:
        fields["completedIndexes"] = done
    fields["startedCount"] = len(open_)
    fields["successCount"] = result.success_count
    fields["failureCount"] = result.failure_count
    fields["status"] = result.status.value
    if text is not None:
        fields["summary"] = str(text)
    return json.dumps(fields)


def read_record(payload: str | None) -> Record | None:
    """The record in a summary; None if it has none that makes sense."""
    try:
        fields = json.loads(payload or "")
        total = fields["totalCount"]
        reason = CompletionReason(fields["completionReason"])
        listed = fields.get("startedIndexes")
        done = fields.get("completedIndexes") if listed is None else []
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    indexes = listed if listed is not None else done
    if not _is_count(total) or not isinstance(indexes, list):
        return None
    if not all(_is_count(index) and index < total for index in indexes):
        return None
    chosen = frozenset(indexes)
    open_ = chosen if listed is not None else frozenset(range(total)) - chosen
    return Record(reason, total, open_)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

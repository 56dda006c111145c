"""The result of a map or parallel, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar, cast

from perdure.config import BatchItemStatus, CompletionConfig
from perdure.exceptions import (
    ChildContextError,
    DurableOperationError,
    register_operation_error,
)
from perdure.lambda_service import ErrorObject

R = TypeVar("R")


class CompletionReason(Enum):
    """Why a batch was complete."""

    ALL_COMPLETED = "ALL_COMPLETED"
    MIN_SUCCESSFUL_REACHED = "MIN_SUCCESSFUL_REACHED"
    FAILURE_TOLERANCE_EXCEEDED = "FAILURE_TOLERANCE_EXCEEDED"
    CUSTOM_COMPLETION_SUCCEEDED = "CUSTOM_COMPLETION_SUCCEEDED"
    CUSTOM_COMPLETION_FAILED = "CUSTOM_COMPLETION_FAILED"


class BatchCompletionError(DurableOperationError):
    """A `should_complete` completed the batch as failed, though no branch failed."""

    def __init__(
        self,
        completion_reason: CompletionReason = CompletionReason.CUSTOM_COMPLETION_FAILED,
        message: str | None = None,
        error_type: str | None = None,
        data: str | None = None,
        stack_trace: list[str] | None = None,
    ) -> None:
        text = f"Batch completed as failed by should_complete ({completion_reason.value})"
        super().__init__(message or text, error_type, data, stack_trace)
        self.completion_reason = completion_reason


register_operation_error(BatchCompletionError)


@dataclass(frozen=True)
class BatchItem(Generic[R]):
    """One branch. STARTED is one that the batch did not wait for: it has neither result nor error.

    `error` has `message`, `type`, `data` and `stack_trace`; a branch may have failed without one
    on record.
    """

    index: int
    status: BatchItemStatus
    result: R | None = None
    error: ErrorObject | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "status": self.status.value,
            "result": self.result,
            "error": self.error.to_dict() if self.error else None,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BatchItem[R]:
        error = data.get("error")
        return cls(
            data["index"],
            BatchItemStatus(data["status"]),
            data.get("result"),
            ErrorObject.from_dict(error) if error else None,
        )


@dataclass(frozen=True)
class BatchResult(Generic[R]):
    """What became of the branches of a map or parallel.

        done = context.map(files, load)
        done.throw_if_error()
        rows = done.get_results()

    `all` is in the order of the branches; those that never began are not in it.
    """

    all: list[BatchItem[R]]
    completion_reason: CompletionReason

    def succeeded(self) -> list[BatchItem[R]]:
        """The branches that succeeded."""
        return self._with(BatchItemStatus.SUCCEEDED)

    def failed(self) -> list[BatchItem[R]]:
        """The branches that failed."""
        return self._with(BatchItemStatus.FAILED)

    def started(self) -> list[BatchItem[R]]:
        """The branches that it did not wait for."""
        return self._with(BatchItemStatus.STARTED)

    @property
    def status(self) -> BatchItemStatus:
        """FAILED if a branch failed, or what a `should_complete` decided."""
        match self.completion_reason:
            case CompletionReason.CUSTOM_COMPLETION_FAILED:
                return BatchItemStatus.FAILED
            case CompletionReason.CUSTOM_COMPLETION_SUCCEEDED:
                return BatchItemStatus.SUCCEEDED
        return BatchItemStatus.FAILED if self.has_failure else BatchItemStatus.SUCCEEDED

    @property
    def has_failure(self) -> bool:
        return self.failure_count > 0

    def throw_if_error(self) -> None:
        """Raise the first branch's failure as a ChildContextError, or BatchCompletionError."""
        for item in self.failed():
            if item.error is None:
                raise ChildContextError(f"Branch {item.index} failed without an error on record.")
            item.error.raise_as_operation_error(ChildContextError)
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_FAILED:
            raise BatchCompletionError(self.completion_reason)

    def get_results(self) -> list[R]:
        """Of the branches that succeeded; None is the result of one that returns nothing."""
        return [cast("R", item.result) for item in self.succeeded()]

    def get_errors(self) -> list[ErrorObject | None]:
        """Of the branches that failed."""
        return [item.error for item in self.failed()]

    @property
    def success_count(self) -> int:
        return len(self.succeeded())

    @property
    def failure_count(self) -> int:
        return len(self.failed())

    @property
    def started_count(self) -> int:
        return len(self.started())

    @property
    def total_count(self) -> int:
        return len(self.all)

    def to_dict(self) -> dict[str, Any]:
        return {
            "all": [item.to_dict() for item in self.all],
            "completionReason": self.completion_reason.value,
        }

    @classmethod
    def from_dict(
        cls, data: dict[str, Any], completion_config: CompletionConfig | None = None
    ) -> BatchResult[R]:
        items: list[BatchItem[R]] = [BatchItem.from_dict(item) for item in data["all"]]
        reason = data.get("completionReason")
        if reason is None:
            return cls.from_items(items, completion_config)
        return cls(items, CompletionReason(reason))

    @classmethod
    def from_items(
        cls, items: list[BatchItem[R]], completion_config: CompletionConfig | None = None
    ) -> BatchResult[R]:
        """With the reason that the branches suggest; exact if every branch is among them."""
        from perdure.core.completion import Progress, completion_reason

        progress = Progress(len(items))
        for item in items:
            progress.set(item.index, item.status)
        return cls(items, completion_reason(progress, completion_config or CompletionConfig()))

    def _with(self, status: BatchItemStatus) -> list[BatchItem[R]]:
        return [item for item in self.all if item.status is status]

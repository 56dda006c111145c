"""map and parallel: branches side by side, and when they are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from perdure.concurrency.models import BatchItem, BatchResult
from perdure.config import (
    BatchItemStatus,
    ChildConfig,
    CompletionConfig,
    MapConfig,
    NestingType,
    ParallelConfig,
)
from perdure.core.children import body_of, child_program
from perdure.core.completion import (
    Progress,
    completion_reason,
    is_complete,
    is_tolerance_exceeded,
    read_record,
    summary,
)
from perdure.core.decisions import completion_decision
from perdure.core.effects import Branch, Call, Crew, Dismiss, Join, Program, Spawn
from perdure.core.replay import is_terminal
from perdure.core.scope import Place, Scope, operation_id
from perdure.exceptions import (
    DurableOperationError,
    OrphanedChildException,
    ends_invocation,
)
from perdure.lambda_service import ErrorObject


@dataclass(frozen=True, slots=True)
class BatchKind:
    """What a map or a parallel is called in the history."""

    sub_type: str
    branch_sub_type: str
    branch_prefix: str
    summary_type: str


MAP = BatchKind("Map", "MapIteration", "map-item-", "MapResult")
PARALLEL = BatchKind("Parallel", "ParallelBranch", "parallel-branch-", "ParallelResult")


def batch_program(
    place: Place,
    kind: BatchKind,
    branches: Sequence[Callable[[Any], Any]],
    names: Callable[[], Sequence[str | None]],
    config: MapConfig[Any] | ParallelConfig,
) -> Program:
    """Run the branches, `config.max_concurrency` at a time; returns a BatchResult.

    What `names` raises fails the batch.

    A branch whose error asks for another invocation or for the execution's end does not count as
    failed: the error leaves the batch.
    """

    def body(scope: Scope) -> Program:
        called = yield Call(names, (), quick=True)
        return (yield from _Batch(scope, place, kind, branches, called, config).run())

    def summarize(result: BatchResult[Any]) -> str:
        own = config.summary_generator
        return summary(result, kind.summary_type, own(result) if own else None)

    child = ChildConfig[Any](serdes=config.serdes, summary_generator=summarize)
    return child_program(place, body, child)


class _Batch:
    def __init__(
        self,
        scope: Scope,
        place: Place,
        kind: BatchKind,
        branches: Sequence[Callable[[Any], Any]],
        names: Sequence[str | None],
        config: MapConfig[Any] | ParallelConfig,
    ) -> None:
        self.scope = scope
        self.place = place
        self.kind = kind
        self.branches = branches
        self.names = names
        self.flat = config.nesting_type is NestingType.FLAT
        self.limit = config.max_concurrency or max(1, len(branches))
        self.completion: CompletionConfig = config.completion_config
        self.child = ChildConfig[Any](
            serdes=config.item_serdes or config.serdes, is_virtual=self.flat
        )
        self.crew = Crew()
        self.items: dict[int, BatchItem[Any]] = {}
        self.progress = Progress(len(branches), names)

    def run(self) -> Program:
        record = self.place.record
        if record is not None and record["Status"] == "SUCCEEDED":
            # It is here only because its result was too large to keep.
            return (yield from self._made_anew((record.get("ContextDetails") or {}).get("Result")))
        self.scope.unordered = True
        try:
            result = yield from self._until_complete()
        except GeneratorExit:
            raise
        except BaseException:
            yield from self._dismiss()
            raise
        yield from self._dismiss()
        return result

    def _until_complete(self) -> Program:
        waiting = iter(range(len(self.branches)))
        begun = 0
        while True:
            decision = None
            if self.completion.should_complete is not None:
                decision = yield from completion_decision(
                    self.place, self.completion.should_complete, self.progress.snapshot()
                )
            if is_complete(self.progress, self.completion, decision):
                break
            running = begun - self.progress.succeeded - self.progress.failed
            ended = False
            while (
                running < self.limit
                and not is_tolerance_exceeded(self.progress, self.completion)
                and (index := next(waiting, None)) is not None
            ):
                begun += 1
                self.items[index] = BatchItem(index, BatchItemStatus.STARTED)
                self.progress.set(index, BatchItemStatus.STARTED)
                yield from self._begin(index)
                running += 1
                if self.crew.ended:
                    # A branch that a replay finds done may be the last that was needed.
                    ended = True
                    break
            if not ended:
                yield Join(self.crew)
            self._take_ended(once=True)
        reason = completion_reason(self.progress, self.completion, decision)
        self._take_ended(once=False)
        return BatchResult(self._in_order(), reason)

    def _dismiss(self) -> Program:
        self.scope.closed = True
        if self.crew.open:
            yield Dismiss(self.crew)

    def _program(self, index: int) -> Program:
        name = self.names[index]
        branch = self.scope.place_at(
            index,
            "CONTEXT",
            self.kind.branch_sub_type,
            name if name is not None else f"{self.kind.branch_prefix}{index}",
        )
        return child_program(branch, body_of(self.branches[index]), self.child)

    def _begin(self, index: int) -> Program:
        """As far as the branch comes without running the user's code, it runs here."""
        program = self._program(index)
        try:
            effect = next(program)
        except StopIteration as done:
            self.crew.ended.append((index, done.value, None))
        except Exception as error:
            self.crew.ended.append((index, None, error))
        else:
            yield Spawn(self.crew, Branch(index, program, effect))

    def _take_ended(self, *, once: bool) -> None:
        while self.crew.ended:
            index, value, error = self.crew.ended.popleft()
            if isinstance(error, OrphanedChildException):
                raise error
            self._note(index, value, error)
            if once:
                return

    def _note(self, index: int, value: Any, error: BaseException | None) -> None:
        if error is None:
            self.items[index] = BatchItem(index, BatchItemStatus.SUCCEEDED, value)
        elif ends_invocation(error):
            raise error
        else:
            self.items[index] = BatchItem(index, BatchItemStatus.FAILED, error=_error_object(error))
        self.progress.set(index, self.items[index].status)

    def _in_order(self) -> list[BatchItem[Any]]:
        return [self.items[index] for index in sorted(self.items)]

    def _made_anew(self, payload: str | None) -> Program:
        """The result that was too large to keep, from what its branches kept."""
        recorded = read_record(payload)
        for index in range(len(self.branches)):
            if recorded is not None and index >= recorded.started_total:
                break
            if recorded is not None and index in recorded.open:
                self.items[index] = BatchItem(index, BatchItemStatus.STARTED)
                continue
            yield from self._made_anew_at(index, ended=recorded is not None)
        if recorded is None:
            return BatchResult.from_items(self._in_order(), self.completion)
        return BatchResult(self._in_order(), recorded.reason)

    def _made_anew_at(self, index: int, *, ended: bool) -> Program:
        program = self._program(index)
        branch = self.scope.replay.operations.get(operation_id(self.scope.prefix, index))
        has_ended = self.flat if branch is None else is_terminal(branch)
        if not has_ended:
            if ended:
                raise self.place.other_than(f"{self.place} with branch {index} ended")
            self.items[index] = BatchItem(index, BatchItemStatus.STARTED)
            return
        try:
            value = yield from program
        except Exception as error:
            self._note(index, None, error)
        else:
            self._note(index, value, None)


def _error_object(error: BaseException) -> ErrorObject:
    """With the class that escaped from the branch, not with that of its wrapper."""
    if isinstance(error, DurableOperationError):
        return ErrorObject(error.message, error.error_type, error.data, error.stack_trace)
    return ErrorObject.from_exception(error)

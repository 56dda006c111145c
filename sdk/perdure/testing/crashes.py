"""A crash at every point: whatever a worker's death interrupts, the outcome must be the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, MutableMapping
from dataclasses import dataclass

from perdure.testing.crash_plan import CrashPoint, Side
from perdure.testing.errors import CrashChangedOutcome
from perdure.testing.execution import DurableExecution
from perdure.testing.functions import Function
from perdure.testing.runner import DurableTestRunner

Counts = MutableMapping[str, int]


@dataclass(frozen=True, slots=True)
class CrashRun:
    """One run. `point` None is the one that nothing disturbed."""

    point: CrashPoint | None
    execution: DurableExecution
    side_effects: dict[str, int]


def crash_everywhere(
    function: Function,
    input: object = None,
    *,
    arrange: Callable[[DurableTestRunner], None] | None = None,
    act: Callable[[DurableExecution], None] | None = None,
    side_effects: Counts | None = None,
    at_most_once: Collection[str] = (),
    runner: Callable[[], DurableTestRunner] = DurableTestRunner,
) -> list[CrashRun]:
    """Run `function` undisturbed, and then once for each of its checkpoints with a crash before it
    and once with a crash after it; all runs, the undisturbed one first.

    Every run begins with `arrange`, to register functions and to answer callbacks, and ends with
    `act`, to do what else comes from outside. `side_effects` are counters that the steps keep; they
    are set to nothing before each run.

    Raises CrashChangedOutcome if a run ends otherwise than the undisturbed one, or runs a step
    again that was complete. A counter may be one higher, for the step that the crash interrupted,
    or as much as steps ran at once, but not lower; those named in `at_most_once` may be lower, but
    not higher.
    """
    counts: Counts = {} if side_effects is None else side_effects

    def play(point: CrashPoint | None) -> tuple[CrashRun, DurableTestRunner]:
        counts.clear()
        own = runner()
        if point is not None:
            own.crash(point.side, point.number)
        if arrange is not None:
            arrange(own)
        execution = own.run(function, input)
        if act is not None:
            act(execution)
        return CrashRun(point, execution, dict(counts)), own

    undisturbed, first = play(None)
    _compare(undisturbed, undisturbed, first, at_most_once)
    runs = [undisturbed]
    for point in _points(first.checkpoints):
        run, own = play(point)
        _compare(undisturbed, run, own, at_most_once)
        runs.append(run)
    return runs


def _points(checkpoints: int) -> Iterator[CrashPoint]:
    for number in range(1, checkpoints + 1):
        for side in Side:
            yield CrashPoint(number, side)


def _compare(
    undisturbed: CrashRun, run: CrashRun, runner: DurableTestRunner, at_most_once: Collection[str]
) -> None:
    expected, seen = undisturbed.execution.outcome, run.execution.outcome
    if expected != seen:
        raise _changed(undisturbed, run, f"it ended {seen}, without the crash {expected}")
    if runner.steps_run_needlessly:
        steps = ", ".join(runner.steps_run_needlessly)
        raise _changed(undisturbed, run, f"a step ran again although it was complete: {steps}")
    for name in sorted({*undisturbed.side_effects, *run.side_effects}):
        due, counted = undisturbed.side_effects.get(name, 0), run.side_effects.get(name, 0)
        most = due if name in at_most_once else due + max(1, runner.steps_interrupted)
        if counted > most or (counted < due and name not in at_most_once):
            problem = f"'{name}' happened {counted} times, without the crash {due}"
            raise _changed(undisturbed, run, problem)


def _changed(undisturbed: CrashRun, run: CrashRun, problem: str) -> CrashChangedOutcome:
    if run.point is None:
        return CrashChangedOutcome(f"without a crash: {problem}\n\n{run.execution.text}")
    return CrashChangedOutcome(
        f"with a crash {run.point}: {problem}\n\nWith the crash. {run.execution.text}\n\n"
        f"Without it. {undisturbed.execution.text}"
    )

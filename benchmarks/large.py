"""An execution that is nearly full: reading its pages, and one more checkpoint into it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Figures, Result, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import Stack, running_stack

OPERATIONS = 2_900
_PAGE = 1_000
_STEPS = 30


def run_history(plan: Plan) -> Iterator[Result]:
    yield from _read(plan, "history")


def run_state(plan: Plan) -> Iterator[Result]:
    yield from _read(plan, "state")


def _read(plan: Plan, what: str) -> Iterator[Result]:
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        full = load.ask("fill", operations=OPERATIONS)
        times = plan.scaled(50)

        def measure(page: str) -> Figures:
            with stack.meter(load=load.pid) as meter:
                read = load.ask(
                    "read_page", number=full, what=what, page=page, times=times, max_items=_PAGE
                )
            pages = times + read["pages_before"]
            return {
                **read,
                "service_ms_each": 1e3 * meter.figures["service_cpu_s"] / pages,
                "postgres_ms_each": 1e3 * meter.figures["postgres_cpu_s"] / pages,
                **meter.figures,
            }

        for page in ("first", "last"):
            yield repeated(
                what,
                f"{page} page of {OPERATIONS} operations",
                plan.runs,
                partial(measure, page),
            )


def run(plan: Plan) -> Iterator[Result]:
    yield repeated(
        "large", f"a step after {OPERATIONS} operations", plan.runs, partial(_measure, plan)
    )


def _measure(plan: Plan) -> Figures:
    """In turn with a step in an execution that is nearly empty; then again after a restart, when
    the service has to read the execution first."""
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        full = load.ask("fill", operations=OPERATIONS)
        empty = load.ask("fill", operations=1)
        load.ask("alternate", numbers=[full, empty], times=5)
        with stack.meter(load=load.pid) as meter:
            (of_full, full_bytes), (of_empty, empty_bytes) = load.ask(
                "alternate", numbers=[full, empty], times=plan.scaled(_STEPS)
            )
        cold_full, cold_empty = _cold(stack, load, [full, empty])
    return {
        "full_p50_ms": 1e3 * of_full,
        "empty_p50_ms": 1e3 * of_empty,
        "ratio": of_full / of_empty,
        "full_answer_bytes": full_bytes,
        "empty_answer_bytes": empty_bytes,
        "cold_full_ms": 1e3 * cold_full,
        "cold_empty_ms": 1e3 * cold_empty,
        **meter.figures,
    }


def _cold(stack: Stack, load: Peer, numbers: list[int]) -> list[float]:
    """The first step in each after a restart, once other steps have warmed all that is shared."""
    stack.service.stop()
    stack.service.start()
    other = load.ask("fill", operations=_STEPS)
    load.ask("alternate", numbers=[other], times=_STEPS)
    return [load.ask("step", number=number)[0] for number in numbers]

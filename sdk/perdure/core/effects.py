"""What a program asks of the shell that runs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from perdure.core.scope import Place, Scope
    from perdure.service_api import Operation


class Call:
    """Run the user's function: its value is sent back, or what it raised is thrown.

    An asynchronous function runs on the event loop, any other one in a thread where it may block,
    unless it is `quick`. `inside` is the step that it is the body of, or the scope that it is
    given a context for: see `INSIDE`.
    """

    __slots__ = ("args", "func", "inside", "quick")

    def __init__(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        inside: Place | Scope | None = None,
        quick: bool = False,
    ) -> None:
        self.func = func
        self.args = args
        self.inside = inside
        self.quick = quick


class Commit:
    """Wait until the service has all that was queued."""

    __slots__ = ()


COMMIT: Final = Commit()


class Park:
    """Wait until the service says something else of the operation than `seen`.

    `due` is when that is to be expected, in epoch seconds; None if nobody knows. When all that
    runs is parked, the invocation ends.
    """

    __slots__ = ("due", "place", "seen")

    def __init__(self, place: Place, seen: Operation, due: float | None = None) -> None:
        self.place = place
        self.seen = seen
        self.due = due


class Branch:
    """A program that runs beside others. It went as far as `effect`, which is to be performed."""

    __slots__ = ("cancel", "effect", "index", "program")

    def __init__(self, index: int, program: Program, effect: Effect) -> None:
        self.cancel: Callable[[], object] | None = None
        self.index = index
        self.program = program
        self.effect = effect


class Crew:
    """The branches of one batch: `ended` holds what became of them, oldest first."""

    __slots__ = ("ended", "open")

    def __init__(self) -> None:
        self.ended: deque[tuple[int, Any, BaseException | None]] = deque()
        self.open: dict[int, Branch] = {}


class Spawn:
    """Begin a branch of the crew."""

    __slots__ = ("branch", "crew")

    def __init__(self, crew: Crew, branch: Branch) -> None:
        self.crew = crew
        self.branch = branch


class Join:
    """Wait until `crew.ended` has something."""

    __slots__ = ("crew",)

    def __init__(self, crew: Crew) -> None:
        self.crew = crew


class Dismiss:
    """The crew's branches that still run are not needed any more."""

    __slots__ = ("crew",)

    def __init__(self, crew: Crew) -> None:
        self.crew = crew


Effect = Call | Commit | Park | Spawn | Join | Dismiss
Program = Generator[Effect, Any, Any]


class Cancelled(BaseException):
    """Thrown into a program whose task was cancelled. It records that, and lets this pass."""

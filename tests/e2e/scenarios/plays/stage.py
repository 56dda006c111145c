"""Which play belongs to which scenario."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.scenarios.run import Run

Play = Callable[[Run], None]

PLAYS: dict[str, Play] = {}


def play(act: Play) -> Play:
    """What happens from outside to the scenario that is called like it, with dashes, after its
    start. It may also look at more than the history in the end."""
    PLAYS[act.__name__.replace("_", "-")] = act
    return act

"""Reserved concurrency: how many invocations of a function may run at a time."""

from __future__ import annotations

from typing import Protocol


class FunctionLimits(Protocol):
    """What this replica knows, at most a second late. No claim relies on it: each is counted, or
    makes sure that there is nothing to count, in its own transaction."""

    def of(self, function_name: str) -> int | None:
        """None: it has no limit of its own. 0: it is not invoked at all."""
        ...

    async def look(self) -> None:
        """Know what is true now. Raises Unavailable."""
        ...

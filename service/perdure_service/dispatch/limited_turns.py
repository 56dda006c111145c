"""Whose turn has to wait because its function runs as often as it may."""

from __future__ import annotations

from collections import Counter

from perdure_service.domain.ids import FunctionVersionId
from perdure_service.ports.function_limits import FunctionLimits

_MOST_UNDER_WAY = 32


class LimitedTurns:
    """Keeps claims that would only be refused from being tried again and again. Of a function with
    a limit no more claims are under way than it allows; a version of it is parked when that many
    are, or when one is refused, until an invocation of the function has ended."""

    def __init__(self, limits: FunctionLimits) -> None:
        self._limits = limits
        self._under_way: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._parked: dict[FunctionVersionId, str] = {}

    def is_parked(self, version_id: FunctionVersionId) -> bool:
        return version_id in self._parked

    def may_claim(self, version_id: FunctionVersionId, function_name: str) -> bool:
        """False, and parked, if as many claims as may are under way."""
        limit = self._limits.of(function_name)
        if limit is None or self._under_way[function_name] < min(limit, _MOST_UNDER_WAY):
            return True
        self._parked[version_id] = function_name
        return False

    def begin(self, function_name: str) -> int:
        """A claim is under way. Answers what `end` wants to know."""
        self._under_way[function_name] += 1
        return self._ends[function_name]

    def end(
        self, version_id: FunctionVersionId, function_name: str, begun: int, *, refused: bool
    ) -> list[FunctionVersionId]:
        """The claim committed, or it did not. Answers whose turn may come again."""
        self._under_way[function_name] -= 1
        ended_meanwhile = self._ends[function_name] != begun
        if self._under_way[function_name] == 0:
            del self._under_way[function_name], self._ends[function_name]
        if not refused:
            return self._unpark(function_name)
        if ended_meanwhile:
            return [version_id]
        self._parked[version_id] = function_name
        return []

    def one_has_ended(self, function_name: str) -> list[FunctionVersionId]:
        """An invocation has: whose turn may come again. A refusal that is on its way is older."""
        if function_name in self._under_way:
            self._ends[function_name] += 1
        return self._unpark(function_name)

    def unpark(self, version_id: FunctionVersionId) -> None:
        """It may try again, whatever this replica has seen."""
        self._parked.pop(version_id, None)

    def _unpark(self, function_name: str) -> list[FunctionVersionId]:
        if not self._parked:
            return []
        freed = [id_ for id_, name in self._parked.items() if name == function_name]
        for id_ in freed:
            del self._parked[id_]
        return freed

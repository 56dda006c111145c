"""Who may look for a slot next."""

from __future__ import annotations

from collections import OrderedDict

from perdure_service.domain.ids import FunctionVersionId


class Turns:
    """Functions take turns, and within those of one function its versions do."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, OrderedDict[FunctionVersionId, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def give(self, function_name: str, version_id: FunctionVersionId) -> None:
        """Behind all others, unless it has a turn."""
        self._waiting.setdefault(function_name, OrderedDict()).setdefault(version_id)

    def next(self) -> tuple[str, FunctionVersionId]:
        """Whose turn it is. Unless it is `over`, the next one is that of the same function."""
        function_name, versions = next(iter(self._waiting.items()))
        version_id, _ = versions.popitem(last=False)
        if not versions:
            del self._waiting[function_name]
        return function_name, version_id

    def over(self, function_name: str) -> None:
        """It has used its turn: the other functions come first."""
        if function_name in self._waiting:
            self._waiting.move_to_end(function_name)

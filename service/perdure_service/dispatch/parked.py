"""Who found no slot, until one is free that may be theirs."""

from __future__ import annotations

from collections.abc import Iterable

from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import FunctionVersionId


class Parked:
    """Function versions in the order of their turns. They are found by what they wait for, so that
    a thousand that wait cost nothing when slots of others are free."""

    def __init__(self) -> None:
        self._names: dict[FunctionVersionId, str | None] = {}
        self._by_name: dict[str | None, dict[FunctionVersionId, None]] = {}

    def __contains__(self, version_id: FunctionVersionId) -> bool:
        return version_id in self._names

    def park(self, version: FunctionVersion) -> None:
        """Behind all others: for slots of pools, or for those of its name."""
        name = None if version.deployed else version.function_name
        self.remove(version.id)
        self._names[version.id] = name
        self._by_name.setdefault(name, {})[version.id] = None

    def remove(self, version_id: FunctionVersionId) -> None:
        if version_id in self._names:
            name = self._names.pop(version_id)
            waiting = self._by_name[name]
            del waiting[version_id]
            if not waiting:
                del self._by_name[name]

    def release_all(self) -> Iterable[FunctionVersionId]:
        released = list(self._names)
        self._names, self._by_name = {}, {}
        return released

    def release(
        self, function_names: Iterable[str], *, of_pools: bool
    ) -> Iterable[FunctionVersionId]:
        """Those who may find a slot now; they are no longer parked."""
        names: list[str | None] = [name for name in function_names if name in self._by_name]
        if of_pools and None in self._by_name:
            names.append(None)
        for name in names:
            for version_id in self._by_name.pop(name):
                del self._names[version_id]
                yield version_id

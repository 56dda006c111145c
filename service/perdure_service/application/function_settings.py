"""What is true of a function as a whole: its tags, its concurrency; and of the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import Function
from perdure_service.domain.tags import check_tags
from perdure_service.ports.function_limits import FunctionLimits
from perdure_service.ports.functions import AccountUsage, FunctionCatalogue, FunctionStore


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """All methods raise InvalidParameterValue for what is no function's name or ARN,
    ResourceNotFound if there is no such function."""

    catalogue: FunctionCatalogue
    store: FunctionStore
    addresses: ResolveFunction
    limits: FunctionLimits
    on_limit: Callable[[], None]
    """Called when one has changed, for those who do not know of it yet."""

    async def function(self, function: str) -> Function:
        """Whatever version `function` names."""
        return await self.catalogue.function(self.addresses.parse(function).name)

    async def reserve_concurrency(self, function: str, limit: int | None) -> None:
        """At most `limit` invocations at a time, 0 for none; None takes the limit away. Those that
        run go on; none begins beyond the limit once this is answered."""
        await self.store.reserve_concurrency(self.addresses.function_name(function), limit)
        await self.limits.look()
        self.on_limit()

    async def tags(self, arn: str) -> Mapping[str, str]:
        return (await self.catalogue.function(self._tagged(arn))).tags

    async def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags, or replace the values that they have. Raises InvalidParameterValue if it
        would have too many; nothing is changed then."""
        check_tags(tags)
        await self.store.change_tags(self._tagged(arn), lambda known: check_tags({**known, **tags}))

    async def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Keys that are not there do no harm."""
        await self.store.change_tags(
            self._tagged(arn),
            lambda known: {key: value for key, value in known.items() if key not in keys},
        )

    async def usage(self) -> AccountUsage:
        return await self.store.usage()

    def _tagged(self, arn: str) -> str:
        if not arn.startswith("arn:"):
            raise InvalidParameterValue(f"'{arn[:200]}' is no ARN: give that of the function.")
        return self.addresses.function_name(arn)

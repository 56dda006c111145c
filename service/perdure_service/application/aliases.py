"""Aliases: names that point at versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from perdure_service.application.function_requests import AliasRequest
from perdure_service.application.randomness import random_uuid
from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.errors import InvalidParameterValue, PreconditionFailed
from perdure_service.domain.functions import Alias, WeightedVersion
from perdure_service.domain.ids import LATEST
from perdure_service.ports.functions import AliasStore, FunctionCatalogue


@dataclass(frozen=True, slots=True)
class ManageAliases:
    """All methods raise ResourceNotFound if there is no such function, alias or version, and
    InvalidParameterValue for what cannot be."""

    catalogue: FunctionCatalogue
    store: AliasStore
    addresses: ResolveFunction

    async def create(self, request: AliasRequest) -> Alias:
        """Raises ResourceConflict if the function has an alias of that name."""
        name = self.addresses.function_name(request.function)
        assert request.version is not None
        return await self.store.create(
            Alias(
                account=self.addresses.account,
                region=self.addresses.region,
                function_name=name,
                name=request.name,
                version=request.version,
                description=request.description or "",
                revision_id=random_uuid(),
                additional=_additional(request.version, request.weights or {}),
            )
        )

    async def update(self, request: AliasRequest) -> Alias:
        """Executions that were started before go on as they are. Raises PreconditionFailed if the
        alias is not the expected revision."""
        name = self.addresses.function_name(request.function)
        return await self.store.change(name, request.name, lambda alias: _updated(alias, request))

    async def delete(self, function: str, alias_name: str) -> None:
        """Does nothing if there is no such alias."""
        await self.store.delete(self.addresses.function_name(function), alias_name)

    async def get(self, function: str, alias_name: str) -> Alias:
        return await self.catalogue.alias(self.addresses.function_name(function), alias_name)

    async def list_aliases(self, function: str, version: str | None = None) -> list[Alias]:
        """By name; with `version` those whose main version it is."""
        found = await self.store.list_aliases(self.addresses.function_name(function))
        return [alias for alias in found if version in (None, alias.version)]


def _updated(alias: Alias, request: AliasRequest) -> Alias:
    if request.revision_id not in (None, alias.revision_id):
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
    version = request.version or alias.version
    weights = request.weights
    if weights is None:
        extra = alias.additional
        weights = {} if extra is None else {extra.version: extra.weight}
    return replace(
        alias,
        version=version,
        description=alias.description if request.description is None else request.description,
        additional=_additional(version, weights),
    )


def _additional(version: str, weights: Mapping[str, float]) -> WeightedVersion | None:
    if not weights:
        return None
    if len(weights) > 1:
        raise InvalidParameterValue(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    if version == LATEST:
        raise InvalidParameterValue(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    ((extra, weight),) = weights.items()
    if extra == version:
        raise InvalidParameterValue(
            f"Invalid function version {extra}. Function version {extra} is already included in "
            "routing configuration."
        )
    return WeightedVersion(extra, weight)

"""From what a caller wrote to the one function version that will run."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.randomness import random_bits
from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import UNQUALIFIED, FunctionVersion, is_alias
from perdure_service.domain.ids import LATEST, FunctionAddress
from perdure_service.ports.functions import FunctionCatalogue


@frozen
class ResolvedFunction:
    """`drawn_from` are the versions of an alias that `version` was drawn from: a repeated call may
    draw another one."""

    version: FunctionVersion
    qualifier: str | None
    drawn_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolveFunction:
    """Finds the version behind an address. This installation is one account in one region."""

    catalogue: FunctionCatalogue
    account: str
    region: str

    def parse(self, text: str, qualifier: str | None = None) -> FunctionAddress:
        """The address, its qualifier taken from the text or given beside it; both must agree.
        Raises InvalidParameterValue, or ResourceNotFound for another account or region."""
        address = FunctionAddress.parse(text)
        if qualifier is not None and address.qualifier not in (None, qualifier):
            raise InvalidParameterValue(
                "The derived qualifier from the function name does not match the specified "
                "qualifier."
            )
        if (address.account or self.account) != self.account or (
            address.region or self.region
        ) != self.region:
            raise ResourceNotFound(f"Function not found: {text}")
        return FunctionAddress(
            address.name, address.qualifier or qualifier, self.account, self.region
        )

    def function_name(self, text: str) -> str:
        """The name in an address that is of a function as a whole. Raises InvalidParameterValue if
        it is of a version or an alias, ResourceNotFound for another account or region."""
        address = self.parse(text)
        if address.qualifier not in (None, LATEST):
            raise InvalidParameterValue(
                f"This call is about a function, not about one of its versions: leave out "
                f"':{address.qualifier}'."
            )
        return address.name

    async def __call__(self, text: str, qualifier: str | None = None) -> ResolvedFunction:
        """The version to run; an alias with weights draws one. Raises InvalidParameterValue if a
        durable function is addressed without a qualifier, ResourceNotFound if there is no such
        function or version."""
        address = self.parse(text, qualifier)
        number = address.qualifier
        drawn_from: tuple[str, ...] = ()
        if number is not None and is_alias(number):
            alias = await self.catalogue.alias(address.name, number)
            number = alias.version_for(random_bits(53) / (1 << 53))
            drawn_from = alias.versions
        version = await self.catalogue.resolve(address.name, number)
        if version.durable is not None and address.qualifier is None:
            raise InvalidParameterValue(UNQUALIFIED)
        return ResolvedFunction(version, address.qualifier, drawn_from)

"""The functions of a test, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from perdure.service_api import DurableService, InvocationEvent, InvocationOutput
from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.functions import (
    UNQUALIFIED,
    DurableConfig,
    FunctionVersion,
    PackageType,
    check_function_name,
)
from perdure_service.domain.ids import LATEST, FunctionAddress, FunctionVersionId
from perdure_service.domain.instant import Instant

ACCOUNT = "123456789012"
REGION = "us-east-1"


class DurableFunction(Protocol):
    """What `@durable_execution` returns."""

    async def invoke(
        self, event: InvocationEvent, service: DurableService, lambda_context: Any
    ) -> InvocationOutput:
        """One invocation of the handler."""
        ...


PlainFunction = Callable[[Any, Any], Any]
"""A handler without durable operations: event and Lambda context to a JSON value."""

Function = DurableFunction | PlainFunction


@dataclass(frozen=True, slots=True)
class RegisteredFunction:
    """`handler` goes by `version.function_name`."""

    handler: Function
    version: FunctionVersion


def is_durable(function: Function) -> TypeGuard[DurableFunction]:
    return callable(getattr(function, "invoke", None))


def name_of(function: Function) -> str:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() else type(function).__name__


def _checked(name: str) -> str:
    try:
        return check_function_name(name)
    except InvalidParameterValue as error:
        raise ValueError(error.message) from None


class FunctionCatalogue:
    """Every function has the one version $LATEST."""

    def __init__(self) -> None:
        self._functions: dict[str, RegisteredFunction] = {}

    def register(
        self,
        function: Function,
        name: str,
        *,
        execution_timeout_seconds: int,
        timeout_seconds: int,
        now: Instant,
    ) -> RegisteredFunction:
        """Under `name`, in place of another one that has it. Raises ValueError for what Lambda
        allows no function to be called."""
        number = len(self._functions) + 1
        registered = RegisteredFunction(
            function,
            FunctionVersion(
                id=FunctionVersionId(f"{number:08x}-0000-7000-8000-000000000000"),
                account=ACCOUNT,
                region=REGION,
                function_name=_checked(name),
                version=LATEST,
                durable=DurableConfig(execution_timeout_seconds) if is_durable(function) else None,
                timeout_seconds=timeout_seconds,
                memory_mb=128,
                package_type=PackageType.ZIP,
                runtime=None,
                handler=None,
                code_sha256=None,
                image_uri=None,
                description="",
                revision_id="",
                created_at=now,
            ),
        )
        self._functions[name] = registered
        return registered

    def find(self, function: Function) -> RegisteredFunction | None:
        return next((r for r in self._functions.values() if r.handler is function), None)

    def named(self, name: str) -> RegisteredFunction:
        return self._functions[name]

    def resolve(self, address: FunctionAddress) -> RegisteredFunction:
        """Raises ResourceNotFound with what is registered, and InvalidParameterValue if a durable
        function is addressed without a qualifier."""
        found = self._functions.get(address.name)
        if found is None:
            known = ", ".join(sorted(self._functions)) or "none"
            raise ResourceNotFound(
                f"Function not found: {address.name}. Register it with the test's runner; it "
                f"knows {known}."
            )
        if found.version.durable is not None and address.qualifier is None:
            raise InvalidParameterValue(UNQUALIFIED)
        return found

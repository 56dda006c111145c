"""The SDK's names that its versions do not share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_durable_execution_sdk_python as package
from aws_durable_execution_sdk_python import exceptions
from aws_durable_execution_sdk_python.config import CompletionConfig


def _first_of(*names: str) -> Any:
    for module in (package, exceptions):
        for name in names:
            if hasattr(module, name):
                return getattr(module, name)
    raise ImportError(f"none of {names} in version {package.__version__}")


def attempt_of(step: Any, otherwise: int) -> int:
    """The attempt that a step is told; version 1 does not tell it."""
    return getattr(step, "attempt", otherwise)


StepError: type[Exception] = _first_of("StepError", "CallableRuntimeError")
ChildContextError: type[Exception] = _first_of("ChildContextError", "CallableRuntimeError")
InvokeError: type[Exception] = _first_of("InvokeError", "CallableRuntimeError")
CallbackError: type[Exception] = _first_of("CallbackError")


def completion(is_enough: Callable[[Any], bool]) -> CompletionConfig:
    """A batch that is complete when this holds; not for version 1."""

    def decide(status: Any) -> Any:
        return package.complete_batch() if is_enough(status) else package.continue_batch()

    return CompletionConfig(should_complete=decide)

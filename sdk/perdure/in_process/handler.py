"""The function that a process runs."""

from __future__ import annotations

import importlib

from perdure.execution import DurableFunction


class NotDurable(Exception):
    """The handler is something else; the text says what to do."""


def load_handler(handler: str) -> DurableFunction:
    """From `module.attribute`. Raises NotDurable, and whatever importing the module raises."""
    module_name, _, attribute = handler.rpartition(".")
    module = importlib.import_module(module_name.replace("/", "."))
    try:
        found = getattr(module, attribute)
    except AttributeError:
        raise NotDurable(f"Handler '{attribute}' is missing on module '{module_name}'") from None
    if not isinstance(found, DurableFunction):
        raise NotDurable(
            f"{handler} is not decorated with perdure's durable_execution: decorate it, or serve "
            "it with --no-in-process"
        )
    return found

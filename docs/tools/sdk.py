"""What handlers import, from its own texts: contexts, configurations, strategies, errors."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator

from docs.tools.markdown import code, table
from perdure import config, context, exceptions, retries, types, waits
from perdure.async_context import AsyncDurableContext
from perdure.concurrency import models
from perdure.context import DurableContext
from perdure.execution import durable_execution

OPERATIONS = (
    "step", "wait", "create_callback", "wait_for_callback", "wait_for_condition", "invoke",
    "run_in_child_context", "map", "parallel",
)  # fmt: skip
VALUES = ("now", "random", "uuid4", "is_replaying", "set_logger")
DECORATORS = (
    durable_execution, context.durable_step, context.durable_with_child_context,
    context.durable_wait_for_callback, context.durable_parallel_branch, retries.with_retry,
)  # fmt: skip
CONFIGURATIONS = (
    config.Duration, config.StepConfig, config.StepSemantics, config.ChildConfig,
    config.ParallelConfig, config.ParallelBranch, config.MapConfig, config.NestingType,
    config.CompletionConfig, config.CompletionStatus, config.CompletionItemStatus,
    config.InvokeConfig, config.CallbackConfig, config.WaitForCallbackConfig,
    retries.RetryStrategyConfig, retries.LinearRetryStrategyConfig, config.JitterStrategy,
    retries.WithRetryConfig, waits.WaitForConditionConfig, waits.WaitStrategyConfig,
)  # fmt: skip
GIVEN = (
    types.StepContext, types.WaitForCallbackContext, types.WaitForConditionCheckContext,
    context.Callback, models.BatchResult, models.BatchItem, models.CompletionReason,
)  # fmt: skip


def operations() -> Iterator[str]:
    for name in OPERATIONS:
        function = getattr(DurableContext, name)
        yield from _section(f"{name}({_parameters(function)})", function)
        assert _parameters(getattr(AsyncDurableContext, name)) == _parameters(function)


def values() -> Iterator[str]:
    for name in VALUES:
        function = getattr(DurableContext, name)
        yield from _section(f"{name}({_parameters(function)})", function)


def decorators() -> Iterator[str]:
    for function in DECORATORS:
        yield from _section(f"{function.__name__}({_parameters(function)})", function)


def configurations() -> Iterator[str]:
    yield from _classes(CONFIGURATIONS)


def given() -> Iterator[str]:
    yield from _classes(GIVEN)


def presets() -> Iterator[str]:
    names = [name for name in vars(retries.RetryPresets) if not name.startswith("_")]
    found = [(name, getattr(retries.RetryPresets, name)) for name in names]
    rows = [(code(f"RetryPresets.{name}()"), _text(preset)) for name, preset in found]
    yield from table(("strategy", ""), rows)


def error_tree() -> Iterator[str]:
    text = inspect.getdoc(exceptions) or ""
    tree = text.split("\n\n")[1]
    yield "```"
    yield from (line.removeprefix("    ") for line in tree.splitlines())
    yield "```"


def _classes(found: Iterable[type]) -> Iterator[str]:
    for one in found:
        yield from _section(f"{one.__name__}{_fields(one)}", one)


def _section(title: str, of: object) -> Iterator[str]:
    yield f"### `{title}`"
    yield ""
    yield from _markdown(inspect.getdoc(of) or "")
    yield ""


def _markdown(text: str) -> Iterator[str]:
    """Its `Args:` as a list."""
    name = ""
    for line in text.splitlines():
        indented = line.startswith("    ")
        if line.endswith(":") and line[:-1] in ("Args", "Attributes"):
            continue
        if indented and not line.startswith("     ") and ": " in line:
            name, _, rest = line.strip().partition(": ")
            yield f"- `{name}`: {rest}"
        elif indented and name:
            yield f"  {line.strip()}"
        else:
            yield line


def _fields(one: type) -> str:
    if not dataclasses.is_dataclass(one):
        members = getattr(one, "__members__", None)
        return f": {', '.join(members)}" if members else ""
    return f"({', '.join(_field(field) for field in dataclasses.fields(one))})"


def _field(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"{field.name}={_value(field.default)}"
    if field.default_factory is not dataclasses.MISSING:
        return f"{field.name}={_value(field.default_factory())}"
    return field.name


def _value(value: object) -> str:
    if isinstance(value, config.Duration):
        return f"{value.seconds} s"
    if isinstance(value, config.CompletionConfig):
        same = value == config.CompletionConfig.all_successful()
        return "all_successful" if same else "CompletionConfig()"
    return getattr(value, "name", None) or repr(value)


def _parameters(function: object) -> str:
    assert callable(function)
    words: list[str] = []
    for one in inspect.signature(function).parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(one.name + ("" if one.default is one.empty else "="))
    return ", ".join(words)


def _text(of: object) -> str:
    return " ".join((inspect.getdoc(of) or "").split())

"""What handlers import, from its own texts: contexts, configurations, strategies, errors."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import perdure
from docs.tools.markdown import code, table
from perdure import (
    config,
    context,
    exceptions,
    filesystem_serdes,
    preview,
    retries,
    serdes,
    types,
    waits,
)
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
    config.BatchItemStatus, config.CompletionDecision, config.CompletionOutcome,
    config.continue_batch, config.complete_batch, config.InvokeConfig, config.CallbackConfig,
    config.WaitForCallbackConfig,
    retries.create_retry_strategy, retries.RetryStrategyConfig,
    retries.create_linear_retry_strategy, retries.LinearRetryStrategyConfig,
    config.JitterStrategy, retries.RetryDecision, retries.WithRetryConfig,
    waits.WaitForConditionConfig, waits.create_wait_strategy, waits.WaitStrategyConfig,
    waits.WaitForConditionDecision,
)  # fmt: skip
SERIALISATION = (
    serdes.SerDes, serdes.SerDesContext, serdes.ExtendedTypeSerDes, serdes.JsonSerDes,
    serdes.PassThroughSerDes, filesystem_serdes.FileSystemSerDes,
    filesystem_serdes.FileSystemSerDesConfig, filesystem_serdes.FileSystemSerDesMode,
    filesystem_serdes.FileSystemPathEncoding, preview.build_preview, preview.PreviewConfig,
    preview.PreviewMode, preview.PreviewField, preview.FieldMatchMode,
)  # fmt: skip
GIVEN = (
    types.StepContext, types.WaitForCallbackContext, types.WaitForConditionCheckContext,
    context.Callback, models.BatchResult, models.BatchItem, models.CompletionReason,
    types.DurableExecutionArn,
)  # fmt: skip
UNUSED = {
    "apply_jitter", "finalize_delay", "from_dict", "from_items", "is_primitive", "matches",
    "to_dict", "to_seconds",
}  # fmt: skip
"""Methods that no handler calls."""


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
        title = f"{function.__name__}({_parameters(function)})"
        yield from _section(title, function, _home(function))


def configurations() -> Iterator[str]:
    yield from _entries(CONFIGURATIONS)


def given() -> Iterator[str]:
    yield from _entries(GIVEN)


def serialisation() -> Iterator[str]:
    yield from _entries(SERIALISATION)


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


def errors() -> Iterator[str]:
    found = [
        one
        for name, one in vars(exceptions).items()
        if not name.startswith("_")
        and inspect.isclass(one)
        and issubclass(one, BaseException)
        and one.__module__ == exceptions.__name__
    ]
    rows = [(code(one.__name__), _text(one)) for one in (*found, models.BatchCompletionError)]
    yield from table(("error", ""), rows)


def _entries(found: Iterable[object]) -> Iterator[str]:
    for one in found:
        if inspect.isclass(one):
            yield from _section(f"{one.__name__}{_fields(one)}", one, _home(one))
            yield from _methods(one)
        else:
            assert inspect.isfunction(one)
            yield from _section(f"{one.__name__}({_parameters(one)})", one, _home(one))


def _home(one: Any) -> str:
    if one.__name__ in perdure.__all__:
        return "perdure"
    return "perdure.config" if one.__name__ in config.__all__ else str(one.__module__)


def _methods(one: type) -> Iterator[str]:
    """Those that say themselves what they do; what a dataclass holds is in its title."""
    found = [
        (name, member, getattr(one, name))
        for name, member in vars(one).items()
        if not name.startswith("_") and name not in UNUSED
        if isinstance(member, staticmethod | classmethod | property) or inspect.isfunction(member)
    ]
    rows = [(code(_call(*each)), _text(each[2])) for each in found if each[2].__doc__]
    if rows:
        yield from table(("", ""), rows)
        yield ""


def _call(name: str, member: object, found: object) -> str:
    return name if isinstance(member, property) else f"{name}({_parameters(found)})"


def _section(title: str, of: object, home: str | None = None) -> Iterator[str]:
    """`home` is the module that it is imported from."""
    yield f"### `{title}`"
    yield ""
    if home is not None:
        yield f"`from {home} import {title.split('(', maxsplit=1)[0].split(':', maxsplit=1)[0]}`"
        yield ""
    yield from _markdown(inspect.getdoc(of) or "")


def _markdown(text: str) -> Iterator[str]:
    """Its `Args:` as a list, what else is indented as code."""
    for paragraph in _paragraphs(text):
        if paragraph[0] in ("Args:", "Attributes:"):
            yield from _arguments(paragraph[1:])
        elif paragraph[0].startswith("    "):
            yield "```python"
            yield from (line.removeprefix("    ") for line in paragraph)
            yield "```"
        else:
            yield from paragraph
        yield ""


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Code with empty lines in it is one."""
    paragraph: list[str] = []
    empty = 0
    for line in text.splitlines():
        if not line:
            empty += 1
            continue
        if empty and line.startswith("    ") and paragraph[0].startswith("    "):
            paragraph += [""] * empty
        elif empty:
            yield paragraph
            paragraph = []
        paragraph.append(line)
        empty = 0
    if paragraph:
        yield paragraph


def _arguments(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("     "):
            yield f"  {line.strip()}"
        else:
            name, _, rest = line.strip().partition(": ")
            yield f"- `{name}`: {rest}"


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
    if isinstance(value, serdes.SerDes):
        return f"{type(value).__name__}()"
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

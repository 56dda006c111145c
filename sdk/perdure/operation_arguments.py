"""Operations as they are asked for: what cannot be taken is refused before anything is recorded.

`Asked` is what the handler calls the operation; the error names it, the line and the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from inspect import CO_VARARGS, signature
from typing import Any, NoReturn

from perdure.arguments import refusal
from perdure.code_place import code_place
from perdure.config import CompletionConfig
from perdure.exceptions import ValidationError

Asked = tuple[str, str | None]
"""The operation's kind, and its name."""

_MAX_WAIT_SECONDS = 31_622_400
_LOG_METHODS = ("debug", "info", "warning", "error", "exception")


def check_config(config: object, kind: type[object], asked: Asked) -> None:
    if config is not None and not isinstance(config, kind):
        name = kind.__name__
        _refuse(
            asked,
            f"takes a {name} as its config, not {_kind_of(config)}: config={name}(...), from "
            "perdure.config.",
        )


def check_condition_config(config: object, asked: Asked) -> None:
    if not hasattr(config, "wait_strategy"):
        _refuse(
            asked,
            f"needs a WaitForConditionConfig, not {_kind_of(config)}: WaitForConditionConfig("
            "wait_strategy, initial_state), from perdure.waits.",
        )


def check_callable(func: Any, given: Sequence[str], asked: Asked) -> None:
    """`given` is what the function will be called with."""
    if not callable(func):
        hint = ""
        if hasattr(func, "__await__"):
            hint = " It was called already: hand over the function itself and do not call it."
            if hasattr(func, "close"):
                func.close()  # a coroutine, of which Python would say that nobody awaits it
        _refuse(asked, f"runs a function of {_listed(given)}, not {_kind_of(func)}.{hint}")
    code = getattr(func, "__code__", None)
    if code is None or code.co_flags & CO_VARARGS:
        return
    most = code.co_argcount - hasattr(func, "__self__")
    least = most - len(func.__defaults__ or ())
    if least <= len(given) <= most and not code.co_kwonlyargcount:
        return
    problem = _problem_with(func, len(given))
    if problem:
        _refuse(
            asked,
            f"runs a function of {_listed(given)}, and {func.__qualname__} cannot be called so: "
            f"{problem}. Wrap it in one that can.",
        )


def _problem_with(func: Callable[..., Any], count: int) -> str | None:
    try:
        signature(func, follow_wrapped=False).bind(*[None] * count)
    except TypeError as error:
        return str(error)
    except ValueError:
        return None
    return None


def check_function_name(function_name: object, asked: Asked) -> None:
    if not isinstance(function_name, str) or not function_name.strip():
        _refuse(
            asked,
            "takes the name or ARN of a function, with its version or alias if that is durable, "
            f"as in 'order:live', not {function_name!r}.",
        )


def check_items(inputs: Any, asked: Asked) -> None:
    if isinstance(inputs, Mapping) or not (
        hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__")
    ):
        _refuse(
            asked,
            f"takes a sequence, such as a list, and {_kind_of(inputs)} is none. Make a list of it "
            "whose order is the same on every replay.",
        )


def branches_of(functions: Any, asked: Asked) -> list[Callable[..., Any]]:
    if isinstance(functions, Set | Mapping) or not hasattr(functions, "__iter__"):
        _refuse(asked, f"takes a list of functions, not {_kind_of(functions)}.")
    branches = list(functions)
    for function in branches:
        check_callable(function, ("a context",), asked)
    return branches


def check_total(completion: CompletionConfig, total: int, asked: Asked) -> None:
    """Refuses what so many branches can never fulfil."""
    least = completion.min_successful
    if least is not None and least > total:
        _refuse(
            asked,
            f"can never be complete: min_successful is {least}, but there are only {total} "
            "branches.",
        )


def check_logger(logger: object) -> None:
    missing = [name for name in _LOG_METHODS if not hasattr(logger, name)]
    if missing:
        raise refusal(
            f"set_logger takes a logging.Logger, or an object with its methods; {_kind_of(logger)} "
            f"has no {', '.join(missing)}."
        )


def wait_seconds(duration: Any, asked: Asked) -> int:
    if not hasattr(duration, "to_seconds"):
        _refuse(asked, f"takes a Duration, such as Duration.from_seconds(5), not {duration!r}.")
    seconds: int = duration.to_seconds()
    if not 1 <= seconds <= _MAX_WAIT_SECONDS:
        _refuse(
            asked,
            f"takes from 1 second to {_MAX_WAIT_SECONDS:,} (366 days), not {seconds}. Leave a "
            "shorter one out, and do a longer one in parts.",
        )
    return seconds


def _refuse(asked: Asked, problem: str) -> NoReturn:
    kind, name = asked
    shown = f"{kind} {name!r}" if isinstance(name, str) and name else f"{kind} without a name"
    raise ValidationError(f"{shown}, at {code_place()}, {problem}")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _kind_of(value: object) -> str:
    return type(value).__qualname__

"""What configurations refuse: each check raises ValidationError with the remedy and the line."""

from __future__ import annotations

from enum import Enum
from typing import Any

from perdure.code_place import code_place
from perdure.exceptions import ValidationError


def refusal(text: str) -> ValidationError:
    return ValidationError(f"{text} (at {code_place()})")


def check_duration(what: str, span: object) -> None:
    if hasattr(span, "to_seconds"):
        return
    hint = ""
    if hasattr(span, "total_seconds"):
        hint = ": Duration.from_seconds(span.total_seconds()) makes one of a timedelta"
    raise refusal(f"{what} is a Duration, such as Duration.from_seconds(5), not {span!r}{hint}.")


def check_number(what: str, value: Any, least: float, most: float | None = None) -> None:
    """From `least` to `most`; None passes."""
    if value is None:
        return
    wanted = f"{least} or more" if most is None else f"from {least} to {most}"
    if not isinstance(value, int | float):
        raise refusal(f"{what} is a number, {wanted}, not {value!r}.")
    if not (value >= least and (most is None or value <= most)):
        raise refusal(f"{what} must be {wanted}, not {value}.")


def check_choice(what: str, value: object, kind: type[Enum]) -> None:
    if not isinstance(value, kind):
        names = " or ".join(f"{kind.__name__}.{name}" for name in kind.__members__)
        raise refusal(f"{what} is {names}, not {value!r}.")


def check_function(what: str, value: object, wanted: str) -> None:
    """None passes."""
    if value is not None and not callable(value):
        raise refusal(f"{what} is {wanted}, not {type(value).__qualname__}.")


def check_strategy(strategy: object) -> None:
    """None passes."""
    check_function(
        "retry_strategy",
        strategy,
        "a function of an error and the attempts so far, as RetryPresets and "
        "create_retry_strategy(...) make one",
    )


def check_serdes(what: str, serdes: object) -> None:
    """None passes."""
    if serdes is None:
        return
    if isinstance(serdes, type):
        raise refusal(f"{what} is an object: {serdes.__qualname__}(), with parentheses.")
    if not (hasattr(serdes, "serialize") and hasattr(serdes, "deserialize")):
        raise refusal(
            f"{what} is a SerDes, with the methods serialize and deserialize, not "
            f"{type(serdes).__qualname__}."
        )

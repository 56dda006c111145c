"""Whether a function is asynchronous, seen through partials, decorators and branches."""

from __future__ import annotations

import functools
from inspect import CO_COROUTINE
from typing import Any

MARK = "_perdure_is_async"
"""Set by the decorators of this package on the functions that they make."""


def is_async(func: Any) -> bool:
    """Whether calling it gives something to await."""
    while True:
        marked = getattr(func, MARK, None)
        if marked is not None:
            return bool(marked)
        code = getattr(func, "__code__", None)
        if code is not None:
            return bool(code.co_flags & CO_COROUTINE)
        if isinstance(func, functools.partial) or hasattr(func, "func"):
            func = func.func
        elif hasattr(func, "__func__"):
            func = func.__func__
        else:
            # An instance of a class with a method __call__, or something in C.
            code = getattr(getattr(type(func), "__call__", None), "__code__", None)  # noqa: B004
            return bool(getattr(code, "co_flags", 0) & CO_COROUTINE)

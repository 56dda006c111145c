"""The methods of the client and its errors, from their own texts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from docs.tools.markdown import code, table
from perdure.client import Client, errors

GROUPS = ("", "callbacks", "functions", "aliases", "test_events", "logs")


def methods() -> Iterator[str]:
    with Client(environment={}) as client:
        rows = [
            (code(f"{group}{'.' if group else ''}{name}({_parameters(method)})"), _first(method))
            for group in GROUPS
            for name, method in _public(getattr(client, group) if group else client)
        ]
    yield from table(("method", ""), rows)


def error_tree() -> Iterator[str]:
    text = inspect.getdoc(errors) or ""
    yield "```"
    yield from (line.removeprefix("    ") for line in text.splitlines()[2:])
    yield "```"


def _public(of: object) -> Iterator[tuple[str, object]]:
    """In the order of the source."""
    for name in type(of).__dict__:
        if not name.startswith("_") and inspect.isfunction(type(of).__dict__[name]):
            yield name, getattr(of, name)


def _parameters(method: object) -> str:
    assert callable(method)
    parameters = inspect.signature(method).parameters.values()
    words: list[str] = []
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        star = "*" if one.kind is one.VAR_POSITIONAL else ""
        words.append(f"{star}{one.name}" + ("" if one.default is one.empty else "="))
    return ", ".join(words)


def _first(method: object) -> str:
    """The first sentence of its text."""
    text = " ".join((inspect.getdoc(method) or "").split())
    return re.split(r"(?<=[.;])\s", text, maxsplit=1)[0].rstrip(".;").replace("|", "\\|")

"""The handler of a Python file, found in its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from perdure.worker.handler_error import HandlerSpecError

DEFAULT_ATTRIBUTES = ("lambda_handler", "handler")


def python_handler(wanted: str | None, file: Path) -> str:
    """The attribute to run. Raises HandlerSpecError if the file has no such thing.

    The file is read, never imported: a mistake in it shows where its traceback belongs, in the
    function's own log.
    """
    if wanted is not None and not wanted.isidentifier():
        raise HandlerSpecError(
            f"{wanted!r} is not the name of a Python function: write path.py:attribute"
        )
    try:
        module = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file}, line {line}" if line else str(file)
        raise HandlerSpecError(f"{where} is not Python: {error.args[0]}") from error
    except OSError as error:
        raise HandlerSpecError(f"{file} cannot be read: {error.strerror}") from error
    defined = list(_defined_names(module.body))
    # What a star import brings is known only to the interpreter.
    open_ended = "*" in defined
    if wanted is not None:
        if wanted in defined or open_ended:
            return wanted
        raise HandlerSpecError(f"{file} defines no {wanted!r}. {_what_there_is(defined)}")
    for attribute in DEFAULT_ATTRIBUTES:
        if attribute in defined:
            return attribute
    raise HandlerSpecError(
        f"{file} defines neither 'lambda_handler' nor 'handler'; name the one to run: "
        f"{file.name}:ATTRIBUTE. {_what_there_is(defined)}"
    )


def _what_there_is(defined: Sequence[str]) -> str:
    public = sorted({name for name in defined if not name.startswith("_") and name != "*"})
    if not public:
        return "It defines nothing that could be one."
    return f"It defines {', '.join(public[:12])}{', ...' if len(public) > 12 else ''}."


def _defined_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Names bound at the top level of a module, inside its `if`, `try` and `with` too."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    yield alias.asname or alias.name.partition(".")[0]
            case ast.Assign(targets=targets):
                for target in targets:
                    yield from _assigned_names(target)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If(body=inner, orelse=otherwise):
                yield from _defined_names(inner)
                yield from _defined_names(otherwise)
            case ast.Try():
                yield from _defined_names(statement.body)
                for handler in statement.handlers:
                    yield from _defined_names(handler.body)
                yield from _defined_names(statement.orelse)
                yield from _defined_names(statement.finalbody)
            case ast.With(body=inner):
                yield from _defined_names(inner)
            case _:
                pass


def _assigned_names(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _assigned_names(element)
        case _:
            pass

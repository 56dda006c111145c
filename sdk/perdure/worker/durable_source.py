"""Whether a handler is a durable function on Perdure's own SDK, told from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_PACKAGE: Final = "perdure"
_DECORATOR: Final = "durable_execution"
_MOST_FILES: Final = 8
"""How far a name is followed through `from ... import ...`."""


def is_durable_here(file: Path, attribute: str) -> bool:
    """Whether `attribute` of `file` is decorated with perdure's durable_execution, as far as the
    syntax tells. The file is read, never imported; imports of files beside it are followed."""
    for _ in range(_MOST_FILES):
        module = _parsed(file)
        if module is None:
            return False
        found = _look(module, attribute)
        if not isinstance(found, _Imported):
            return found
        file, attribute = file.parent / found.path, found.name
    return False


class _Imported:
    """It is defined in another file, under that name."""

    def __init__(self, module: str, name: str) -> None:
        self.path = Path(*module.split(".")).with_suffix(".py")
        self.name = name


def _look(module: ast.Module, attribute: str) -> bool | _Imported:
    imports = dict(_imports(module.body))
    for _ in range(_MOST_FILES):
        bound = _binding(module.body, attribute)
        match bound:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                # Under another decorator it is what that makes of it: an ordinary function.
                return any(_is_ours(one, imports) for one in bound.decorator_list[:1])
            case ast.ImportFrom(module=str(source), level=0 | 1):
                return _Imported(source, imports[attribute].rpartition(".")[2])
            case ast.Assign(value=ast.Name(id=other)):
                attribute = other  # another name of it
            case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
                return _is_ours(call, imports)
            case _:
                return False
    return False


def _is_ours(decorator: ast.expr, imports: Mapping[str, str]) -> bool:
    """`durable_execution`, `perdure.durable_execution`, and what calling them gives."""
    while isinstance(decorator, ast.Call):
        decorator = decorator.func
    dotted = _dotted(decorator)
    if dotted is None:
        return False
    first, _, rest = dotted.partition(".")
    full = ".".join(filter(None, (imports.get(first, first), rest)))
    return full.startswith(f"{_PACKAGE}.") and full.endswith(f".{_DECORATOR}")


def _dotted(expression: ast.expr) -> str | None:
    match expression:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = _dotted(value)
            return None if before is None else f"{before}.{name}"
        case _:
            return None


def _binding(body: Sequence[ast.stmt], name: str) -> ast.stmt | None:
    """The last statement that gives `name` its value."""
    found: ast.stmt | None = None
    for statement in _flat(body):
        match statement:
            case ast.FunctionDef(name=bound) | ast.AsyncFunctionDef(name=bound) if bound == name:
                found = statement
            case ast.ImportFrom(names=names):
                if any((alias.asname or alias.name) == name for alias in names):
                    found = statement
            case ast.Assign(targets=targets):
                if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                    found = statement
            case ast.AnnAssign(target=ast.Name(id=bound)) if bound == name:
                found = statement
            case _:
                pass
    return found


def _imports(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    """What imported names stand for, dotted."""
    for statement in _flat(body):
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.partition(".")[0]
                    yield (alias.asname, alias.name) if alias.asname else (first, first)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    name = _DECORATOR if alias.name == "*" else alias.name
                    yield alias.asname or name, f"{module}.{name}"
            case _:
                pass


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those inside its `if`, `try` and `with` too."""
    for statement in body:
        yield statement
        match statement:
            case ast.If():
                yield from _flat([*statement.body, *statement.orelse])
            case ast.Try():
                yield from _flat(statement.body)
                for handler in statement.handlers:
                    yield from _flat(handler.body)
                yield from _flat([*statement.orelse, *statement.finalbody])
            case ast.With():
                yield from _flat(statement.body)
            case _:
                pass


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except (OSError, SyntaxError, ValueError):
        return None

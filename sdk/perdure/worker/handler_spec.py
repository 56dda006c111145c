"""`[name=]path.py[:attribute]`: how a handler is named everywhere on the command line.

The file is read, never imported: a mistake in it shows where its traceback belongs, in the
function's own log.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_ATTRIBUTES = ("lambda_handler", "handler")
STEMS_NAMED_AFTER_THEIR_FOLDER = frozenset({"lambda_function", "index", "app", "main", "handler"})
FUNCTION_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


class HandlerSpecError(ValueError):
    """A handler cannot be served as named; the text says what to change."""


@dataclass(frozen=True, slots=True)
class HandlerSpec:
    """A function's name and the place of its handler. `file` is absolute."""

    name: str
    file: Path
    attribute: str

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def handler(self) -> str:
        """As Lambda writes it: `module.attribute`, from within `folder`."""
        return f"{self.file.stem}.{self.attribute}"


def parse_handler_specs(texts: Iterable[str]) -> tuple[HandlerSpec, ...]:
    """All handlers of one command line. Raises HandlerSpecError, also for a name given twice."""
    specs: dict[str, HandlerSpec] = {}
    for text in texts:
        spec = parse_handler_spec(text)
        if spec.name in specs:
            raise HandlerSpecError(
                f"Two functions would be called {spec.name!r}: {specs[spec.name].file} and "
                f"{spec.file}. Name one of them: NAME={text}"
            )
        specs[spec.name] = spec
    return tuple(specs.values())


def parse_handler_spec(text: str) -> HandlerSpec:
    """One handler. Raises HandlerSpecError if the file, the attribute or the name won't do."""
    name, location = _split_name(text)
    path, attribute = _split_attribute(location)
    file = _existing_file(path)
    return HandlerSpec(
        name=_function_name(name, file, text),
        file=file,
        attribute=_attribute(attribute, file),
    )


def _split_name(text: str) -> tuple[str | None, str]:
    name, equals, location = text.partition("=")
    # An equals sign behind a slash belongs to the path: ./run=1/app.py
    if not equals or "/" in name:
        return None, text
    return name, location


def _split_attribute(location: str) -> tuple[str, str | None]:
    path, colon, attribute = location.rpartition(":")
    if not colon or not path.endswith(".py"):
        return location, None
    if not attribute.isidentifier():
        raise HandlerSpecError(
            f"{attribute!r} in {location!r} is not the name of a Python function: "
            "write path.py:attribute"
        )
    return path, attribute


def _existing_file(path: str) -> Path:
    file = Path(path).expanduser()
    if file.suffix != ".py":
        raise HandlerSpecError(f"{path!r} is not a Python file: write [name=]path.py[:attribute]")
    if not file.is_file():
        raise HandlerSpecError(f"There is no file {str(file)!r} (looked from {Path.cwd()})")
    if "." in file.stem:
        raise HandlerSpecError(
            f"{file.name!r} cannot be imported because of the dot in its name: rename the file"
        )
    return file.resolve()


def _function_name(name: str | None, file: Path, text: str) -> str:
    if name is None:
        by_folder = file.stem in STEMS_NAMED_AFTER_THEIR_FOLDER
        name = file.parent.name if by_folder else file.stem
        advice = f"Name it yourself: NAME={text}"
    else:
        advice = "Choose another."
    if not FUNCTION_NAME.fullmatch(name):
        raise HandlerSpecError(
            f"{name!r} cannot be a function's name: 1 to 64 letters, digits, '-' and '_'. {advice}"
        )
    return name


def _attribute(wanted: str | None, file: Path) -> str:
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

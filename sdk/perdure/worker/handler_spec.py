"""`[name=]path[:attribute]`: how a handler is named everywhere on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from perdure.worker.handler_error import HandlerSpecError
from perdure.worker.node_handler import node_handler
from perdure.worker.python_handler import python_handler

STEMS_NAMED_AFTER_THEIR_FOLDER = frozenset({"lambda_function", "index", "app", "main", "handler"})
FUNCTION_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


class Language(StrEnum):
    PYTHON = "Python"
    NODE = "Node.js"


LANGUAGES: Final[Mapping[str, Language]] = {
    ".py": Language.PYTHON,
    ".mjs": Language.NODE,
    ".js": Language.NODE,
    ".cjs": Language.NODE,
}
"""By a file's suffix."""

_ATTRIBUTES: Final[Mapping[Language, Callable[[str | None, Path], str]]] = {
    Language.PYTHON: python_handler,
    Language.NODE: node_handler,
}


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
    def language(self) -> Language:
        return LANGUAGES[self.file.suffix]

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
        attribute=_ATTRIBUTES[LANGUAGES[file.suffix]](attribute, file),
    )


def _split_name(text: str) -> tuple[str | None, str]:
    name, equals, location = text.partition("=")
    # An equals sign behind a slash belongs to the path: ./run=1/app.py
    if not equals or "/" in name:
        return None, text
    return name, location


def _split_attribute(location: str) -> tuple[str, str | None]:
    path, colon, attribute = location.rpartition(":")
    if not colon or Path(path).suffix not in LANGUAGES:
        return location, None
    return path, attribute


def _existing_file(path: str) -> Path:
    file = Path(path).expanduser()
    if file.suffix not in LANGUAGES:
        raise HandlerSpecError(
            f"{path!r} is not a Python or JavaScript file ({', '.join(LANGUAGES)}): "
            "write [name=]path[:attribute]"
        )
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

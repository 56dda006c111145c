"""What a folder tells of itself: its name, its language, its handler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.cli.deploy.refusal import CannotDeploy
from perdure.worker.handler_error import HandlerSpecError
from perdure.worker.handler_spec import FUNCTION_NAME, LANGUAGES, Language, parse_handler_spec

_USUAL: Final = ("lambda_function", "app", "main", "handler", "index")
_SUFFIXES: Final = tuple(LANGUAGES)
BOOTSTRAP: Final = "bootstrap"
PROVIDED: Final = "provided.al2023"
_NEWEST_AT_AWS: Final = {Language.PYTHON: "python3.13", Language.NODE: "nodejs24.x"}
_OLDEST_NODE: Final = 22
"""The first that AWS's runtime client runs on."""

_PREFIXES: Final = {Language.PYTHON: "python", Language.NODE: "nodejs"}


def function_name(folder: Path) -> str:
    """The folder's own name. Raises CannotDeploy if that cannot be a function's."""
    name = folder.resolve().name
    if FUNCTION_NAME.fullmatch(name) is None:
        raise CannotDeploy(f"{name!r} cannot be a function's name: give one with --name.")
    return name


def find_handler(folder: Path) -> tuple[str, Language | None]:
    """As Lambda writes it, and the language, None for a program of its own. Raises CannotDeploy if
    the folder leaves it open."""
    if os.access(folder / BOOTSTRAP, os.X_OK) and (folder / BOOTSTRAP).is_file():
        return BOOTSTRAP, None
    usual = [folder / f"{stem}{suffix}" for stem in _USUAL for suffix in _SUFFIXES]
    found = [file for file in usual if file.is_file()] or _only_file(folder)
    if not found:
        raise CannotDeploy(
            f"Which file of {folder} has the handler? Name it: --handler MODULE.FUNCTION, as "
            "app.handler."
        )
    try:
        spec = parse_handler_spec(f"function={found[0]}")
    except HandlerSpecError as error:
        raise CannotDeploy(f"{error} Name another: --handler MODULE.FUNCTION.") from error
    return spec.handler, spec.language


def check_handler(folder: Path, handler: str) -> Language | None:
    """The language of the file that a handler names; None for a program of its own. Raises
    CannotDeploy if there is no such file or function."""
    module, _, attribute = handler.rpartition(".")
    if (folder / BOOTSTRAP).is_file():
        return None
    for suffix in _SUFFIXES:
        file = folder / f"{module}{suffix}"
        if not module or not file.is_file():
            continue
        if "/" in module:  # its module is checked by the runtime
            return LANGUAGES[suffix]
        try:
            return parse_handler_spec(f"function={file}:{attribute}").language
        except HandlerSpecError as error:
            raise CannotDeploy(str(error)) from error
    dotted = folder.joinpath(*module.split(".")).with_suffix(".py")
    if module and dotted.is_file():
        return Language.PYTHON
    raise CannotDeploy(
        f"The handler {handler!r} is not in {folder}: it names a file without its suffix, a dot, "
        "and a function in it."
    )


def choose_runtime(language: Language | None, offered: Sequence[str] | None) -> str:
    """Of the language: what this machine has if workers offer it, else the newest that they do.
    `offered` is None at AWS."""
    if language is None:
        return PROVIDED
    local = _local_runtime(language)
    if offered is None:
        return _NEWEST_AT_AWS[language]
    fitting = [name for name in offered if name.startswith(_PREFIXES[language])]
    if not fitting or local in fitting:
        return local
    return max(fitting, key=_version)


def _version(runtime: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", runtime)))


def _local_runtime(language: Language) -> str:
    if language is Language.PYTHON:
        return f"python{sys.version_info.major}.{sys.version_info.minor}"
    node = shutil.which("node")
    if node is None:
        return _NEWEST_AT_AWS[language]
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.match(r"v(\d+)\.", told)
    if major is None or int(major[1]) < _OLDEST_NODE:
        return _NEWEST_AT_AWS[language]
    return f"nodejs{major[1]}.x"


def _only_file(folder: Path) -> list[Path]:
    files = [
        path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.name[0] not in "._"
    ]
    return files if len(files) == 1 else []

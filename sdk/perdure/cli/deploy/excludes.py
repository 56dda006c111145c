"""What stays out of a zip, in the language of .gitignore."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

IGNORE_FILE: Final = ".perdureignore"


@dataclass(frozen=True, slots=True)
class _Rule:
    expression: re.Pattern[str]
    keeps: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class Excludes:
    """The last rule that matches decides; what lies in an excluded folder is excluded with it."""

    rules: tuple[_Rule, ...] = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Excludes:
        return cls(tuple(filter(None, map(_rule, lines))))

    def excludes(self, name: str) -> bool:
        """`name` is a file's path within the folder, with slashes."""
        path = PurePosixPath(name)
        folders: Sequence[str] = [str(parent) for parent in reversed(path.parents[:-1])]
        return any(self._decides(folder, is_folder=True) for folder in folders) or (
            self._decides(name, is_folder=False)
        )

    def _decides(self, path: str, *, is_folder: bool) -> bool:
        for rule in reversed(self.rules):
            if (is_folder or not rule.folders_only) and rule.expression.fullmatch(path):
                return not rule.keeps
        return False


def _rule(line: str) -> _Rule | None:
    pattern = line.rstrip("\n").rstrip()
    if not pattern or pattern.startswith("#"):
        return None
    keeps = pattern.startswith("!")
    pattern = pattern.removeprefix("!").removeprefix("\\")
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    if not pattern:
        return None
    anchored = "/" in pattern
    expression = "".join(_parts(pattern.lstrip("/")))
    return _Rule(
        re.compile(expression if anchored else f"(?:.*/)?{expression}"), keeps, folders_only
    )


_TOKEN = re.compile(r"^\*\*/|/\*\*/|/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _parts(pattern: str) -> Iterator[str]:
    for token in _TOKEN.findall(pattern):
        match token:
            case "**/":
                yield "(?:.*/)?"
            case "/**/":
                yield "/(?:.*/)?"
            case "/**":
                yield "/.*"
            case "?":
                yield "[^/]"
            case _ if token.startswith("*"):
                yield "[^/]*"
            case _ if token.startswith("[") and len(token) > 1:
                negated = token[1] == "!"
                inner = token[1 + negated : -1].replace("\\", r"\\").replace("[", r"\[")
                yield f"[{'^' if negated else ''}{inner}]"
            case _:
                yield re.escape(token)

"""Previews: a few fields of a value that is kept elsewhere, small enough to stand in a history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FieldPath = tuple[str, ...]


class PreviewMode(StrEnum):
    """Which fields a preview has, before its lists are looked at."""

    INCLUDE_ALL = "INCLUDE_ALL"
    EXCLUDE_ALL = "EXCLUDE_ALL"


class FieldMatchMode(StrEnum):
    """Whether a name is looked for at any depth, or is the whole path from the root, with dots."""

    ANYWHERE = "ANYWHERE"
    PATH = "PATH"


@dataclass(frozen=True, slots=True)
class PreviewField:
    """A field of a preview's lists."""

    name: str
    match: FieldMatchMode = FieldMatchMode.ANYWHERE

    def matches(self, path: FieldPath) -> bool:
        if self.match is FieldMatchMode.PATH:
            return ".".join(path) == self.name
        return self.name in path


@dataclass(frozen=True, slots=True)
class PreviewConfig:
    """What a preview shows.

        PreviewConfig(PreviewMode.EXCLUDE_ALL, include=[PreviewField("order_id")])

    Args:
        mode: Whether it shows what no list names.
        include: Fields to show.
        exclude: Fields to leave out, whatever else names them.
        mask: Fields to show as `mask_string`.
        mask_string: What stands for a masked value.
        max_preview_bytes: The preview ends before the field that would make it longer.
    """

    mode: PreviewMode
    include: list[PreviewField] = field(default_factory=list)
    exclude: list[PreviewField] = field(default_factory=list)
    mask: list[PreviewField] = field(default_factory=list)
    mask_string: str = "***"
    max_preview_bytes: int = 4096


def build_preview(value: Any, config: PreviewConfig) -> dict[str, Any] | None:
    """The fields of a dict that `config` shows, nested as they were; None if there are none.

    What lies in lists is shown as if the list's items were one dict, the last of equal names.
    Keys with dots are left out. What JSON has no form for is shown as its `str`.
    """
    if not isinstance(value, dict):
        return None
    preview: dict[str, Any] = {}
    room = config.max_preview_bytes - len("{}")
    for path, shown in _shown(value, (), config):
        room -= len(f'"{".".join(path)}":{json.dumps(shown)},'.encode())
        if room < 0:
            break
        _put(preview, path, shown)
    return preview or None


def _shown(value: Any, at: FieldPath, config: PreviewConfig) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _shown(item, at, config)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if "." in str(key):
            continue
        path = (*at, str(key))
        if _is_in(config.exclude, path):
            continue
        if _is_in(config.mask, path):
            yield path, config.mask_string
        elif isinstance(inner, dict | list):
            yield from _shown(inner, path, config)
        elif config.mode is PreviewMode.INCLUDE_ALL or _is_in(config.include, path):
            plain = inner is None or isinstance(inner, str | int | float | bool)
            yield path, inner if plain else str(inner)


def _is_in(fields: list[PreviewField], path: FieldPath) -> bool:
    return any(one.matches(path) for one in fields)


def _put(preview: dict[str, Any], path: FieldPath, value: Any) -> None:
    for key in path[:-1]:
        inner = preview.get(key)
        if not isinstance(inner, dict):
            inner = preview[key] = {}
        preview = inner
    preview[path[-1]] = value

"""What is to be there when a deployment has succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perdure.client import FunctionSettings


@dataclass(frozen=True, slots=True)
class Target:
    """One function. What is None stays as it is, or as it is for a new function. `durable` says
    whether a new one is. Variables in `settings` are all that there shall be; `added` and
    `removed` ones change what there is."""

    name: str
    settings: FunctionSettings
    folder: Path | None = None
    image: str | None = None
    durable: bool = True
    added: Mapping[str, str] = field(default_factory=dict, repr=False)
    removed: tuple[str, ...] = ()
    publish: bool = False
    alias: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    version_description: str | None = None

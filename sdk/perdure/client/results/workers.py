"""Perdure's workers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.client.results.wire import iso_moment

_NAMED_VERSION = re.compile(r"(?:python|nodejs)(?P<version>\d+(?:\.\d+)*)(?:\.x)?")
_TOLD_VERSION = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Pool:
    """A runtime with which a worker runs deployed functions. `interpreter` is a text for people."""

    runtime: str
    interpreter: str

    @property
    def differs(self) -> bool:
        """Whether the interpreter is of another version than the runtime's name says."""
        named = _NAMED_VERSION.fullmatch(self.runtime)
        told = _TOLD_VERSION.search(self.interpreter)
        if named is None or told is None:
            return False
        return not f"{told[0]}.".startswith(f"{named['version']}.")


@dataclass(frozen=True, slots=True)
class Worker:
    """`functions` are those that it serves by name, from a folder of its own."""

    id: str
    host: str
    pid: int
    registered_at: datetime
    seen_at: datetime
    functions: tuple[str, ...]
    pools: tuple[Pool, ...]
    running: int


def worker(shape: Mapping[str, Any]) -> Worker:
    return Worker(
        id=shape["id"],
        host=shape["host"],
        pid=shape["pid"],
        registered_at=iso_moment(shape["registered_at"]),
        seen_at=iso_moment(shape["seen_at"]),
        functions=tuple(shape["functions"]),
        pools=tuple(Pool(pool["runtime"], pool["interpreter"]) for pool in shape["pools"]),
        running=shape["running"],
    )

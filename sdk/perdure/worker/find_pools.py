"""`RUNTIME[=PATH]`: how pools are named on the command line, and what runs their functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from perdure.worker.bootstrap_runtime import BootstrapRuntime
from perdure.worker.node_runtime import NodeRuntimeMissing, find_node_runtime
from perdure.worker.pool import Pool
from perdure.worker.python_runtime import PythonRuntimeMissing, find_python_runtime, python_runtime

PROVIDED: Final = ("provided", "provided.al2", "provided.al2023")
"""The oldest first."""

_PYTHON = re.compile(r"python3\.\d{1,2}")
_NODE = re.compile(r"nodejs(\d{1,3})\.x")
_OTHER = re.compile(r"(?:java|dotnet|ruby|go)\d[a-z0-9.]{0,20}")


class PoolUnavailable(Exception):
    """A pool cannot be offered here; the text says what to write or install."""


def find_pools(
    texts: Iterable[str], *, path: str | None, node_runtime: Path | None
) -> tuple[Pool, ...]:
    """The pools of one command line, each text with commas between them. Blocking.

    `path` is the user's PATH, `node_runtime` the folder where npm installed AWS's client. Raises
    PoolUnavailable, also for a runtime that is named twice.
    """
    pools: dict[str, Pool] = {}
    for text in (part.strip() for whole in texts for part in whole.split(",")):
        name, _, place = text.partition("=")
        if name in pools:
            raise PoolUnavailable(f"{name} is given twice")
        named = Path(place).expanduser().absolute() if place else None
        try:
            pools[name] = _pool(name, named, path, node_runtime)
        except (PythonRuntimeMissing, NodeRuntimeMissing) as error:
            raise PoolUnavailable(f"{text}: {error}") from error
    return tuple(pools.values())


def _pool(name: str, named: Path | None, path: str | None, node_runtime: Path | None) -> Pool:
    if _PYTHON.fullmatch(name):
        return _python_pool(name, named, path)
    if node := _NODE.fullmatch(name):
        return _node_pool(name, int(node[1]), named, path, node_runtime)
    if name in PROVIDED:
        if named is not None:
            raise PoolUnavailable(f"{name} functions bring their own bootstrap: leave {named} out")
        return Pool(BootstrapRuntime(name), "the function's bootstrap")
    if _OTHER.fullmatch(name):
        if named is None:
            raise PoolUnavailable(
                f"{name} needs a program that speaks Lambda's Runtime API and runs the functions: "
                f"{name}=/path/to/bootstrap"
            )
        if not named.is_file():
            raise PoolUnavailable(f"{name}: there is no file {named}")
        return Pool(BootstrapRuntime(name, named), str(named))
    raise PoolUnavailable(
        f"{name!r} is no runtime of Lambda's: write python3.13, nodejs24.x, "
        f"{', '.join(PROVIDED)}, or such as java21=/path/to/bootstrap"
    )


def _python_pool(name: str, named: Path | None, path: str | None) -> Pool:
    if named is None:
        found = find_python_runtime(name, path)
        return Pool(found, found.version)
    own = python_runtime(named)
    return Pool(replace(own, name=name), _stand_in(own.version, own.name == name, named))


def _node_pool(
    name: str, major: int, named: Path | None, path: str | None, node_runtime: Path | None
) -> Pool:
    here = Path.cwd()
    if named is None:
        found = find_node_runtime(here, node_runtime, path, major=major)
        return Pool(found, found.version)
    if named.is_dir():
        found = find_node_runtime(here, named, path)
    else:
        found = find_node_runtime(here, node_runtime, path, program=named)
    return Pool(replace(found, name=name), _stand_in(found.version, found.name == name, named))


def _stand_in(version: str, is_real: bool, place: Path) -> str:
    return version if is_real else f"{version}, which stands in for it ({place})"

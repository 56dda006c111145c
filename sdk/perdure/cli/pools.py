"""What `perdure worker --pool` asks for: runtimes, and how their functions are held."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.extras import is_installed
from perdure.worker.bound import BOOT
from perdure.worker.confinement import (
    Confinements,
    Isolation,
    IsolationUnavailable,
    find_confinements,
)
from perdure.worker.find_pools import PROVIDED, PoolUnavailable, find_pools
from perdure.worker.node_runtime import NodeRuntimeMissing, find_node_runtime
from perdure.worker.pool import Pool
from perdure.worker.python_runtime import PythonRuntime

DEFAULT_USERS: Final = "200000-265535"
_RANGE = re.compile(r"(\d{1,10})-(\d{1,10})")
_LARGEST_USER = 2**32 - 2

PoolNames = Annotated[
    list[str],
    typer.Option(
        metavar="RUNTIME[=PATH]",
        help="Run any deployed function of this runtime; several with commas, or repeat it.",
    ),
]
MaxChildren = Annotated[
    int, typer.Option(min=1, max=10_000, help="Most processes of deployed functions in all.")
]
IdleSeconds = Annotated[
    float, typer.Option(min=0, help="Seconds after which a version's process without work ends.")
]
IsolationKind = Annotated[
    Isolation, typer.Option(help="How deployed functions are kept apart from each other.")
]
Users = Annotated[
    str, typer.Option(metavar="FIRST-LAST", help="User ids for deployed functions, one for each.")
]
PassEnv = Annotated[
    list[str],
    typer.Option(metavar="NAME", help="Let deployed functions see this variable of the worker's."),
]


def found_pools(texts: Sequence[str], node_runtime: Path | None) -> tuple[Pool, ...]:
    """Raises typer.BadParameter, whose text says what to write or install."""
    named = None if node_runtime is None else node_runtime.expanduser().absolute()
    try:
        return find_pools(texts, path=os.environ.get("PATH"), node_runtime=named)
    except PoolUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--pool") from error


def pools_at_hand(node_runtime: Path | None) -> tuple[Pool, ...]:
    """What is here anyway: this Python, Node.js if it was installed, and functions that bring all
    they need."""
    if not is_installed("lambda"):
        return ()
    names = [PythonRuntime().name, PROVIDED[-1]]
    with suppress(NodeRuntimeMissing):
        names.append(find_node_runtime(Path.cwd(), node_runtime, os.environ.get("PATH")).name)
    return found_pools(names, node_runtime)


def confinements(
    isolation: Isolation, users: str, pools: Sequence[Pool], cache: Path
) -> Confinements:
    """Raises typer.BadParameter."""
    try:
        return find_confinements(isolation, _range(users), [*_programs(pools)], cache / "code")
    except IsolationUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--isolation") from error


def _range(text: str) -> range:
    ends = _RANGE.fullmatch(text)
    if ends is None or not 0 < int(ends[1]) <= int(ends[2]) <= _LARGEST_USER:
        raise typer.BadParameter(
            f"{text!r} is no range of user ids such as {DEFAULT_USERS}", param_hint="--users"
        )
    return range(int(ends[1]), int(ends[2]) + 1)


def _programs(pools: Sequence[Pool]) -> Iterator[Path]:
    """What each of them runs."""
    yield BOOT
    for pool in pools:
        yield from pool.runtime.programs

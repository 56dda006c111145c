"""Engines that are a library: the process that starts workflows is the worker that runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peer import Peer
from benchmarks.peers.environment import Environment
from benchmarks.stack import empty_database
from benchmarks.workloads import Contest


class _Library:
    def __init__(self, module: str, url: str, python: str, others: Mapping[str, int]) -> None:
        self._start = partial(Peer, module, url, python=python)
        self._others = others
        self._worker = self._start().__enter__()

    @property
    def processes(self) -> Mapping[str, int]:
        return {**self._others, "worker": self._worker.pid}

    def ask(self, command: str, *, timeout_seconds: float = 300, **arguments: Any) -> Any:
        return self._worker.ask(command, timeout_seconds=timeout_seconds, **arguments)

    def kill_worker(self) -> None:
        self._worker.__exit__(None, None, None)

    def start_worker(self) -> None:
        self._worker = self._start()


@contextmanager
def on_postgres(environment: Environment, module: str, folder: Path) -> Iterator[Contest]:
    """`python -m MODULE DATABASE_URL` on an empty database of the embedded Postgres."""
    with empty_database(folder) as (postgres, url):
        library = _Library(module, url, environment.python, {"postgres": postgres.pid})
        try:
            yield library
        finally:
            library.kill_worker()


@contextmanager
def in_memory(environment: Environment, module: str, folder: Path) -> Iterator[Contest]:
    library = _Library(module, "memory", environment.python, {})
    try:
        yield library
    finally:
        library.kill_worker()

"""Edited code: which changes count, and when they happen."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.worker.code import CodeFolder

if TYPE_CHECKING:
    from watchfiles import Change

CODE_SUFFIXES = frozenset(
    {".py", ".pyi", ".so"}
    | {".js", ".mjs", ".cjs", ".node", ".wasm"}
    | {".json", ".yaml", ".yml", ".toml", ".ini", ".cfg"}
)
"""Code, and what is usually read once at import. Other files may well be written by the handler."""

_QUIET_MILLISECONDS = 100
_LONGEST_WAIT_MILLISECONDS = 1600
_LOOK_SECONDS = 0.5


async def edits(folder: CodeFolder) -> AsyncIterator[frozenset[Path]]:
    """Changed files of a function's folder, each time it has been quiet for a moment.

    The first set is empty: the watch has begun, and what changed before goes unsaid. So is the
    first after the folder was made anew, or another one was put in its place. Raises OSError if
    the system cannot watch the folder (too many folders in it, mostly), or nothing that can watch
    is installed.
    """
    while True:
        changes = _watch(folder)
        first = asyncio.ensure_future(anext(changes))
        try:
            await asyncio.sleep(0)  # its first step is to watch
            yield frozenset()
            files = _paths(await first)
            while folder.path not in files:
                yield files
                files = _paths(await anext(changes))
            await changes.aclose()
        except FileNotFoundError:  # it, or something in it, went before it was watched
            await asyncio.sleep(_LOOK_SECONDS)
        finally:
            first.cancel()
        while not folder.path.is_dir():  # noqa: ASYNC110  the system does not tell
            await asyncio.sleep(_LOOK_SECONDS)


def _watch(folder: CodeFolder) -> AsyncGenerator[set[tuple[Change, str]], None]:
    """Of the folder itself there is its end."""
    try:
        from watchfiles import Change, awatch
    except ImportError:
        raise OSError("watchfiles is not installed: pip install watchfiles") from None

    def counts(change: Change, path: str) -> bool:
        changed = Path(path)
        if changed == folder.path:
            return change is Change.deleted
        return changed.suffix in CODE_SUFFIXES and folder.holds(changed)

    return awatch(
        folder.path,
        watch_filter=counts,
        debounce=_LONGEST_WAIT_MILLISECONDS,
        step=_QUIET_MILLISECONDS,
    )


def _paths(batch: set[tuple[Change, str]]) -> frozenset[Path]:
    return frozenset(Path(path) for _, path in batch)


def forget_byte_code(changed: Iterable[Path]) -> None:
    """Remove byte code of edited modules.

    Python takes byte code for current if the source has the same size and the same whole second:
    two quick edits would go unnoticed.
    """
    for path in changed:
        if path.suffix == ".py":
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)

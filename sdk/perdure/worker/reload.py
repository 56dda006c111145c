"""Edited code: which changes count, and when they happen."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterable
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


async def edits(folder: CodeFolder) -> AsyncIterator[frozenset[Path]]:
    """Changed files of a function's folder, each time it has been quiet for a moment.

    The first set is empty: the watch has begun, and what changed before goes unsaid. Raises
    OSError if the system cannot watch the folder (too many folders in it, mostly), or nothing that
    can watch is installed.
    """
    try:
        from watchfiles import awatch
    except ImportError:
        raise OSError("watchfiles is not installed: pip install watchfiles") from None

    def counts(_: Change, path: str) -> bool:
        changed = Path(path)
        return changed.suffix in CODE_SUFFIXES and folder.holds(changed)

    changes = awatch(
        folder.path,
        watch_filter=counts,
        debounce=_LONGEST_WAIT_MILLISECONDS,
        step=_QUIET_MILLISECONDS,
    )
    first = asyncio.ensure_future(anext(changes))
    try:
        await asyncio.sleep(0)  # its first step is to watch
        yield frozenset()
        yield _paths(await first)
    finally:
        first.cancel()
    async for batch in changes:
        yield _paths(batch)


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

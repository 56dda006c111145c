"""The handler of a JavaScript file, as AWS's runtime client for Node.js will look for it."""

from __future__ import annotations

import re
from pathlib import Path

from perdure.worker.handler_error import HandlerSpecError

DEFAULT_ATTRIBUTE = "handler"

_EXPORT = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", re.ASCII)
_SUFFIXES_IN_TURN = ("", ".js", ".mjs", ".cjs")
"""The client is told no suffix and takes the first of these that is there."""


def node_handler(wanted: str | None, file: Path) -> str:
    """The export to run. Raises HandlerSpecError if that can be no export, or if the runtime would
    load another file.

    Whether the file has such an export, the runtime finds out: what it lacks shows in the
    function's own log.
    """
    attribute = DEFAULT_ATTRIBUTE if wanted is None else wanted
    if not _EXPORT.fullmatch(attribute):
        raise HandlerSpecError(
            f"{attribute!r} is not the name of a JavaScript export: write path.mjs:export"
        )
    stem = file.with_suffix("")
    for suffix in _SUFFIXES_IN_TURN[: _SUFFIXES_IN_TURN.index(file.suffix)]:
        other = stem.with_name(stem.name + suffix)
        if other.exists():
            raise HandlerSpecError(
                f"Node.js would load {other.name} instead of {file.name}, which stands beside it: "
                "rename one of them"
            )
    return attribute

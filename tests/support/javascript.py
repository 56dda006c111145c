"""The Node.js, runtime client and SDKs of tests/javascript."""

from __future__ import annotations

import os
from pathlib import Path

from perdure.worker.node_runtime import SDK, NodeRuntime, find_node_runtime

FOLDER = Path(__file__).parents[1] / "javascript"
"""A runtime folder, for --node-runtime."""
MODULES = FOLDER / "node_modules"


def installed_node_runtime() -> NodeRuntime:
    """Fails the test, with what to do, if it was not installed."""
    if not (MODULES / ".perdure-setup").is_file():
        raise AssertionError(
            "What the JavaScript tests need is not installed: run `sh scripts/setup-javascript`, "
            "which says what is missing, or leave them out with -m 'not javascript'"
        )
    return find_node_runtime(FOLDER, FOLDER, os.environ.get("PATH"))


def runtime_folder_with(sdk: str, folder: Path) -> Path:
    """A runtime folder of its own, below `folder`, with the SDK's package `sdk` for SDK."""
    installed_node_runtime()
    modules = folder / "node_modules"
    (modules / "@aws").mkdir(parents=True)
    for name in ("aws-lambda-ric", ".bin"):
        (modules / name).symlink_to(MODULES / name)
    (modules / SDK).symlink_to(MODULES / sdk)
    return folder

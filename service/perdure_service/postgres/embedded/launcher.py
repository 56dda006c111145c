"""Start, stop and restart the private Postgres."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from perdure_service.postgres.embedded.binaries import PostgresBinaries, find_binaries
from perdure_service.postgres.embedded.data_folder import SUPERUSER, DataFolder
from perdure_service.postgres.embedded.errors import EmbeddedPostgresError, PostgresDidNotStart
from perdure_service.postgres.embedded.process import ServerProcess
from perdure_service.postgres.embedded.server_user import ServerUser, choose_server_user
from perdure_service.postgres.embedded.socket_folder import (
    PORT,
    make_socket_folder,
    prepare_socket_folder,
    remove_socket_folder,
)

DEFAULT_SETTINGS: Mapping[str, str] = {
    "cluster_name": "perdure",
    "max_connections": "60",
    "shared_buffers": "128MB",
    # One group commit may hold 8 MiB; it should fit.
    "wal_buffers": "16MB",
    "checkpoint_timeout": "10min",
    "log_checkpoints": "off",
    "random_page_cost": "1.1",
    # Our statements are short. Compiling them costs more than they do, and parallel workers would
    # need more shared memory than a container's /dev/shm has.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
# Without these an answered checkpoint could be lost.
DURABILITY: Mapping[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}
STATEMENT_COUNTS = "pg_stat_statements"

_POLL_SECONDS = 0.005
_STOP_PATIENCE_SECONDS = 30.0
# From a server that was killed: its sessions notice within moments, unless one is busy.
_SESSIONS_LEFT = "pre-existing shared memory block"


@dataclass(frozen=True, slots=True)
class _Installation:
    user: ServerUser
    binaries: PostgresBinaries
    socket_folder: Path


class EmbeddedPostgres:
    """A Postgres of our own below `data_dir`, reached over a Unix socket, gone when we are.

    Made on the first start and kept; `data_dir` may lie anywhere, also in a folder that is closed
    to other users while we are root (the server then runs as `postgres` or `nobody`). Nobody but
    us can reach the socket, so there is no password. Durability cannot be turned off.

    The methods block, for seconds at the first start, and may be called from any thread, one at a
    time. However this process ends, the server shuts down with it; on other systems than Linux a
    killed owner leaves it behind until the next start. `settings` are Postgres settings that
    replace or extend DEFAULT_SETTINGS.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        asked = dict(settings or {})
        for name, value in DURABILITY.items():
            if asked.get(name, value) != value:
                raise EmbeddedPostgresError(
                    f"The embedded Postgres keeps {name} on: what was answered must survive a "
                    "crash. Leave the setting out."
                )
        self._folder = DataFolder(data_dir.absolute())
        self._settings = {**DEFAULT_SETTINGS, **asked, **DURABILITY}
        self._mutex = threading.RLock()
        self._installation: _Installation | None = None
        self._process: ServerProcess | None = None
        self._undo = ExitStack()

    @property
    def data_dir(self) -> Path:
        return self._folder.path

    @property
    def url(self) -> str:
        """For libpq. The same after every restart; another after stop and start."""
        folder = quote(str(self._started().socket_folder), safe="")
        return f"postgresql://{SUPERUSER}@/postgres?host={folder}&port={PORT}"

    @property
    def pid(self) -> int:
        """Of the server that was started last, dead or alive."""
        if self._process is None:
            raise EmbeddedPostgresError("The embedded Postgres is not started. Call start().")
        return self._process.pid

    def is_alive(self) -> bool:
        """False before start, after stop, and when the server has ended by itself."""
        return self._process is not None and self._process.is_alive()

    def start(self, *, timeout_seconds: float = 120) -> str:
        """Make the cluster if need be, start the server, and return its URL once it answers.

        Raises DataFolderInUse, PostgresNotFound, PostgresVersionMismatch, PostgresDidNotStart or
        plain EmbeddedPostgresError; nothing of ours runs and the folder is free again then.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._mutex, self._explained(), ExitStack() as undo:
            if self._installation is not None:
                raise EmbeddedPostgresError(
                    "The embedded Postgres was started already. Call restart() if it died."
                )
            left_behind = self._folder.acquire()
            undo.callback(self._folder.release)
            user = choose_server_user(self._folder.cluster)
            binaries = find_binaries(user)
            self._folder.ensure_cluster(binaries, user, deadline)
            if left_behind is not None:
                remove_socket_folder(left_behind)
            socket_folder = make_socket_folder()
            undo.callback(remove_socket_folder, socket_folder)
            self._folder.note_socket_folder(socket_folder)
            installation = _Installation(user, binaries, socket_folder)
            self._process = self._launch(installation, deadline)
            self._installation = installation
            self._undo = undo.pop_all()
            atexit.register(self.stop)
            return self.url

    def restart(self, *, timeout_seconds: float = 120) -> str:
        """Start the server again after its death, or stop and start it; returns the same URL.

        The data folder stays ours in between. Raises PostgresDidNotStart if it does not come up;
        call again later, or stop.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._mutex, self._explained():
            installation = self._started()
            if self._process is not None:
                self._process.stop(patience_seconds=_STOP_PATIENCE_SECONDS)
            self._process = self._launch(installation, deadline)
            return self.url

    def stop(self) -> None:
        """Shut down fast and give the folder free; nothing if not started. Takes half a minute at
        most, since a server that does not obey is killed; the next start recovers it."""
        with self._mutex:
            if self._process is not None:
                self._process.stop(patience_seconds=_STOP_PATIENCE_SECONDS)
            self._process = None
            self._installation = None
            self._undo.close()
            atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _started(self) -> _Installation:
        if self._installation is None:
            raise EmbeddedPostgresError("The embedded Postgres is not started. Call start().")
        return self._installation

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The embedded Postgres in {self._folder.path} failed: {error}. "
                "Check the folder's permissions and free space, or set DATABASE_URL."
            ) from error

    def _launch(self, installation: _Installation, deadline: float) -> ServerProcess:
        while True:
            self._folder.end_leftover_server(deadline)
            prepare_socket_folder(installation.socket_folder, installation.user)
            with (
                self._folder.open_log() as log,
                self._folder.entrance(installation.user) as (fd, data_argument),
            ):
                log_start = log.tell()
                command = self._command(installation, data_argument)
                process = ServerProcess(installation.user, command, log=log, pass_fd=fd)
            with ExitStack() as undo:
                undo.callback(process.stop, patience_seconds=1.0)
                if self._comes_up(process, deadline):
                    undo.pop_all()
                    return process
                timed_out = process.is_alive()
            said = self._folder.log.read_bytes()[log_start:].decode(errors="replace")
            if _SESSIONS_LEFT not in said or time.monotonic() > deadline:
                raise PostgresDidNotStart(
                    f"Postgres did not {'answer in time' if timed_out else 'start'}; its log is "
                    f"{self._folder.log}. Correct what it says below and start again.",
                    said[-1500:],
                )
            time.sleep(_POLL_SECONDS * 10)

    def _command(self, installation: _Installation, data_argument: str) -> list[str | Path]:
        settings = {"listen_addresses": "", "port": str(PORT), **self._settings}
        if installation.binaries.has_library(STATEMENT_COUNTS):
            settings.setdefault("shared_preload_libraries", STATEMENT_COUNTS)
        command: list[str | Path] = [installation.binaries.postgres, "-D", data_argument]
        command += ["-k", installation.socket_folder]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _comes_up(self, process: ServerProcess, deadline: float) -> bool:
        while not self._folder.is_ready(process.pid):
            if process.exits_within(_POLL_SECONDS) or time.monotonic() > deadline:
                return False
        return True

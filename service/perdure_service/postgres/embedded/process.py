"""The running server, tied to our life."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from perdure_service.postgres.embedded.server_user import ServerUser

ON_LINUX = platform.system() == "Linux"

_EXEC_SERVER = Path(__file__).with_name("exec_server.py")


def tied_command(user: ServerUser, command: Sequence[str | Path]) -> list[str]:
    """`command` as `user`, told to shut down fast when the thread that forks it ends (Linux).

    Elsewhere an owner that is killed leaves its server behind; the next owner of the data folder
    ends it.
    """
    tie = [sys.executable, "-I", "-S", _EXEC_SERVER, os.getpid(), user.uid, user.gid]
    return [str(word) for word in (*tie, *command)]


def server_environment() -> dict[str, str]:
    """Ours without PG* variables (PGPORT would move the socket), and messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def command_line(pid: int) -> str:
    """The program and arguments of a process; empty if it is gone, or dead and not yet reaped."""
    if ON_LINUX:
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return os.fsdecode(raw.replace(b"\0", b" ")).strip()
    listing = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()


class ServerProcess:
    """One postgres, forked from a thread that lives exactly as long as it does.

    The kernel's death signal follows the forking thread, not the process; callers start servers
    from worker threads that end at once, so the fork needs a thread of its own.
    """

    def __init__(
        self, user: ServerUser, command: Sequence[str | Path], *, log: IO[bytes], pass_fd: int
    ) -> None:
        """Fork it; raises OSError if that fails. `log` and `pass_fd` may be closed afterwards."""
        self._exited = threading.Event()
        forked: Future[subprocess.Popen[bytes]] = Future()
        threading.Thread(
            target=self._keep,
            args=(tied_command(user, command), log, pass_fd, forked),
            name="embedded-postgres",
            daemon=True,
        ).start()
        self._process = forked.result()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return not self._exited.is_set()

    def exits_within(self, seconds: float) -> bool:
        """Wait for the end of the server, at most `seconds`; True if it came."""
        return self._exited.wait(seconds)

    def stop(self, *, patience_seconds: float) -> None:
        """Shut down fast: sessions are ended, what was committed is kept. After
        `patience_seconds` at once, and then by force; the next start recovers from either."""
        for kind, patience in (
            (signal.SIGINT, patience_seconds),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            if self.is_alive():
                self._process.send_signal(kind)
                self.exits_within(patience)

    def _keep(
        self,
        command: list[str],
        log: IO[bytes],
        pass_fd: int,
        forked: Future[subprocess.Popen[bytes]],
    ) -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=server_environment(),
                pass_fds=(pass_fd,),
                # Out of reach of the terminal's Ctrl-C: the owner stops it when it has drained.
                start_new_session=True,
            )
        except BaseException as error:
            forked.set_exception(error)
            return
        forked.set_result(process)
        process.wait()
        self._exited.set()

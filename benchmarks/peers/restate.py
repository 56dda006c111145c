"""Restate: its server, a worker that the server calls, and callers of its ingress."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peer import Peer, PeerFailed
from benchmarks.peers.environment import Environment
from benchmarks.workloads import Contest

_START_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_WORKER = "benchmarks.peers.restate_worker:app"


class _Restate:
    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._ingress, self._admin, self._node, self._serving = _free_ports(4)
        self._worker: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._load: Peer | None = None

    @property
    def processes(self) -> Mapping[str, int]:
        assert self._server is not None
        assert self._worker is not None
        assert self._load is not None
        return {"server": self._server.pid, "worker": self._worker.pid, "load": self._load.pid}

    def ask(self, command: str, *, timeout_seconds: float = 300, **arguments: Any) -> Any:
        assert self._load is not None
        return self._load.ask(command, timeout_seconds=timeout_seconds, **arguments)

    def start_worker(self) -> None:
        command = [str(self._environment.folder / "bin" / "hypercorn"), _WORKER]
        command += ["--bind", f"127.0.0.1:{self._serving}", "--worker-class", "uvloop"]
        with (self._folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [*command, "--log-level", "error"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        if self._worker is not None:
            # hypercorn serves in a child of the process that was started
            os.killpg(self._worker.pid, 9)
            self._worker.wait()

    def start_server(self) -> None:
        settings = {
            "RESTATE_BASE_DIR": str(self._folder / "data"),
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{self._node}",
            "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{self._node}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self._ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{self._admin}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
            "DO_NOT_TRACK": "1",
        }
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [_server_binary(self._environment.folder), "--no-logo"],
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
            )

    def stop_server(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def register(self) -> None:
        """Tell the server of the worker, as soon as both listen."""
        body = json.dumps({"uri": f"http://127.0.0.1:{self._serving}"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._admin}/deployments",
            data=body,
            headers={"content-type": "application/json"},
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  # the same
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    raise PeerFailed(f"Restate took no worker: {error}") from error
                time.sleep(_LOOK_SECONDS)
            else:
                return

    @contextmanager
    def loading(self) -> Iterator[None]:
        url = f"http://127.0.0.1:{self._ingress}"
        with Peer("benchmarks.peers.restate_load", url) as self._load:
            yield


@contextmanager
def running(environment: Environment, folder: Path) -> Iterator[Contest]:
    own = folder / f"restate-{time.monotonic_ns()}"
    own.mkdir()
    restate = _Restate(environment, own)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        stack.callback(restate.stop_server)
        stack.callback(restate.kill_worker)
        restate.start_server()
        restate.start_worker()
        restate.register()
        stack.enter_context(restate.loading())
        yield restate


def _server_binary(folder: Path) -> Path:
    found = sorted(folder.glob("node/node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not found:
        raise PeerFailed("npm did not install Restate's server for this machine")
    return found[0]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]

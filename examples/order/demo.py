"""The order workflow, from nothing to its result, watched live: `make demo`.

Starts `perdure dev` (an embedded Postgres, the service, a worker) on a free port, invokes the
order function, shows its operations while they run, and leaves nothing running.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from perdure.cli.watching import watch_live
from perdure.client import Client, ClientError, HistoryEvent

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class DemoFailed(Exception):
    """The demo could not go on; the message says why."""


class DevServer:
    """`perdure dev` as a child. Its output goes to a file and is read for the address."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.output = data / "dev.log"
        self.url: str | None = None
        self._found = threading.Event()
        perdure = str(Path(sys.executable).with_name("perdure"))
        command = [perdure, "dev", str(HERE / "lambda_function.py")]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--data", str(data), "--no-reload"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()

    def wait_until_ready(self) -> str:
        """The endpoint. Raises DemoFailed if it does not come up."""
        self._found.wait(START_SECONDS)
        if self.url is None:
            raise DemoFailed(f"perdure dev did not start:\n{self.output.read_text()[-2000:]}")
        return self.url

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(STOP_SECONDS)

    def _read(self, lines: IO[str]) -> None:
        with self.output.open("w") as copy:
            for line in lines:
                copy.write(line)
                copy.flush()
                found = re.search(r"AWS_ENDPOINT_URL_LAMBDA=(http://\S+)", line)
                if found and self.url is None:
                    self.url = found[1]
                    self._found.set()
        self._found.set()


@contextmanager
def dev_server(data: Path) -> Iterator[DevServer]:
    server = DevServer(data)
    try:
        yield server
    finally:
        server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".perdure" / "demo")
    parser.add_argument("--wait-seconds", type=int, default=None, help="instead of the event's")
    options = parser.parse_args(arguments)
    event = json.loads((HERE / "event.json").read_text())
    if options.wait_seconds is not None:
        event["waitSeconds"] = options.wait_seconds
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    console = Console()
    begun = time.monotonic()
    try:
        with dev_server(options.data) as server:
            console.print("[bold]Perdure[/bold] starts: Postgres, the service, a worker …")
            url = server.wait_until_ready()
            started = time.monotonic()
            console.print(f"ready at {url} after {started - begun:.1f} s\n")
            with Client(url) as client:
                succeeded = _run_order(client, event, console)
            ended = time.monotonic()
    except (DemoFailed, ClientError) as failure:
        console.print(str(failure), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    total = time.monotonic() - begun
    console.print(
        f"\nstart {started - begun:.1f} s, order {ended - started:.1f} s, "
        f"all {total:.1f} s; nothing is left running"
    )
    return 0 if succeeded else 1


def _run_order(client: Client, event: dict[str, Any], console: Console) -> bool:
    console.print(f"invoke order:$LATEST with {json.dumps(event)}")
    arn = client.start("order:$LATEST", event).arn
    console.print(f"[dim]{arn}[/dim]\n", soft_wrap=True)
    execution = watch_live(client, arn, sys.stdout)
    console.print("" if console.is_terminal else "\n")  # Live leaves a pipe's last line open
    console.print(_history(list(client.history(arn))))
    if execution.status != "SUCCEEDED":
        console.print(f"[red]{execution.status}[/red] {execution.error}")
        return False
    console.print("result", execution.result_value)
    return True


def _history(events: list[HistoryEvent]) -> Table:
    table = Table(title="history", title_justify="left")
    for column in ("id", "event", "name", "at s"):
        table.add_column(column)
    for event in events:
        at = (event.at - events[0].at).total_seconds()
        name = "" if event.of_the_execution else event.name or ""
        table.add_row(str(event.id), event.type, name, f"{at:.3f}")
    return table


if __name__ == "__main__":
    sys.exit(main())

"""`perdure dev`: a whole Lambda for durable functions on one machine, in the foreground."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli import options, pools
from perdure.cli.extras import require
from perdure.cli.lazy import single
from perdure.cli.output import LinePrinter
from perdure.cli.running import innermost, stop_signals
from perdure.cli.service_process import ServiceArguments, ServiceDidNotStart, ServiceProcess
from perdure.http.connections import ServiceUrl
from perdure.worker.functions import ServedFunction
from perdure.worker.pool import ChildLimits, Pool
from perdure.worker.waiting import first_of

if TYPE_CHECKING:
    from perdure.worker.agent import Agent

app = single()

DEFAULT_PORT = 8484

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DevSettings:
    service: ServiceArguments
    functions: tuple[ServedFunction, ...]
    pools: tuple[Pool, ...]
    concurrency: int
    reload: bool


@app.command()
def dev(
    specs: Annotated[
        list[str] | None, typer.Argument(metavar="SPEC", help=options.SPEC_HELP)
    ] = None,
    host: Annotated[str, typer.Option(help="Loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks one.")] = DEFAULT_PORT,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the state lives.")] = Path(
        ".perdure"
    ),
    region: Annotated[str, typer.Option(help="The region in ARNs.")] = "us-east-1",
    pool: pools.PoolNames = [],  # noqa: B006  typer copies it
    reload: options.Reload = True,
    concurrency: options.Concurrency = options.DEFAULT_CONCURRENCY,
    plain: options.Plain = [],  # noqa: B006  typer copies it
    execution_timeout: options.ExecutionTimeout = options.DEFAULT_EXECUTION_TIMEOUT,
    retention_days: options.RetentionDays = options.DEFAULT_RETENTION_DAYS,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    python: options.PythonProgram = None,
    node_runtime: options.NodeRuntimeFolder = None,
    dead_letter: options.DeadLetter = [],  # noqa: B006  typer copies it
    in_process: options.InProcess = None,
) -> None:
    """Run the service and serve functions, with reload, until Ctrl-C.

    State lives in DIR and survives restarts: executions go on where they were. Functions that are
    deployed run as well, with what is installed here or with the pools that are named.
    """
    if not _is_loopback(host):
        raise typer.BadParameter(
            f"perdure dev has no access control, so it listens on loopback only, not on {host}. "
            "Leave --host out, or run the service itself.",
            param_hint="--host",
        )
    functions = options.served_functions(
        specs or [],
        plain=plain,
        execution_timeout=execution_timeout,
        retention_days=retention_days,
        timeout=timeout,
        python=python,
        node_runtime=node_runtime,
        dead_letter=dead_letter,
        in_process=in_process,
    )
    needs_clients = bool(pool) or options.needs_runtime_clients(functions)
    require("server", *(["lambda"] if needs_clients else []))
    settings = DevSettings(
        ServiceArguments(host, port, data.expanduser().absolute(), region),
        functions,
        pools.found_pools(pool, node_runtime) if pool else pools.pools_at_hand(node_runtime),
        concurrency,
        reload,
    )
    raise typer.Exit(asyncio.run(_dev(settings)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _dev(settings: DevSettings) -> int:
    printer = LinePrinter(sys.stdout)
    try:
        return await _Dev(settings, printer).run()
    finally:
        printer.close()


class _Dev:
    def __init__(self, settings: DevSettings, printer: LinePrinter) -> None:
        self._settings = settings
        self._printer = printer
        self._stopping = asyncio.Event()
        self._agent: Agent | None = None
        self._service = ServiceProcess(
            settings.service, printer.line, lambda text: printer.say("perdure", text)
        )

    async def run(self) -> int:
        """Until it is told to stop; the exit code."""
        from perdure.worker.link import RegistrationRefused

        code = 0
        try:
            with stop_signals(self._stop):
                async with asyncio.TaskGroup() as tasks:
                    supervision = tasks.create_task(self._service.supervise())
                    stopping = tasks.create_task(self._stopping.wait())
                    try:
                        await first_of(self._service.url, stopping)
                        if not stopping.done():
                            await self._serve(self._service.url.result())
                    finally:
                        stopping.cancel()
                        await self._service.stop()
                        supervision.cancel()
        except* ServiceDidNotStart as errors:
            error = innermost(errors)
            code = error.exit_code if isinstance(error, ServiceDidNotStart) else 1
        except* RegistrationRefused as errors:
            typer.echo(f"perdure dev: {innermost(errors)}", err=True)
            code = 1
        return code

    def _stop(self) -> None:
        self._stopping.set()
        if self._agent is not None:
            self._agent.stop()

    async def _serve(self, url: ServiceUrl) -> None:
        """Until it is to stop, and everything has been drained."""
        functions = self._settings.functions
        if not functions and not self._settings.pools:
            self._print(banner(url, self._settings))
            await self._stopping.wait()
            return
        from perdure.worker.agent import AGENT, Agent, AgentSettings

        data = self._settings.service.data
        self._printer.labels(AGENT, *(function.spec.name for function in functions))
        self._agent = agent = Agent(
            AgentSettings(
                service=url,
                functions=functions,
                pools=self._settings.pools,
                limits=ChildLimits(self._settings.concurrency),
                reload=self._settings.reload,
                cache=data / "code",
                grace_seconds=_GRACE_SECONDS,
                excluded=frozenset({data}),
            ),
            self._printer.say,
            os.environ,
        )
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(agent.run())
            known = tasks.create_task(agent.registered.wait())
            await first_of(work, known)
            known.cancel()
            if agent.registered.is_set():
                self._print(banner(url, self._settings))

    def _print(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._printer.line(line)


def banner(url: ServiceUrl, settings: DevSettings) -> list[str]:
    """How to reach what runs; every line of code can be pasted into a shell."""
    variables = (
        f"AWS_ENDPOINT_URL_LAMBDA={url} AWS_DEFAULT_REGION={settings.service.region} "
        "AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev"
    )
    lines = [
        "",
        f"Perdure is ready: {url}   (state in {settings.service.data}, Ctrl-C ends it)",
        "",
        f"  export {variables}",
        "",
    ]
    if settings.pools:
        runtimes = ", ".join(pool.runtime.name for pool in settings.pools)
        lines += [f"  Functions that are deployed run with {runtimes}", ""]
    for function in settings.functions:
        lines += _invocation_lines(url, function)
    return lines


def _invocation_lines(url: ServiceUrl, function: ServedFunction) -> list[str]:
    spec = function.spec
    target = f"{spec.name}:$LATEST" if function.durable else spec.name
    event = spec.folder / "event.json"
    if event.is_file():
        path = _as_typed(event)
        before, payload, body = "", f"fileb://{path}", f"@{path}"
    else:
        # A literal payload needs one spelling for version 1 of the AWS CLI and another for 2.
        before, payload, body = "echo '{}' | ", "fileb:///dev/stdin", "{}"
    named = f"--function-name {shlex.quote(target)} --payload {shlex.quote(payload)}"
    invocations = f"{url}/2015-03-31/functions/{target}/invocations"
    return [
        f"{spec.name} ({'durable' if function.durable else 'plain'}), {_as_typed(spec.file)}",
        f"  {before}aws lambda invoke {named} out.json",
        f"  curl -sS {shlex.quote(invocations)} --data-binary {shlex.quote(body)}",
        "",
    ]


def _as_typed(path: Path) -> str:
    return min(str(path), os.path.relpath(path), key=len)

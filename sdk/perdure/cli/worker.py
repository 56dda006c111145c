"""`perdure worker`: serve functions for a service that runs elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli import options
from perdure.cli.extras import require
from perdure.cli.output import LinePrinter
from perdure.cli.running import innermost, stop_signals
from perdure.worker.connections import InvalidServiceUrl, ServiceUrl

if TYPE_CHECKING:
    from perdure.worker.agent import AgentSettings


def worker(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC", help=options.SPEC_HELP)],
    service: Annotated[
        str, typer.Option(envvar="PERDURE_SERVICE", metavar="URL", help="Where the service is.")
    ],
    reload: options.Reload = False,
    concurrency: options.Concurrency = options.DEFAULT_CONCURRENCY,
    plain: options.Plain = [],  # noqa: B006  typer copies it
    execution_timeout: options.ExecutionTimeout = options.DEFAULT_EXECUTION_TIMEOUT,
    retention_days: options.RetentionDays = options.DEFAULT_RETENTION_DAYS,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    python: options.PythonProgram = None,
    node_runtime: options.NodeRuntimeFolder = None,
    dead_letter: options.DeadLetter = [],  # noqa: B006  typer copies it
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds for running invocations at the end.")
    ] = 30.0,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where published code is kept.")
    ] = None,
    health_file: Annotated[
        Path | None,
        typer.Option(
            envvar="PERDURE_HEALTH_FILE",
            metavar="FILE",
            help="Touched every few seconds while the service knows this worker.",
        ),
    ] = None,
) -> None:
    """Serve functions until SIGTERM or Ctrl-C, then let what runs finish."""
    try:
        url = ServiceUrl.parse(service)
    except InvalidServiceUrl as error:
        raise typer.BadParameter(str(error), param_hint="--service") from error
    functions = options.served_functions(
        specs,
        plain=plain,
        execution_timeout=execution_timeout,
        retention_days=retention_days,
        timeout=timeout,
        python=python,
        node_runtime=node_runtime,
        dead_letter=dead_letter,
    )
    require("lambda")
    from perdure.worker.agent import AgentSettings

    settings = AgentSettings(
        url,
        functions,
        concurrency,
        reload,
        cache or _default_cache(),
        grace,
        health_file=health_file,
    )
    raise typer.Exit(asyncio.run(_worker(settings)))


def _default_cache() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "perdure" / "code"


async def _worker(settings: AgentSettings) -> int:
    from perdure.worker.agent import AGENT, Agent
    from perdure.worker.link import RegistrationRefused

    names = [function.spec.name for function in settings.functions]
    printer = LinePrinter(sys.stdout)
    printer.labels(AGENT, *names)
    agent = Agent(settings, printer.say, os.environ)
    printer.say(AGENT, f"serving {', '.join(names)} for {settings.service}")
    code = 0
    try:
        with stop_signals(agent.stop):
            await agent.run()
    except* RegistrationRefused as errors:
        printer.say(AGENT, str(innermost(errors)))
        code = 1
    finally:
        printer.close()
    return code

"""`perdure worker`: serve functions for a service that runs elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli import options, pools
from perdure.cli.extras import require
from perdure.cli.lazy import single
from perdure.cli.output import LinePrinter
from perdure.cli.running import innermost, stop_signals
from perdure.http.connections import InvalidServiceUrl, ServiceUrl
from perdure.worker.code_cache import DEFAULT_MAX_BYTES
from perdure.worker.confinement import MEGABYTE, Isolation
from perdure.worker.pool import DEFAULT_IDLE_SECONDS, DEFAULT_MAX_CHILDREN, ChildLimits

if TYPE_CHECKING:
    from perdure.worker.agent import AgentSettings

app = single()


@app.command()
def worker(
    service: Annotated[
        str, typer.Option(envvar="PERDURE_URL", metavar="URL", help="Where the service is.")
    ],
    specs: Annotated[
        list[str] | None, typer.Argument(metavar="SPEC", help=options.SPEC_HELP)
    ] = None,
    pool: pools.PoolNames = [],  # noqa: B006  typer copies it
    max_children: pools.MaxChildren = DEFAULT_MAX_CHILDREN,
    idle: pools.IdleSeconds = DEFAULT_IDLE_SECONDS,
    isolation: pools.IsolationKind = Isolation.AUTO,
    users: pools.Users = pools.DEFAULT_USERS,
    pass_env: pools.PassEnv = [],  # noqa: B006  typer copies it
    reload: options.Reload = False,
    concurrency: options.Concurrency = options.DEFAULT_CONCURRENCY,
    plain: options.Plain = [],  # noqa: B006  typer copies it
    execution_timeout: options.ExecutionTimeout = options.DEFAULT_EXECUTION_TIMEOUT,
    retention_days: options.RetentionDays = options.DEFAULT_RETENTION_DAYS,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    python: options.PythonProgram = None,
    node_runtime: options.NodeRuntimeFolder = None,
    dead_letter: options.DeadLetter = [],  # noqa: B006  typer copies it
    in_process: options.InProcess = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds for running invocations at the end.")
    ] = 30.0,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where published code is kept.")
    ] = None,
    cache_mb: Annotated[
        int, typer.Option(min=1, help="Megabytes for published code that nothing runs.")
    ] = DEFAULT_MAX_BYTES // MEGABYTE,
    health_file: Annotated[
        Path | None,
        typer.Option(
            envvar="PERDURE_HEALTH_FILE",
            metavar="FILE",
            help="Touched every few seconds while the service knows this worker.",
        ),
    ] = None,
) -> None:
    """Serve functions until SIGTERM or Ctrl-C, then let what runs finish.

    A SPEC is code under development, served from its folder. A pool runs whatever is deployed.
    """
    if not specs and not pool:
        raise typer.BadParameter("Name a handler to serve (SPEC), or a pool: --pool python3.13")
    try:
        url = ServiceUrl.parse(service)
    except InvalidServiceUrl as error:
        raise typer.BadParameter(str(error), param_hint="--service") from error
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
    if pool or options.needs_runtime_clients(functions):
        require("lambda")
    cache = (cache or _default_cache()).expanduser().absolute()
    found = pools.found_pools(pool, node_runtime)
    from perdure.worker.agent import AgentSettings

    settings = AgentSettings(
        url,
        functions,
        ChildLimits(concurrency, max_children, idle),
        reload,
        cache,
        grace,
        pools=found,
        confinements=pools.confinements(isolation, users, found, cache),
        passed=pass_env,
        health_file=health_file,
        cache_bytes=cache_mb * MEGABYTE,
    )
    raise typer.Exit(asyncio.run(_worker(settings)))


def _default_cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/perdure/code")  # where the users of functions can read it
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "perdure" / "code"


async def _worker(settings: AgentSettings) -> int:
    from perdure.worker.agent import AGENT, Agent
    from perdure.worker.link import RegistrationRefused

    names = [function.spec.name for function in settings.functions]
    runtimes = [f"{pool.runtime.name} ({pool.interpreter})" for pool in settings.pools]
    printer = LinePrinter(sys.stdout)
    printer.labels(AGENT, *names)
    agent = Agent(settings, printer.say, os.environ)
    printer.say(AGENT, f"serving {', '.join([*names, *runtimes])} for {settings.service}")
    if settings.pools:
        printer.say(AGENT, f"deployed functions run {settings.confinements.shown}")
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

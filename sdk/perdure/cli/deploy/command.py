"""`perdure deploy`: a folder or a template becomes functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from perdure.cli import options
from perdure.cli.deploy.detect import check_handler, choose_runtime, find_handler, function_name
from perdure.cli.deploy.package import package
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.rollout import Rollout, roll_out
from perdure.cli.deploy.target import Target
from perdure.cli.lazy import single
from perdure.cli.serving import find_workers, interpreters, offered_runtimes
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.client import (
    DurableConfig,
    Function,
    FunctionSettings,
    LoggingConfig,
    NotFound,
    Worker,
)
from perdure.worker.code import PackedCode

app = single()


class LogFormat(StrEnum):
    TEXT = "Text"
    JSON = "JSON"


_OWN_ACCOUNT = "000000000000"
_AWS_PLATFORM = "x86_64-manylinux_2_28"


@app.command()
@calls_a_service
def deploy(
    session: Session,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The code. Not with --template.")
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A template of AWS SAM; all its functions."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the template.")
    ] = None,
    leave_out_unsupported: Annotated[
        bool, typer.Option(help="Deploy a template's functions without what is not known here.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="The function's; the folder's without.")] = None,
    runtime: Annotated[str | None, typer.Option(help="As python3.13 or nodejs24.x.")] = None,
    handler: Annotated[str | None, typer.Option(help="MODULE.FUNCTION, as app.handler.")] = None,
    image: Annotated[
        str | None, typer.Option(metavar="URL", help="A container that runs, in place of DIR.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Make a new function an ordinary one.")
    ] = False,
    execution_timeout: Annotated[
        int | None,
        typer.Option(
            min=1, max=options.LONGEST_EXECUTION_SECONDS, help="Longest execution, in seconds."
        ),
    ] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(min=1, max=90, help="Days for which a closed execution is kept."),
    ] = None,
    timeout: Annotated[
        int | None,
        typer.Option(
            min=1, max=options.LONGEST_TIMEOUT_SECONDS, help="Longest invocation, in seconds."
        ),
    ] = None,
    memory: Annotated[int | None, typer.Option(min=128, help="In MB.")] = None,
    description: Annotated[str | None, typer.Option(help="Of the function.")] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Set a variable.")
    ] = None,
    unset_env: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take a variable away.")
    ] = None,
    dead_letter: Annotated[
        str | None, typer.Option(metavar="URL", help="Where events of failed executions go.")
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="JSON tells executions and operations in each line.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=0, help="Reserve: most invocations at a time.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="ARN", help="At AWS: the role.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish a version.")] = False,
    alias: Annotated[
        str | None, typer.Option(help="Publish a version, and let this alias lead to it.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave files out, as lines of .perdureignore do."),
    ] = None,
    vendor: Annotated[
        bool, typer.Option(help="Install requirements.txt or package.json into the zip.")
    ] = True,
    platform: Annotated[
        str | None,
        typer.Option(help="The machine to install for, in uv's words, if not one as this."),
    ] = None,
) -> None:
    """Make a function of a folder, or bring it up to date; unchanged code does nothing.

    Hidden files, byte code, virtual environments and what .perdureignore says stay out of the
    zip. A new function is durable unless --plain says otherwise. Runtime and handler are found in
    the folder. What is not said stays as it is.
    """
    if template is not None:
        own = {
            "DIR": folder,
            "--name": name,
            "--runtime": runtime,
            "--handler": handler,
            "--image": image,
            "--plain": plain,
            "--execution-timeout": execution_timeout,
            "--retention-days": retention_days,
            "--timeout": timeout,
            "--memory": memory,
            "--description": description,
            "--env": env,
            "--unset-env": unset_env,
            "--dead-letter": dead_letter,
            "--log-format": log_format,
            "--concurrency": concurrency,
            "--role": role,
            "--publish": publish,
            "--alias": alias,
        }
        _refuse(own, "The template says what its functions are: leave out")
        targets = _of_template(
            session, template, parameter or (), leave_out_unsupported=leave_out_unsupported
        )
    else:
        of_templates = {"--parameter": parameter, "--leave-out-unsupported": leave_out_unsupported}
        _refuse(of_templates, "Only with --template:")
        settings = FunctionSettings(
            runtime=runtime,
            handler=handler,
            description=description,
            timeout_seconds=timeout,
            memory_mb=memory,
            durable=_durable(execution_timeout, retention_days, plain=plain),
            dead_letter_target=dead_letter,
            logging=None if log_format is None else LoggingConfig(log_format.value),
            role=role,
        )
        target = Target(
            name=_name(name, folder, image),
            settings=settings,
            folder=folder,
            image=image,
            durable=not plain,
            added=_pairs("--env", env or ()),
            removed=tuple(unset_env or ()),
            publish=publish or alias is not None,
            alias=alias,
            reserved_concurrency=concurrency,
        )
        targets = [target]
    workers = find_workers(session.client)
    place = platform or (_AWS_PLATFORM if workers is None else None)
    ready = [_complete(session, target, workers) for target in targets]
    codes = [_code(target, exclude or (), install=vendor, platform=place) for target in ready]
    pairs = zip(ready, codes, strict=True)
    done = [_roll_out(session, target, code, workers) for target, code in pairs]
    if session.as_json:
        session.emit([_shape(one) for one in done])


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Raises typer.BadParameter for those that were given."""
    given = [name for name, value in options.items() if value is not None and value is not False]
    if given:
        raise typer.BadParameter(f"{why} {', '.join(given)}.")


def _name(name: str | None, folder: Path | None, image: str | None) -> str:
    if (folder is None) == (image is None):
        raise typer.BadParameter("Name a folder, or a template with --template.")
    if folder is not None and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is no folder.")
    if name is None and folder is None:
        raise typer.BadParameter("An image needs the function's --name.")
    return name or function_name(folder or Path())


def _durable(
    execution_timeout: int | None, retention_days: int | None, *, plain: bool
) -> DurableConfig | None:
    if execution_timeout is None and retention_days is None:
        return None
    if plain:
        raise typer.BadParameter("--plain goes without --execution-timeout and --retention-days.")
    return DurableConfig(execution_timeout, retention_days)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option} {text!r}: write NAME=VALUE.")
        pairs[name] = value
    return pairs


def _of_template(
    session: Session, path: Path, parameters: Sequence[str], *, leave_out_unsupported: bool
) -> Sequence[Target]:
    from perdure.cli.deploy.template import targets_of

    endpoint = session.client.endpoint
    if endpoint.is_aws:
        raise CannotDeploy("At AWS templates are deployed by `sam deploy`; here, one folder each.")
    template = targets_of(
        path,
        parameters=_pairs("--parameter", parameters),
        region=endpoint.region,
        account=_OWN_ACCOUNT,
        leave_out_unsupported=leave_out_unsupported,
    )
    if template.left_out:
        session.say(f"Left out, as it has no use here: {', '.join(template.left_out)}")
    return template.targets


def _complete(session: Session, target: Target, workers: Sequence[Worker] | None) -> Target:
    """With the runtime and the handler of the function that is there, or as the folder tells.
    Nothing has been changed when this refuses."""
    if target.folder is None:
        return target
    existing = _existing(session, target.name)
    settings = target.settings
    if existing is None and workers is None and settings.role is None:
        raise CannotDeploy("A function at AWS needs the ARN of its role: give it with --role.")
    handler = settings.handler or (existing.handler if existing is not None else None)
    if handler is None:
        handler, language = find_handler(target.folder)
    else:
        language = check_handler(target.folder, handler)
    offered = None if workers is None else offered_runtimes(workers)
    runtime = settings.runtime or (existing.runtime if existing is not None else None)
    runtime = runtime or choose_runtime(language, offered)
    return replace(target, settings=replace(settings, handler=handler, runtime=runtime))


def _existing(session: Session, name: str) -> Function | None:
    try:
        return session.client.functions.configuration(name)
    except NotFound:
        return None


def _code(
    target: Target, excludes: Sequence[str], *, install: bool, platform: str | None
) -> PackedCode | None:
    if target.folder is None:
        return None
    runtime = target.settings.runtime or ""
    return package(target.folder, runtime, excludes=excludes, install=install, platform=platform)


def _roll_out(
    session: Session, target: Target, code: PackedCode | None, workers: Sequence[Worker] | None
) -> Rollout:
    session.say(target.name)
    done = roll_out(session.client, target, code, session.say)
    if not done.changes:
        session.say("  unchanged")
    if workers is not None and not interpreters(done.function, workers):
        runtime = done.function.runtime
        session.say(f"  No worker runs {runtime} now; start one: perdure worker --pool {runtime}")
    return done


def _shape(done: Rollout) -> dict[str, Any]:
    return {
        "function": shape(done.function),
        "created": done.created,
        "changes": shape(done.changes),
        "version": done.version,
        "alias": done.alias,
    }

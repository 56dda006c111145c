"""The SDKs that run the scenarios, and the functions that each of them serves.

Of the SDK `python-3` there are
    python-3            all scenarios
    python-3-order      the example
    python-3-plain      a plain function
    python-3-outputs    a durable function without an SDK that answers what it is told
    python-3-hasty, python-3-hasty-plain    the same with 4 s for an invocation
    python-3-brief      all scenarios, with 8 s for an execution
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from perdure.worker.node_runtime import SDK
from tests.e2e.scenarios.library import FOLDER
from tests.support.javascript import runtime_folder_with
from tests.support.worker import WorkerProcess, running_worker

Serve = Callable[[Path, str], AbstractContextManager[object]]
NEWEST_PYTHON = "python-3"
PERDURE = "python-perdure"
ENVIRONMENTS = Path(__file__).parents[3] / ".venv" / "python-sdks"
"""Made by scripts/setup-environments."""
HASTY = ("--timeout", "4")
BRIEF = ("--execution-timeout", "8")
PROCESSES = 6
"""Of one function. Each has about 70 MB."""
EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True, slots=True)
class Sdk:
    """`serve(folder, service_url)` runs its workers."""

    name: str
    serve: Serve
    marks: tuple[pytest.MarkDecorator, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """One language's handlers. `main` has all scenarios, `{}` in `others` is another function."""

    main: Path
    others: str
    order: Path


PYTHON = Code(
    main=FOLDER / "python" / "lambda_function.py",
    others=f"{FOLDER}/python/{{}}.py",
    order=EXAMPLES / "order" / "lambda_function.py",
)
JAVASCRIPT = Code(
    main=FOLDER / "javascript" / "index.mjs",
    others=f"{FOLDER}/javascript/{{}}.mjs",
    order=EXAMPLES / "order-js" / "index.mjs",
)


def _python(name: str) -> Sdk:
    """The newest version is the agent's own; older ones have an interpreter for themselves."""
    python = ENVIRONMENTS / name.removeprefix("python-") / "bin" / "python"
    runtime = [] if name == NEWEST_PYTHON else ["--python", str(python)]
    return Sdk(name, lambda folder, url: _serve(name, PYTHON, folder, url, *runtime))


def _perdure() -> Sdk:
    """This project's own SDK: the handlers for AWS's, with another import line."""

    def serve(folder: Path, service_url: str) -> AbstractContextManager[object]:
        handlers = with_another_import(FOLDER / "python", folder / "handlers")
        order = with_another_import(EXAMPLES / "order", folder / "order-handler")
        code = Code(
            main=handlers / "lambda_function.py",
            others=f"{handlers}/{{}}.py",
            order=order / "lambda_function.py",
        )
        return _serve(PERDURE, code, folder, service_url)

    return Sdk(PERDURE, serve)


def with_another_import(source: Path, target: Path) -> Path:
    """A copy of AWS's handlers for our SDK."""
    target.mkdir()
    for file in source.glob("*.py"):
        text = file.read_text().replace("aws_durable_execution_sdk_python", "perdure")
        (target / file.name).write_text(text)
    return target


def _javascript(name: str, package: str = SDK) -> Sdk:
    def serve(folder: Path, service_url: str) -> AbstractContextManager[object]:
        runtime = runtime_folder_with(package, folder / "runtime")
        return _serve(name, JAVASCRIPT, folder, service_url, "--node-runtime", str(runtime))

    return Sdk(name, serve, (pytest.mark.javascript,))


@contextmanager
def _serve(name: str, code: Code, folder: Path, service_url: str, *runtime: str) -> Iterator[None]:
    def worker(
        variant: str, *options: str, also: Sequence[str] = ()
    ) -> AbstractContextManager[WorkerProcess]:
        function = f"{name}{variant}"
        specs = [f"{function}={code.main}"]
        specs += [f"{function}-{other}={code.others.format(other)}" for other in also]
        plain = ["--plain", f"{function}-plain"] if "plain" in also else []
        if not variant:
            specs.append(f"{function}-order={code.order}")
        return running_worker(
            folder / function,
            service_url,
            specs,
            options=[*runtime, *options, *plain, "--concurrency", str(PROCESSES)],
            # The packages of the tests are not the function's.
            environment={"PYTHONPATH": ""},
        )

    with (
        worker("", also=("plain", "outputs")),
        worker("-hasty", *HASTY, also=("plain",)),
        worker("-brief", *BRIEF),
    ):
        yield


SDKS = {
    sdk.name: sdk
    for sdk in (
        _python("python-1"),
        _python("python-2"),
        _python(NEWEST_PYTHON),
        _perdure(),
        _javascript("javascript-2"),
        _javascript("javascript-2-0", "durable-execution-sdk-js-2.0.0"),
    )
}

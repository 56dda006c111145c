"""The SDKs that run the scenarios, and the functions that each of them serves.

Of the SDK `python-3` there are
    python-3            all scenarios
    python-3-plain      a plain function
    python-3-outputs    a durable function without an SDK that answers what it is told
    python-3-hasty, python-3-hasty-plain    the same with 2 s for an invocation
    python-3-brief      all scenarios, with 2 s for an execution
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.scenarios.library import FOLDER
from tests.support.worker import WorkerProcess, running_worker

Serve = Callable[[Path, str], AbstractContextManager[object]]
HASTY = ("--timeout", "2")
BRIEF = ("--execution-timeout", "2")


@dataclass(frozen=True, slots=True)
class Sdk:
    """`serve(folder, service_url)` runs its workers."""

    name: str
    serve: Serve


def _python(name: str) -> Sdk:
    return Sdk(name, functools.partial(_serve, name, FOLDER / "python"))


@contextmanager
def _serve(name: str, code: Path, folder: Path, service_url: str) -> Iterator[None]:
    def worker(
        variant: str, *options: str, also: Sequence[str] = ()
    ) -> AbstractContextManager[WorkerProcess]:
        function = f"{name}{variant}"
        specs = [f"{function}={code}/lambda_function.py"]
        specs += [f"{function}-{other}={code}/{other}.py" for other in also]
        plain = ["--plain", f"{function}-plain"] if "plain" in also else []
        return running_worker(folder / function, service_url, specs, options=[*options, *plain])

    with (
        worker("", also=("plain", "outputs")),
        worker("-hasty", *HASTY, also=("plain",)),
        worker("-brief", *BRIEF),
    ):
        yield


SDKS = {sdk.name: sdk for sdk in (_python("python-3"),)}

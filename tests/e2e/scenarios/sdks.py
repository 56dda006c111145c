"""The SDKs that run the scenarios, and the functions that each of them serves.

Of the SDK `python-3` there are
    python-3            all scenarios, durable
    python-3-plain      a plain function
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.scenarios.library import FOLDER
from tests.support.worker import WorkerProcess, running_worker

Serve = Callable[[Path, str], AbstractContextManager[WorkerProcess]]


@dataclass(frozen=True, slots=True)
class Sdk:
    """`serve(folder, service_url)` runs its worker."""

    name: str
    serve: Serve


def _python(name: str) -> Sdk:
    def serve(folder: Path, service_url: str) -> AbstractContextManager[WorkerProcess]:
        code = FOLDER / "python"
        return running_worker(folder, service_url, [f"{name}={code}/lambda_function.py"])

    return Sdk(name, serve)


SDKS = {sdk.name: sdk for sdk in (_python("python-3"),)}

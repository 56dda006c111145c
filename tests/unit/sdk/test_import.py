"""What a handler's imports load: the standard library, and less of it than a clock would notice."""

from __future__ import annotations

import json
import subprocess
import sys

HANDLER = """
from perdure import DurableContext, StepContext, durable_execution, durable_step
from perdure.config import Duration, StepConfig
"""


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    return set(json.loads(output))


def test_the_package_itself_loads_nothing() -> None:
    bare = loaded_by("import typing")
    assert {name for name in loaded_by("import perdure") - bare if "." in name} == set()


def test_a_handler_loads_the_standard_library_only() -> None:
    found = {name.partition(".")[0] for name in loaded_by(HANDLER)}
    assert found & {"httpx", "boto3", "botocore", "typer", "rich", "perdure_service"} == set()


def test_a_handler_loads_neither_the_worker_nor_the_client_nor_what_it_may_never_need() -> None:
    found = loaded_by(HANDLER)
    unneeded = {
        "perdure.worker", "perdure.client", "perdure.cli", "perdure.transport", "perdure.http",
        "perdure.testing",
        "uuid", "decimal", "email", "http.client", "multiprocessing", "urllib.request",
    }  # fmt: skip
    assert found & unneeded == set()


def test_a_process_of_handlers_loads_nothing_of_the_agent_that_started_it() -> None:
    found = loaded_by("import perdure.in_process.__main__")
    unneeded = {
        "perdure.worker.functions", "perdure.worker.service_client", "perdure.worker.code_cache",
        "perdure.worker.agent", "zipfile",
    }  # fmt: skip
    assert found & unneeded == set()

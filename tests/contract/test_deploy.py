"""Two deployments at once: the second to come notices, and the function stays whole."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from perdure.cli.deploy.package import package
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.rollout import Rollout, roll_out
from perdure.cli.deploy.target import Target
from perdure.client import Client, FunctionSettings
from perdure.worker.code import PackedCode
from tests.contract.running_service import RunningService

RUNTIME = "python3.13"


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.url, environment={}) as client:
        yield client


def code(folder: Path, text: str) -> PackedCode:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(text)
    return package(folder, RUNTIME)


def settings(**changes: int) -> FunctionSettings:
    return FunctionSettings(runtime=RUNTIME, handler="app.handler", **changes)  # type: ignore[arg-type]  # all numbers


def ignore(_: str) -> None:
    pass


def deployed(client: Client, name: str, code: PackedCode, **changes: int) -> Rollout:
    return roll_out(client, Target(name, settings(**changes), publish=True), code, ignore)


def test_who_comes_between_settings_and_code_is_noticed(
    client: Client, function: str, tmp_path: Path
) -> None:
    first, second, third = (code(tmp_path, str(number)) for number in range(3))
    deployed(client, function, first, timeout_seconds=3)

    def come_between(_: str) -> None:
        if client.functions.configuration(function).memory_mb == 128:
            deployed(client, function, second, timeout_seconds=9, memory_mb=256)

    target = Target(function, settings(timeout_seconds=9), publish=True)
    with pytest.raises(CannotDeploy, match="Somebody else changed"):
        roll_out(client, target, third, come_between)
    now = client.functions.configuration(function)
    assert (now.code_sha256, now.memory_mb) == (
        deployed(client, function, second).function.code_sha256,
        256,
    )
    again = deployed(client, function, third)
    assert [change.what for change in again.changes] == ["code", "published version"]


def test_who_creates_it_meanwhile_is_noticed(
    client: Client, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = code(tmp_path, "1")
    create = client.functions.create

    def come_first(*arguments: object, **named: object) -> object:
        monkeypatch.undo()
        deployed(client, function, packed)
        return create(*arguments, **named)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(client.functions, "create", come_first)
    with pytest.raises(CannotDeploy, match="meanwhile"):
        deployed(client, function, packed)
    assert deployed(client, function, packed).changes == ()


def test_the_zip_of_a_deployment_is_what_the_service_keeps(
    client: Client, function: str, tmp_path: Path
) -> None:
    made = deployed(client, function, code(tmp_path, "x = 1"))
    assert made.created
    location = client.functions.get(function, qualifier=made.version).code_location
    assert location is not None
    content = httpx.get(location).content
    assert zipfile.ZipFile(io.BytesIO(content)).read("app.py") == b"x = 1"

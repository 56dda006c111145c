"""What the pages of docs/reference print is current, and tells of all that there is."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType

import pytest
from botocore.model import StructureShape

import perdure
from docs.tools import errors, history, limits, operations
from docs.tools.blocks import BLOCK, BLOCKS, COMMAND, FOLDER, printed
from perdure import config, filesystem_serdes, preview, retries, waits
from perdure_service.domain.events import EventType
from perdure_service.domain.limits import DeliveryPolicy, Limits, RetryPolicy
from perdure_service.domain.operations import OperationType
from tests.support.lambda_model import service_model

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_its_blocks_as_the_code_has_them(page: Path) -> None:
    assert page.read_text() == printed(page.read_text()), f"print them again: {COMMAND}"


def test_every_block_stands_on_one_page() -> None:
    found = [block[1] for page in PAGES for block in BLOCK.finditer(page.read_text())]
    assert sorted(found) == sorted(BLOCKS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_stands_in_the_index(page: Path) -> None:
    assert f"(reference/{page.name})" in (ROOT / "docs" / "README.md").read_text()


@pytest.mark.parametrize("type_", EventType)
def test_the_details_of_an_event_are_those_of_the_model(type_: EventType) -> None:
    shape = service_model().shape_for("Event")
    assert isinstance(shape, StructureShape)
    details = shape.members[f"{type_.value}Details"]
    assert isinstance(details, StructureShape)
    full, bare = history.STORIES[type_].details(type_)
    assert full.keys() == details.members.keys()
    assert bare.keys() >= set(details.required_members)


@pytest.mark.parametrize("type_", OperationType)
def test_the_details_of_an_operation_are_those_of_the_model(type_: OperationType) -> None:
    shape = service_model().shape_for("Operation")
    assert isinstance(shape, StructureShape)
    details = shape.members[operations.details_of(type_)]
    assert isinstance(details, StructureShape)
    full, bare = operations.details(type_)
    assert full.keys() == details.members.keys()
    assert bare.keys() >= set(details.required_members)


@pytest.mark.parametrize(
    ("meanings", "of"),
    [
        (limits.LIMITS, Limits),
        (limits.RETRIES, RetryPolicy),
        (limits.DELIVERIES, DeliveryPolicy),
    ],
)
def test_every_limit_has_a_meaning(meanings: Mapping[str, str], of: type[Limits]) -> None:
    assert list(meanings) == [field.name for field in dataclasses.fields(of)]


SDK_NAMES = {*perdure.__all__, *config.__all__} - {"__version__", "Numeric"} | {
    name
    for module in (retries, waits, filesystem_serdes, preview)
    for name, value in vars(module).items()
    if isinstance(value, type | FunctionType)
    and value.__module__ == module.__name__
    and not name.startswith("_")
}


@pytest.mark.parametrize("name", sorted(SDK_NAMES))
def test_every_name_of_the_sdk_is_told(name: str) -> None:
    page = (FOLDER / "sdk.md").read_text()
    assert re.search(rf"\b{name}\b", page)


def test_every_error_type_of_the_service_and_the_worker_is_told() -> None:
    found = {
        type_
        for folder in ("service", "sdk")
        for module in sorted((ROOT / folder).rglob("*.py"))
        for type_ in _error_types(ast.parse(module.read_text()))
    }
    assert found == set(errors.ERROR_TYPES)


def _error_types(tree: ast.AST) -> Iterator[str]:
    """What an ErrorObject is made with, and whatever has the form of a runtime's error."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="ErrorObject"), keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == "type" and isinstance(keyword.value, ast.Constant):
                        yield str(keyword.value.value)
            case ast.Constant(value=str() as text) if _RUNTIME_ERROR.fullmatch(text):
                yield text
            case ast.Constant(value=b"Unhandled"):
                yield "Unhandled"


_RUNTIME_ERROR = re.compile(r"(?:Runtime|Sandbox|Function|Callback|ChainedInvoke)\.[A-Z]\w+")

"""A handler written for AWS's SDK finds every name that it imports."""

from __future__ import annotations

import importlib
import inspect

import pytest

import perdure

AWS = "aws_durable_execution_sdk_python"
MODULES = {
    "": set[str](),
    ".config": {"Numeric"},
    ".retries": {"Numeric"},
    ".waits": {"Numeric"},
    ".exceptions": {
        # Of boto3, its threads and its locks; handlers have no use for them.
        "AwsErrorMetadata", "AwsErrorObj", "BackgroundThreadError", "BotoClientError",
        "CheckpointErrorCategory", "DurableApiErrorCategory", "OrderedLockError",
        "TimedSuspendExecution",
    },
}  # fmt: skip


def names_of(module: str) -> set[str]:
    """The classes and functions that a module of AWS's SDK defines, or lists for everybody."""
    found = importlib.import_module(AWS + module)
    if listed := getattr(found, "__all__", None):
        return set(listed)
    return {
        name
        for name, value in vars(found).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == found.__name__
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_changed_import_line_finds_the_same_names(module: str) -> None:
    ours = importlib.import_module("perdure" + module)
    missing = {name for name in names_of(module) if not hasattr(ours, name)}
    assert missing <= MODULES[module]


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_functions_take_the_same_parameters(module: str) -> None:
    aws = importlib.import_module(AWS + module)
    ours = importlib.import_module("perdure" + module)
    for name in names_of(module) - MODULES[module]:
        theirs = getattr(aws, name)
        if inspect.isfunction(theirs) and hasattr(ours, name):
            assert parameters(getattr(ours, name)) == parameters(theirs), name


@pytest.mark.parametrize(
    "operation",
    [
        "create_callback", "invoke", "map", "parallel", "run_in_child_context", "set_logger",
        "step", "wait", "wait_for_callback", "wait_for_condition",
    ],
)  # fmt: skip
def test_operations_take_the_same_parameters_in_both_contexts(operation: str) -> None:
    aws = getattr(importlib.import_module(f"{AWS}.context").DurableContext, operation)
    for ours in (perdure.DurableContext, perdure.AsyncDurableContext):
        assert parameters(getattr(ours, operation)) == parameters(aws)


def parameters(function: object) -> list[tuple[str, object]]:
    assert callable(function)
    return [(each.name, each.kind) for each in inspect.signature(function).parameters.values()]


def test_every_listed_name_is_there() -> None:
    for name in perdure.__all__:
        assert getattr(perdure, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'durable_exection'"):
        _ = perdure.durable_exection

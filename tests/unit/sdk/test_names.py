"""A handler written for AWS's SDK finds every name that it imports, and may call it as it does.

`WITHOUT` has what there is not, and why; docs/sdk/from-aws.md tells of it.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_durable_execution_sdk_python
import pytest

import perdure

AWS = "aws_durable_execution_sdk_python"
FROM_AWS = Path(__file__).parents[3] / "docs" / "sdk" / "from-aws.md"

PUBLIC = [
    "", ".concurrency.models", ".config", ".context", ".exceptions", ".execution",
    ".filesystem_serdes", ".lambda_service", ".logger", ".preview", ".retries", ".serdes",
    ".types", ".waits",
]  # fmt: skip
WITHOUT_MODULES = {
    ".plugin": "plugins",
    ".plugin_discovery": "plugins",
    ".concurrency": "an empty package",
    ".concurrency.executor": "its threads",
    ".constants": "one limit of its checkpoints",
    ".__about__": "perdure.__version__ has it",
    ".identifier": "how operations are numbered",
    ".operation": "what its operations are made of",
    ".state": "its checkpoints",
    ".suspend": "its end of an invocation",
    ".threading": "its locks",
}
WITHOUT = {
    ".concurrency.models": {
        "Branch", "BranchEvent", "BranchEventKind", "BranchStatus", "CompletionPolicy",
        "CompletionRecord", "Executable", "envelope_summary_generator",
    },
    ".exceptions": {
        # Of boto3, its threads and its locks; no handler sees them.
        "AwsErrorMetadata", "AwsErrorObj", "BackgroundThreadError", "BotoClientError",
        "CheckpointErrorCategory", "DurableApiErrorCategory", "OrderedLockError",
        "TimedSuspendExecution",
    },
    ".execution": {
        "DurableExecutionInvocationInput", "DurableExecutionInvocationInputWithClient",
        "InitialExecutionState", "handle_checkpoint_error",
    },
    ".lambda_service": {
        # What its service client speaks; perdure.service_api has ours.
        "CallbackDetails", "CallbackOptions", "CallbackTimeoutType", "ChainedInvokeDetails",
        "ChainedInvokeOptions", "CheckpointOutput", "CheckpointUpdatedExecutionState",
        "ContextDetails", "ContextOptions", "DurableExecutionInvocationOutput",
        "DurableServiceClient", "ExecutionDetails", "InvocationStatus", "LambdaClient",
        "Operation", "OperationAction", "OperationUpdate", "StateOutput", "StepDetails",
        "StepOptions", "TimestampConverter", "WaitDetails", "WaitOptions",
    },
    ".logger": {"LogInfo"},
    ".serdes": {
        "BytesCodec", "Codec", "ContainerCodec", "DateTimeCodec", "DecimalCodec", "EncodedValue",
        "PrimitiveCodec", "TYPE_CODEC", "TypeCodec", "TypeTag", "UuidCodec",
    },
}  # fmt: skip
WITHOUT_MEMBERS = {
    # Made of the SDK's own state, by the SDK.
    "DurableContext": {"is_virtual", "from_lambda_context", "create_child_context"},
    "Logger": {"from_log_info", "with_log_info", "with_is_replaying"},
}
MADE_BY_THE_SDK = {
    "Callback", "CheckpointError", "DurableContext", "GetExecutionStateError",
    "OrphanedChildException", "SuspendExecution",
}  # fmt: skip


def is_made_by_the_sdk(module: str, name: str) -> bool:
    """Also what `types` has protocols for, on their side."""
    return name in MADE_BY_THE_SDK or (module, name) == (".types", "BatchResult")


def names_of(module: str) -> set[str]:
    """The classes, functions and aliases of types that a module of AWS's SDK has for everybody."""
    found = importlib.import_module(AWS + module)
    if listed := getattr(found, "__all__", None):
        return set(listed)
    return {
        name
        for name, value in vars(found).items()
        if not name.startswith("_")
        and not isinstance(value, typing.TypeVar | typing.ParamSpec)
        and (value is (int | float) or getattr(value, "__module__", None) == found.__name__)
    }


NAMES = [
    (module, name)
    for module in PUBLIC
    for name in sorted(names_of(module) - WITHOUT.get(module, set()))
]


def both(module: str, name: str) -> tuple[Any, Any]:
    aws, ours = (importlib.import_module(package + module) for package in (AWS, "perdure"))
    return getattr(aws, name), getattr(ours, name)


def test_every_module_is_compared_or_left_out_for_a_reason() -> None:
    modules = {
        found.name.removeprefix(AWS)
        for found in pkgutil.walk_packages(aws_durable_execution_sdk_python.__path__, AWS + ".")
    }
    left_out = {
        module
        for module in modules
        if any(module == out or module.startswith(f"{out}.") for out in WITHOUT_MODULES)
    }
    assert modules - left_out | {".concurrency.models"} == set(PUBLIC) - {""}


def test_what_is_left_out_is_not_there_after_all() -> None:
    for module, names in WITHOUT.items():
        ours = importlib.import_module("perdure" + module)
        assert names <= names_of(module)
        assert not [name for name in names if hasattr(ours, name)], module


def test_the_page_for_those_who_come_from_awss_sdk_tells_what_is_left_out() -> None:
    page = FROM_AWS.read_text()
    told = [module for module in WITHOUT_MODULES if not module.startswith((".__", ".concurrency"))]
    assert [module for module in told if f"`{module[1:]}`" not in page] == []


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_changed_import_line_finds_the_same_thing(module: str, name: str) -> None:
    theirs, ours = both(module, name)
    if not inspect.isclass(theirs):
        assert callable(ours) == callable(theirs)
        if inspect.isfunction(theirs):
            assert_takes(ours, theirs)
        return
    assert inspect.isclass(ours)
    assert {base.__name__ for base in ours.__mro__} >= {base.__name__ for base in bases(theirs)}
    if issubclass(theirs, enum.Enum):
        assert values(ours) == values(theirs)
    elif "__init__" in vars(theirs) and not is_made_by_the_sdk(module, name):
        assert_takes(ours, theirs)
    for member in members(theirs) - WITHOUT_MEMBERS.get(name, set()):
        value = inspect.getattr_static(theirs, member, None)
        assert member in members(ours), f"{name}.{member}"
        if isinstance(value, staticmethod | classmethod) or inspect.isfunction(value):
            assert_takes(getattr(ours, member), getattr(theirs, member))


def values(choices: Any) -> dict[str, object]:
    return {one.name: one.value for one in choices}


def bases(one: type) -> Iterator[type]:
    """What an `except` or an `isinstance` may ask for; how AWS's SDK shares code is its own."""
    for base in one.__mro__:
        is_protocol = getattr(base, "_is_protocol", False) or base is typing.Generic
        if not is_protocol and base.__name__ != "BotoClientError":
            yield base


def members(one: type) -> set[str]:
    """Attributes, properties and methods; the fields of dataclasses, and what is only annotated."""
    found = {
        name
        for base in one.__mro__
        if base.__module__.startswith((AWS, "perdure"))
        for name in {**vars(base), **vars(base).get("__annotations__", {})}
    }
    if issubclass(one, BaseException):
        found -= {"from_exception", "build_logger_extras", "is_retriable"}  # of BotoClientError
    return {name for name in found if not name.startswith("_")}


def assert_takes(ours: Any, theirs: Any) -> None:
    """Ours takes every call that theirs takes, with the same defaults."""
    mine, wanted = parameters(ours), parameters(theirs)
    assert list(mine)[: len(wanted)] == list(wanted)
    for name, one in wanted.items():
        assert mine[name].kind == one.kind, name
        if one.default is not one.empty:
            assert shown(mine[name].default) == shown(one.default), name
    for name in mine.keys() - wanted.keys():
        assert mine[name].default is not inspect.Parameter.empty, name


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """A dataclass's defaults are made, if that is what it does."""
    made = {
        field.name: field.default_factory()
        for field in (dataclasses.fields(function) if dataclasses.is_dataclass(function) else ())
        if field.default_factory is not dataclasses.MISSING
    }
    return {
        name: one.replace(default=made[name]) if name in made else one
        for name, one in inspect.signature(function).parameters.items()
    }


def shown(default: object) -> str:
    """The same for both SDKs' objects; a function, or a serdes, by its kind."""
    if inspect.isfunction(default):
        return "a function"
    if "SerDes" in type(default).__name__:
        return type(default).__name__
    return repr(default)


@pytest.mark.parametrize(
    "config",
    [
        "CallbackConfig", "ChildConfig", "CompletionConfig", "Duration", "InvokeConfig",
        "MapConfig", "ParallelConfig", "StepConfig", "WaitForCallbackConfig",
    ],
)  # fmt: skip
def test_a_configuration_without_arguments_is_the_same(config: str) -> None:
    theirs, ours = both(".config", config)
    assert repr(ours()) == repr(theirs())


@pytest.mark.parametrize("name", ["Duration", "JitterStrategy"])
def test_durations_are_pickled_under_the_module_that_handlers_import_them_from(name: str) -> None:
    theirs, ours = both(".config", name)
    assert ours.__module__ == theirs.__module__.replace(AWS, "perdure")


@pytest.mark.parametrize("kind", ["all_completed", "all_successful", "first_successful"])
def test_ready_made_completions_are_the_same(kind: str) -> None:
    theirs, ours = both(".config", "CompletionConfig")
    assert repr(getattr(ours, kind)()) == repr(getattr(theirs, kind)())


@pytest.mark.parametrize(
    "operation",
    [
        "create_callback", "invoke", "is_replaying", "map", "parallel", "run_in_child_context",
        "set_logger", "step", "wait", "wait_for_callback", "wait_for_condition",
    ],
)  # fmt: skip
def test_operations_take_the_same_parameters_in_the_asynchronous_context(operation: str) -> None:
    aws = importlib.import_module(f"{AWS}.context").DurableContext
    assert_takes(getattr(perdure.AsyncDurableContext, operation), getattr(aws, operation))


def test_every_listed_name_is_there() -> None:
    for name in perdure.__all__:
        assert getattr(perdure, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'durable_exection'"):
        _ = perdure.durable_exection

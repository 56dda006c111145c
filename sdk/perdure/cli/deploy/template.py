"""AWS::Serverless::Function, read from a template of AWS SAM.

A template says more than functions. What Perdure has no use for, such as roles, is left out and
told; what would be missed when it is not there, such as events, is refused, unless the caller says
that it may be left out as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from perdure.cli.deploy.document import read_template
from perdure.cli.deploy.intrinsics import Names, resolved
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.target import Target
from perdure.client import DurableConfig, FunctionSettings
from perdure.client.results.functions import logging_config

T = TypeVar("T")

FUNCTION: Final = "AWS::Serverless::Function"

_KINDS: Final[Mapping[type, str]] = {str: "text", dict: "map"}
_USELESS_PROPERTIES: Final = frozenset(
    {
        "Architectures",
        "EphemeralStorage",
        "PermissionsBoundary",
        "Policies",
        "Role",
        "RuntimeManagementConfig",
        "Tracing",
    }
)
_USELESS_RESOURCES: Final = ("AWS::IAM::", "AWS::Logs::LogGroup", "AWS::CloudWatch::")
_READ: Final = frozenset(
    {
        "AutoPublishAlias",
        "CodeUri",
        "DeadLetterQueue",
        "Description",
        "DurableConfig",
        "Environment",
        "FunctionName",
        "Handler",
        "ImageUri",
        "LoggingConfig",
        "MemorySize",
        "PackageType",
        "ReservedConcurrentExecutions",
        "Runtime",
        "Tags",
        "Timeout",
        "VersionDescription",
    }
)


@dataclass(frozen=True, slots=True)
class Template:
    """`left_out` names what has no meaning here, or what the caller allowed to be missing."""

    targets: tuple[Target, ...]
    left_out: tuple[str, ...]


def targets_of(
    path: Path,
    *,
    parameters: Mapping[str, str],
    region: str,
    account: str,
    leave_out_unsupported: bool = False,
) -> Template:
    """Its functions. Raises CannotDeploy, naming all that it cannot do."""
    document = read_template(path)
    resources: Mapping[str, Any] = document["Resources"]
    functions = {
        logical: _merged(_globals(document), _properties(resource))
        for logical, resource in resources.items()
        if isinstance(resource, dict) and resource.get("Type") == FUNCTION
    }
    if not functions:
        raise CannotDeploy(f"{path} has no {FUNCTION}: there is nothing to deploy.")
    useless, unsupported = _rest(resources, functions)
    if unsupported and not leave_out_unsupported:
        raise CannotDeploy(
            f"{path} asks for what Perdure does not do:\n"
            + "".join(f"  {one}\n" for one in unsupported)
            + "Take it out, or say --leave-out-unsupported to deploy the functions alone."
        )
    names = _names(document, functions, parameters, region, account)
    targets = (_target(path, logical, functions[logical], names) for logical in functions)
    return Template(tuple(targets), (*useless, *unsupported))


def _rest(
    resources: Mapping[str, Any], functions: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], list[str]]:
    useless: list[str] = []
    unsupported: list[str] = []
    for logical, resource in resources.items():
        type_ = str(resource.get("Type") if isinstance(resource, dict) else None)
        if logical not in functions:
            fitting = useless if type_.startswith(_USELESS_RESOURCES) else unsupported
            fitting.append(f"{logical} ({type_})")
            continue
        for name in functions[logical].keys() - _READ:
            fitting = useless if name in _USELESS_PROPERTIES else unsupported
            fitting.append(f"{logical}.{name}")
    return sorted(useless), sorted(unsupported)


def _names(
    document: Mapping[str, Any],
    functions: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, str],
    region: str,
    account: str,
) -> Names:
    declared: Mapping[str, Any] = document.get("Parameters") or {}
    unknown = sorted(parameters.keys() - declared.keys())
    if unknown:
        raise CannotDeploy(f"The template has no parameter {', '.join(unknown)}.")
    defaults = {
        name: parameter["Default"]
        for name, parameter in declared.items()
        if isinstance(parameter, dict) and "Default" in parameter
    }
    pseudo = {
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    values = {**pseudo, **defaults, **parameters}
    # A function's name may hold parameters, not other functions.
    plain = Names(values, {}, str)
    called = {
        logical: str(resolved(properties.get("FunctionName", logical), plain, logical))
        for logical, properties in functions.items()
    }
    prefix = f"arn:aws:lambda:{region}:{account}:function:"
    return Names(values, called, lambda name: prefix + name)


def _globals(document: Mapping[str, Any]) -> Mapping[str, Any]:
    globals_ = document.get("Globals") or {}
    found = globals_.get("Function") or {}
    return found if isinstance(found, dict) else {}


def _properties(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource.get("Properties") or {}


def _merged(general: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """As SAM does: maps are merged, lists joined, anything else is replaced."""
    merged = dict(general)
    for name, value in own.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and not _is_call(value):
            merged[name] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            merged[name] = [*before, *value]
        else:
            merged[name] = value
    return merged


def _is_call(value: Mapping[str, Any]) -> bool:
    return any(name == "Ref" or name.startswith("Fn::") for name in value)


def _target(path: Path, logical: str, raw: Mapping[str, Any], names: Names) -> Target:
    known = {name: value for name, value in raw.items() if name in _READ}
    read = _Properties(resolved(known, names, logical), logical)
    durable = read.optional("DurableConfig", dict)
    image = read.optional("ImageUri", str)
    if (read.optional("PackageType", str) == "Image") != (image is not None):
        raise CannotDeploy(f"{logical}: PackageType Image and an ImageUri go together.")
    alias = read.optional("AutoPublishAlias", str)
    variables = (read.optional("Environment", dict) or {}).get("Variables")
    return Target(
        name=names.functions[logical],
        settings=FunctionSettings(
            runtime=read.optional("Runtime", str),
            handler=read.optional("Handler", str),
            description=read.optional("Description", str),
            timeout_seconds=read.number("Timeout"),
            memory_mb=read.number("MemorySize"),
            environment=None if variables is None else _texts(variables),
            durable=None if durable is None else _durable(_Properties(durable, logical)),
            logging=logging_config(read.optional("LoggingConfig", dict)),
            dead_letter_target=(read.optional("DeadLetterQueue", dict) or {}).get("TargetArn"),
        ),
        folder=None if image is not None else _folder(path, read),
        image=image,
        durable=durable is not None,
        publish=alias is not None,
        alias=alias,
        tags=_texts(read.optional("Tags", dict) or {}),
        reserved_concurrency=read.number("ReservedConcurrentExecutions"),
        version_description=read.optional("VersionDescription", str),
    )


def _folder(path: Path, read: _Properties) -> Path:
    uri = read.optional("CodeUri", str) or "."
    if uri.startswith("s3://"):
        raise CannotDeploy(f"{read.of}.CodeUri must be a folder beside the template, not in S3.")
    folder = (path.parent / uri).resolve()
    if not folder.is_dir():
        raise CannotDeploy(f"{read.of}.CodeUri names {folder}, which is no folder.")
    return folder


def _durable(read: _Properties) -> DurableConfig:
    return DurableConfig(read.number("ExecutionTimeout"), read.number("RetentionPeriodInDays"))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """As CloudFormation spells booleans and numbers."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class _Properties:
    values: Mapping[str, Any]
    of: str

    def optional(self, name: str, kind: type[T]) -> T | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, kind):
            raise CannotDeploy(f"{self.of}.{name} must be a {_KINDS[kind]}, not {value!r}.")
        return value

    def number(self, name: str) -> int | None:
        """Parameters are texts, of numbers too."""
        value = self.values.get(name)
        try:
            return None if value is None else int(value)
        except (TypeError, ValueError):
            raise CannotDeploy(f"{self.of}.{name} must be a number, not {value!r}.") from None

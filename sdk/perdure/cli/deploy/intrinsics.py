"""CloudFormation's functions, as far as their value is known before anything is deployed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from perdure.cli.deploy.refusal import CannotDeploy

_PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Names:
    """What a template may refer to. `values` are parameters and AWS::Region and the like,
    `functions` the names of functions by their logical ids, `arn` makes a function's ARN."""

    values: Mapping[str, Any]
    functions: Mapping[str, str]
    arn: Callable[[str], str]

    def ref(self, name: str, where: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name in self.functions:
            return self.functions[name]
        raise CannotDeploy(
            f"{where} refers to {name}, which is neither a parameter with a value nor a function "
            "of this template: give it with --parameter NAME=VALUE."
        )

    def attribute(self, name: str, attribute: str, where: str) -> str:
        if name in self.functions and attribute == "Arn":
            return self.arn(self.functions[name])
        raise CannotDeploy(
            f"{where} asks for {name}.{attribute}: only the Arn of a function of this template is "
            "known. Write the value itself."
        )


def resolved(value: Any, names: Names, where: str) -> Any:
    """`value` with its references replaced. Raises CannotDeploy, with the place, for others."""
    match value:
        case {"Ref": str() as name} if len(value) == 1:
            return names.ref(name, where)
        case {"Fn::GetAtt": str() as path} if len(value) == 1:
            name, _, attribute = path.partition(".")
            return names.attribute(name, attribute, where)
        case {"Fn::GetAtt": [str() as name, str() as attribute]} if len(value) == 1:
            return names.attribute(name, attribute, where)
        case {"Fn::Sub": str() as text} if len(value) == 1:
            return _substituted(text, names, {}, where)
        case {"Fn::Sub": [str() as text, dict() as more]} if len(value) == 1:
            return _substituted(text, names, resolved(more, names, where), where)
        case {"Fn::Join": [str() as between, list() as parts]} if len(value) == 1:
            return between.join(str(resolved(part, names, where)) for part in parts)
        case dict():
            for key in value:
                if str(key).startswith("Fn::") or key == "Condition":
                    raise CannotDeploy(
                        f"{where} uses {key}, which is not known here: write the value itself. "
                        "Known are Ref, GetAtt of a function's Arn, Sub and Join."
                    )
            return {key: resolved(one, names, f"{where}.{key}") for key, one in value.items()}
        case list():
            return [resolved(one, names, f"{where}[{at}]") for at, one in enumerate(value)]
        case _:
            return value


def _substituted(text: str, names: Names, more: Mapping[str, Any], where: str) -> str:
    def replacement(found: re.Match[str]) -> str:
        literal, name = found.groups()
        if literal:
            return f"${{{name}}}"
        if name in more:
            return str(more[name])
        logical, dot, attribute = name.partition(".")
        if dot:
            return names.attribute(logical, attribute, where)
        return str(names.ref(name, where))

    return _PLACEHOLDER.sub(replacement, text)

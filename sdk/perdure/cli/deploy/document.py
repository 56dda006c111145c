"""Reading a template: YAML with CloudFormation's tags, or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from perdure.cli.deploy.refusal import CannotDeploy


class _Loader(yaml.SafeLoader):
    """Plain values only; `!Name x` becomes what its long form says."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {name: loader.construct_mapping(node, deep=True)}
        case _:
            raise yaml.constructor.ConstructorError(None, None, f"!{suffix}", node.start_mark)


_Loader.add_multi_constructor("!", _tagged)
# A date is the text that it was written as: AWSTemplateFormatVersion is one.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_template(path: Path) -> dict[str, Any]:
    """Raises CannotDeploy unless it is a template."""
    try:
        document = yaml.load(path.read_text(), _Loader)  # noqa: S506  a SafeLoader
    except OSError as error:
        raise CannotDeploy(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CannotDeploy(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise CannotDeploy(f"{path} is no template of SAM: it has no Resources.")
    return document

"""Environments, runtimes, aliases."""

from __future__ import annotations

from typing import Any

import pytest

from perdure_service.domain.environment import MAX_ENVIRONMENT_BYTES, check_environment
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import Alias, WeightedVersion, is_alias
from perdure_service.domain.runtimes import RUNTIMES
from tests.support.functions import ACCOUNT, REGION, function_version
from tests.support.lambda_model import service_model


def test_the_runtimes_are_those_of_the_model() -> None:
    model: Any = service_model().shape_for("Runtime")
    assert sorted(RUNTIMES) == sorted(model.enum)


def test_an_environment_may_have_four_kilobytes_as_json() -> None:
    fits = {"KEY": "x" * (MAX_ENVIRONMENT_BYTES - len('{"KEY":""}'))}
    assert check_environment(fits) == fits
    with pytest.raises(InvalidParameterValue, match="exceeded the 4KB limit"):
        check_environment({"KEY": fits["KEY"] + "x"})


def test_an_environment_is_in_no_repr() -> None:
    assert "hush" not in repr(function_version(environment={"KEY": "hush"}))


def test_an_alias_draws_by_weight() -> None:
    alias = Alias(ACCOUNT, REGION, "order", "live", "1", "", "r", WeightedVersion("2", 0.25))
    drawn = [alias.version_for(n / 100) for n in range(100)]
    assert drawn == ["2"] * 25 + ["1"] * 75
    sure = Alias(ACCOUNT, REGION, "order", "live", "1", "", "r", WeightedVersion("2", 1.0))
    assert sure.version_for(0.999_999) == "2"


@pytest.mark.parametrize(
    ("qualifier", "expected"),
    [("1", False), ("$LATEST", False), ("$LATEST.PUBLISHED", False), ("live", True), ("v1", True)],
)
def test_an_alias_is_told_from_a_version(qualifier: str, expected: bool) -> None:
    assert is_alias(qualifier) is expected

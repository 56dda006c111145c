"""Names of executions and functions, as callers and AWS's SDKs write them."""

from __future__ import annotations

import pytest

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.ids import (
    EXECUTION_ARN_PATTERN,
    ExecutionArn,
    FunctionAddress,
    execution_id,
    function_arn,
    is_uuid,
    part_for_name,
    part_of,
)
from perdure_service.domain.instant import Instant, epoch_milliseconds, epoch_seconds
from tests.support.executions import EPOCH, identity

ARN = "arn:aws:lambda:us-east-1:000000000000:function:order"
EXECUTION = f"{ARN}:1/durable-execution/order-1/{identity().id}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("order", FunctionAddress("order")),
        ("order:1", FunctionAddress("order", "1")),
        ("order:$LATEST", FunctionAddress("order", "$LATEST")),
        ("000000000000:function:order", FunctionAddress("order", None, "000000000000")),
        (ARN, FunctionAddress("order", None, "000000000000", "us-east-1")),
        (f"{ARN}:live-2", FunctionAddress("order", "live-2", "000000000000", "us-east-1")),
        (
            f"{ARN.replace('arn:aws:', 'arn:aws-cn:')}:$LATEST",
            FunctionAddress("order", "$LATEST", "000000000000", "us-east-1"),
        ),
    ],
)
def test_a_function_is_addressed_in_three_forms(text: str, address: FunctionAddress) -> None:
    assert FunctionAddress.parse(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "a b", "order:", ":1", "order:$OLDEST", "x" * 65, f"{ARN}:1:2", "1:function:order", "ö"],
)
def test_another_form_is_refused_with_a_word_of_help(text: str) -> None:
    with pytest.raises(InvalidParameterValue, match=r"give a function name, name:qualifier"):
        FunctionAddress.parse(text)


def test_an_execution_arn_reads_back() -> None:
    arn = ExecutionArn.parse(EXECUTION)
    assert str(arn) == EXECUTION == identity().arn
    assert (arn.function_name, arn.version, arn.name, arn.id) == (
        "order",
        "1",
        "order-1",
        identity().id,
    )
    assert str(ExecutionArn.parse(EXECUTION.replace(":1/", ":$LATEST/"))).count("$LATEST") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        ARN,
        EXECUTION.replace(":1/", ":live/"),
        EXECUTION.replace(":1/", "/"),
        EXECUTION.replace("order-1", "order 1"),
        EXECUTION + "/",
        EXECUTION.replace("000000000000", "\u0660" * 12),
        EXECUTION.replace("/", "%2F"),
    ],
)
def test_another_arn_is_refused_with_lambdas_pattern(text: str) -> None:
    with pytest.raises(InvalidParameterValue) as refused:
        ExecutionArn.parse(text)
    assert refused.value.message == (
        f"1 validation error detected: Value '{text}' at 'durableExecutionArn' failed to satisfy "
        f"constraint: Member must satisfy regular expression pattern: {EXECUTION_ARN_PATTERN}"
    )


def test_an_arn_over_the_limit_is_refused_with_its_length() -> None:
    with pytest.raises(InvalidParameterValue, match=r"have length less than or equal to 1024$"):
        ExecutionArn.parse(EXECUTION + "a" * 1_024)


def test_a_function_arn_carries_the_callers_qualifier() -> None:
    assert identity().function_arn == f"{ARN}:live"
    assert function_arn("000000000000", "us-east-1", "order") == ARN


@pytest.mark.parametrize("part", [0, 1, 4_095])
def test_an_execution_id_is_a_version_7_uuid_that_ends_in_its_part(part: int) -> None:
    id_ = execution_id(EPOCH, 2**62 - 1, part)
    assert is_uuid(id_)
    assert part_of(id_) == part
    assert id_[14] == "7"
    assert id_[19] in "89ab"
    assert int(id_.replace("-", "")[:12], 16) == EPOCH // 1_000


def test_execution_ids_sort_by_time() -> None:
    later = [execution_id(Instant(EPOCH + n * 250), 2**62 - 1 - n, 0) for n in range(20)]
    assert later == sorted(later)


def test_a_name_has_one_part() -> None:
    part = part_for_name("000000000000", "order", "order-1")
    assert part == part_for_name("000000000000", "order", "order-1")
    assert 0 <= part < 4_096
    parts = {part_for_name("000000000000", "order", f"order-{n}") for n in range(200)}
    assert len(parts) > 150


@pytest.mark.parametrize("text", ["", "x", identity().id.upper(), identity().id + "0"])
def test_only_the_canonical_form_is_a_uuid(text: str) -> None:
    assert not is_uuid(text)


def test_milliseconds_are_never_early() -> None:
    assert [epoch_milliseconds(Instant(n)) for n in (0, 1, 999, 1_000, 1_001)] == [0, 1, 1, 1, 2]
    assert epoch_seconds(Instant(1_500_000)) == 1.5

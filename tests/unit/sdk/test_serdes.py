"""Values are written as AWS's SDK writes them, and read back as they were."""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pytest
from aws_durable_execution_sdk_python.serdes import ExtendedTypeSerDes as AwsSerDes
from hypothesis import given
from hypothesis import strategies as st

from perdure.concurrency.models import BatchItem, BatchResult, CompletionReason
from perdure.config import BatchItemStatus
from perdure.exceptions import SerDesError
from perdure.lambda_service import ErrorObject
from perdure.serdes import EXTENDED_TYPES_SERDES, SerDesContext, deserialize, serialize

CONTEXT = SerDesContext()
KEPT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.just(datetime.UTC) | st.none()),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(KEPT)
def test_any_value_is_written_as_by_awss_sdk_and_comes_back(value: Any) -> None:
    text = EXTENDED_TYPES_SERDES.serialize(value, CONTEXT)
    assert text == AwsSerDes().serialize(value)  # type: ignore[no-untyped-call]
    back = EXTENDED_TYPES_SERDES.deserialize(text, CONTEXT)
    assert back == value
    assert type(back) is type(value)


class Colour(str, enum.Enum):  # noqa: UP042  the kind that Python 3.10 had
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    "value",
    [
        {"c": Colour.RED, "n": Level.HIGH},
        OrderedDict(a=1),
        bytearray(b"x"),
        [Colour.RED],
        (True, 1),
    ],
)
def test_subclasses_are_written_as_what_they_are_made_of(value: Any) -> None:
    aws = json.loads(AwsSerDes().serialize(value))  # type: ignore[no-untyped-call]
    assert json.loads(EXTENDED_TYPES_SERDES.serialize(value, CONTEXT)) == aws


def test_a_batch_comes_back_as_a_batch() -> None:
    done: BatchResult[Any] = BatchResult(
        [
            BatchItem(0, BatchItemStatus.SUCCEEDED, (1, uuid.UUID(int=1))),
            BatchItem(1, BatchItemStatus.FAILED, error=ErrorObject("no", "app.BrokenError")),
            BatchItem(2, BatchItemStatus.STARTED),
        ],
        CompletionReason.MIN_SUCCESSFUL_REACHED,
    )
    text = EXTENDED_TYPES_SERDES.serialize([done], CONTEXT)
    assert EXTENDED_TYPES_SERDES.deserialize(text, CONTEXT) == [done]


@pytest.mark.parametrize("value", [object(), {1, 2}, [print], {"deep": {"x": 1j}}, {(1, 2): 3}])
def test_what_json_has_no_form_for_is_refused_with_its_type(value: Any) -> None:
    with pytest.raises(SerDesError, match="has no JSON form"):
        serialize(None, value, "id", "arn")


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"t": "?", "v": 1}', '[{"t": "x"}]'])
def test_a_text_of_another_serdes_is_refused(text: str) -> None:
    with pytest.raises(SerDesError):
        deserialize(None, text, "id", "arn")


def test_decimals_and_times_keep_what_they_have() -> None:
    for value in (Decimal("1.50"), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)):
        text = serialize(None, [value], "id", "arn")
        assert str(deserialize(None, text, "id", "arn")[0]) == str(value)

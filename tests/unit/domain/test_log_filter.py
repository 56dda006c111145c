"""Filter patterns: what they match, and what is none."""

from __future__ import annotations

import json
import re

import pytest

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.log_filter import parse_filter

LOG = {
    "level": "ERROR",
    "ms": 120,
    "path": "/api/orders/7",
    "user": {"name": "Ann", "a-b": 1},
    "items": [{"sku": "x"}, {"sku": "y"}],
    "none": None,
    "yes": True,
    "text": "120",
}


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ("one two", "two and one", True),
        ("one two", "only one", False),
        ('"out of memory"', "runtime out of memory", True),
        ('"out of memory"', "memory out of", False),
        (r'"say \"hi\""', 'they say "hi"', True),
        ("ERROR -ignored", "ERROR ignored", False),
        ('ERROR -"not this"', "ERROR not that", True),
        ("-debug", "info", True),
        ("?one ?two", "two", True),
        ("?one ?two", "three", False),
        ("?one three", "three", True),
        ("2026-11-27", "at 2026-11-27T", True),
        ("[", "[", None),
        ('"open', "open", None),
        ("%a+%", "aaa", None),
    ],
)
def test_terms(pattern: str, message: str, matches: bool | None) -> None:
    if matches is None:
        with pytest.raises(InvalidParameterValue, match="Invalid filter pattern"):
            parse_filter(pattern)
    else:
        assert parse_filter(pattern)(message) is matches


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('$.level = "ERROR"', True),
        ("$.level = ERROR", True),
        ('$.level != "INFO"', True),
        ('$.missing != "INFO"', False),
        ('$.level = "E*R"', True),
        ('$.level = "*"', True),
        ('$.level = "E*X*R"', False),
        ('$.path = "/api/*/7"', True),
        ('$.path = "*orders*"', True),
        ('$.level = "ERRORERROR*"', False),
        ("$.ms = 120", True),
        ('$.ms = "120"', False),
        ("$.text = 120", False),
        ('$.text = "120"', True),
        ("$.ms > 100 && $.ms < 1.3e2", True),
        ("$.ms >= 120 && $.ms <= 119", False),
        ("$.yes = 1", False),
        ("$.yes IS TRUE", True),
        ("$.yes is false", False),
        ("$.none IS NULL", True),
        ("$.missing IS NULL", False),
        ("$.missing NOT EXISTS", True),
        ("$.none NOT EXISTS", False),
        ('$.user.name = "Ann"', True),
        ("$.user.a-b = 1", True),
        ('$["user"]["name"] = "Ann"', True),
        ('$.items[1].sku = "y"', True),
        ('$.items[2].sku = "y"', False),
        ('$.items[*].sku = "y"', True),
        ('$.level = "INFO" || $.ms = 120', True),
        ('$.level = "INFO" && $.ms = 120 || $.yes IS TRUE', True),
        ('$.level = "INFO" && ($.ms = 120 || $.yes IS TRUE)', False),
    ],
)
def test_conditions_on_json(condition: str, matches: bool) -> None:
    assert parse_filter(f"{{ {condition} }}")(json.dumps(LOG)) is matches
    assert parse_filter(f"{{{condition}}}")("not JSON") is False


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("", "begins with a member"),
        ("level = 1", "begins with a member"),
        ("$.level", "give a comparison"),
        ("$.level =", "a value is missing"),
        ("$.level > high", "> compares with a number"),
        ("$.level = %a%", "regular expressions"),
        ("($.a = 1", "parenthesis is not closed"),
        ("$.a = 1 )", "')' was not expected"),
        ("$.a IS 5", "IS takes"),
        ("$.a NOT 5", "give a comparison"),
        ('$.a = "open', "cannot be read"),
        ("(" * 50 + "$.a = 1" + ")" * 50, "too deeply"),
    ],
)
def test_what_is_no_condition_says_why(condition: str, reason: str) -> None:
    with pytest.raises(InvalidParameterValue, match=re.escape(reason)):
        parse_filter(f"{{ {condition} }}")


def test_a_pattern_is_neither_long_nor_open() -> None:
    with pytest.raises(InvalidParameterValue, match="1024"):
        parse_filter("x" * 1_025)
    with pytest.raises(InvalidParameterValue, match="is missing"):
        parse_filter("{ $.a = 1")

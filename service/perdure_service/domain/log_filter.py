"""Filter patterns of CloudWatch Logs: which messages match.

    one two          both terms are in it
    "a phrase"       so is this
    -"not this"      and this is not
    ?one ?two        one of them is; beside other terms these do not count, as on AWS
    { $.level = "ERROR" && ($.ms > 100 || $.path = "/api*") }
                     the message is JSON and fulfils the condition

Patterns of columns in brackets and regular expressions are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from perdure_service.domain.errors import InvalidParameterValue

MAX_PATTERN_CHARACTERS = 1_024

Matches = Callable[[str], bool]
Condition = Callable[[object], bool]

_MAX_DEPTH = 32
_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))', re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<and>&&)|(?P<or>\|\|)|(?P<compare>!=|>=|<=|=|>|<)|(?P<open>\()|(?P<close>\))"
    r'|(?P<selector>\$(?:\.[A-Za-z_@][\w@-]*|\[(?:\d{1,6}|\*|"(?:[^"\\]|\\.)*")\])*)'
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()&|=<>!"$]+))',
    re.DOTALL,
)
_STEP = re.compile(r'\.([A-Za-z_@][\w@-]*)|\[(?:(\d+)|(\*)|"((?:[^"\\]|\\.)*)")\]', re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_MISSING = object()


def parse_filter(pattern: str) -> Matches:
    """Raises InvalidParameterValue, its text what is wrong."""
    text = pattern.strip()
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise _invalid(f"it has more than {MAX_PATTERN_CHARACTERS} characters")
    if not text:
        return lambda message: True
    if text.startswith("{"):
        return _json_filter(text)
    if text.startswith("["):
        raise _invalid("patterns of columns are not supported here: give terms or { } for JSON")
    if text.startswith("%"):
        raise _invalid("regular expressions are not supported here: give terms or { } for JSON")
    return _term_filter(text)


def _term_filter(text: str) -> Matches:
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise _invalid("a quotation mark is not closed")
        sign, quoted, bare = match.groups()
        terms[sign].append(bare if quoted is None else _unescaped(quoted))
        position = match.end()
    wanted, unwanted, either = terms[""], terms["-"], terms["?"]
    if wanted or unwanted:
        either = []

    def matches(message: str) -> bool:
        return (
            all(term in message for term in wanted)
            and not any(term in message for term in unwanted)
            and (not either or any(term in message for term in either))
        )

    return matches


def _json_filter(text: str) -> Matches:
    if not text.endswith("}"):
        raise _invalid("the } at its end is missing")
    condition = _Parser(text[1:-1]).condition()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return condition(document)

    return matches


class _Parser:
    """Recursive descent over the inside of the braces."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def condition(self) -> Condition:
        condition = self._either(0)
        if self._next < len(self._tokens):
            raise _invalid(f"'{self._tokens[self._next][1]}' was not expected")
        return condition

    def _either(self, depth: int) -> Condition:
        if depth > _MAX_DEPTH:
            raise _invalid("it is nested too deeply")
        choices = [self._all(depth)]
        while self._take("or"):
            choices.append(self._all(depth))
        return choices[0] if len(choices) == 1 else lambda doc: any(c(doc) for c in choices)

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._take("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda doc: all(c(doc) for c in parts)

    def _one(self, depth: int) -> Condition:
        if self._take("open"):
            condition = self._either(depth + 1)
            if not self._take("close"):
                raise _invalid("a parenthesis is not closed")
            return condition
        selector = self._take("selector")
        if selector is None:
            raise _invalid("a condition begins with a member such as $.level")
        steps = _steps(selector)
        word = (self._take("word") or "").upper()
        if word == "IS":
            return _is(steps, (self._take("word") or "").upper())
        if word == "NOT" and (self._take("word") or "").upper() == "EXISTS":
            return lambda document: not any(True for _ in _values(document, steps))
        compare = self._take("compare")
        if word or compare is None:
            raise _invalid(f"after {selector} give a comparison, IS NULL, IS TRUE or NOT EXISTS")
        return self._comparison(steps, compare)

    def _comparison(self, steps: list[str | int | None], compare: str) -> Condition:
        quoted = self._take("quoted")
        word = None if quoted is not None else self._take("word")
        if quoted is None and word is None:
            raise _invalid(f"after {compare} a value is missing")
        if word is not None and word.startswith("%"):
            raise _invalid("regular expressions are not supported here")
        test = _test_of(compare, _unescaped(quoted) if quoted is not None else None, word)
        return lambda document: any(map(test, _values(document, steps)))

    def _take(self, kind: str) -> str | None:
        if self._next < len(self._tokens) and self._tokens[self._next][0] == kind:
            self._next += 1
            return self._tokens[self._next - 1][1]
        return None


def _test_of(compare: str, quoted: str | None, word: str | None) -> Condition:
    """A bare number is compared with numbers, anything else with texts; * stands for anything."""
    if word is not None and _NUMBER.fullmatch(word):
        number = float(word)
        return lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and _ORDERS[compare](value, number)
        )
    if compare not in ("=", "!="):
        raise _invalid(f"{compare} compares with a number")
    alike = _alike(quoted if quoted is not None else word or "")
    wanted = compare == "="
    return lambda value: isinstance(value, str) and alike(value) is wanted


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, number: value == number,
    "!=": lambda value, number: value != number,
    ">": lambda value, number: value > number,
    ">=": lambda value, number: value >= number,
    "<": lambda value, number: value < number,
    "<=": lambda value, number: value <= number,
}


def _alike(pattern: str) -> Callable[[str], bool]:
    first, *others = pattern.split("*")
    if not others:
        return lambda text: text == pattern
    *middle, last = others

    def alike(text: str) -> bool:
        if not text.startswith(first) or not text.endswith(last):
            return False
        position, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return position <= end

    return alike


def _is(steps: list[str | int | None], what: str) -> Condition:
    wanted = {"NULL": None, "TRUE": True, "FALSE": False}
    if what not in wanted:
        raise _invalid("IS takes NULL, TRUE or FALSE")
    return lambda document: any(value is wanted[what] for value in _values(document, steps))


def _values(document: object, steps: list[str | int | None]) -> Iterator[object]:
    """What is there; more than one where a step is [*]."""
    found = [document]
    for step in steps:
        found = [inner for outer in found for inner in _inner(outer, step)]
    yield from found


def _inner(outer: object, step: str | int | None) -> list[object]:
    match outer, step:
        case dict(), str():
            value = outer.get(step, _MISSING)
            return [] if value is _MISSING else [value]
        case list(), int() if step < len(outer):
            return [outer[step]]
        case list(), None:
            return outer
        case _:
            return []


def _steps(selector: str) -> list[str | int | None]:
    return [
        name or (int(index) if index else None if every else _unescaped(quoted or ""))
        for name, index, every, quoted in _STEP.findall(selector)
    ]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _invalid(f"'{text[position:].strip()[:20]}' cannot be read")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _invalid(reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid filter pattern: {reason}.")

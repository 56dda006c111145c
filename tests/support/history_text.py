"""The text of an expected history, read: see `tests.support.history` for the form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_FACT = re.compile(r"([a-z_]+)=")
_BARE = re.compile(r"\S+")
_STRAND = re.compile(r"\s*([\w.*?-]+)\|\s*(.+)")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One expected event."""

    text: str
    type: str
    name: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Block:
    """Strands that come in any mixture. `free` lines may come again and again, `maybe` once."""

    strands: list[list[Line]] = field(default_factory=list)
    free: list[Line] = field(default_factory=list)
    maybe: list[Line] = field(default_factory=list)


def parse(text: str, words: Mapping[str, str]) -> Iterator[Line | Block]:
    """The lines and blocks in order; `words` are put for their names in braces."""
    block: Block | None = None
    strands: dict[str, list[Line]] = {}
    for word, meaning in words.items():
        text = text.replace(f"{{{word}}}", meaning)
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        strand = _STRAND.fullmatch(line)
        if strand is None:
            if block is not None:
                yield block
                block, strands = None, {}
            yield _line(line)
            continue
        block = block or Block()
        label, rest = strand.groups()
        if label == "*":
            block.free.append(_line(rest))
        elif label == "?":
            block.maybe.append(_line(rest))
        else:
            for key, numbered in _numbered(label, rest):
                if key not in strands:
                    strands[key] = []
                    block.strands.append(strands[key])
                strands[key].append(_line(numbered))
    if block is not None:
        yield block


def literal(value: Any) -> str:
    """The value as a line has it: without quotes where it cannot be mistaken."""
    if isinstance(value, str) and _BARE.fullmatch(value) and '"' not in value:
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _numbered(label: str, line: str) -> Iterator[tuple[str, str]]:
    numbers = _RANGE.fullmatch(label)
    if numbers is None:
        yield label, line
        return
    for number in range(int(numbers[1]), int(numbers[2]) + 1):
        yield f"{label} {number}", line.replace("{}", str(number))


def _line(text: str) -> Line:
    text = text.strip()
    type_, _, rest = text.partition(" ")
    rest = rest.strip()
    name: str | None = None
    if rest and not _FACT.match(rest):
        name, rest = _value(rest)
        assert name is None or isinstance(name, str), f"quote the name in {text!r}"
    facts: dict[str, Any] = {}
    while rest:
        fact = _FACT.match(rest)
        assert fact is not None, f"not a fact: {rest!r} in {text!r}"
        facts[fact[1]], rest = _value(rest[fact.end() :])
    return Line(text, type_, name, facts)


def _value(text: str) -> tuple[Any, str]:
    """The JSON value or bare word at the start, and what follows it."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
        if end == len(text) or text[end].isspace():
            return value, text[end:].strip()
    except ValueError:
        pass
    bare = _BARE.match(text)
    assert bare is not None, f"a value is missing before {text!r}"
    return bare[0], text[bare.end() :].strip()

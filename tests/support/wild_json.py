"""JSON as nobody should write it, for hypothesis to send.

HYPOTHESIS_PROFILE=thorough searches for longer; in CI the same examples are drawn each time.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
LIMITED = settings(
    max_examples=1_000 if THOROUGH else 25,
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[*Phase] if THOROUGH else [Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Every example is a few calls of a running service."""

LONE_SURROGATES = ["\ud800", "x\udfff", "\udc00\ud800"]
ODD_TEXTS = ["", "\0", " ", "é", "\U0001f980", "a" * 300, "../..", "%00", "\r\nX: y", "￿"]
ODD_NUMBERS = [0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 1e308, -0.0]
ODD_LITERALS = [
    "NaN",
    "-Infinity",
    "1e999",
    "01",
    "+1",
    "tru",
    "'a'",
    "",
    '"\t"',
    '"\\x"',
    "\ufeff1",
]

texts = st.sampled_from([*ODD_TEXTS, *LONE_SURROGATES]) | st.text(max_size=20)
scalars = st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.integers() | texts
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def deep(depth: int) -> str:
    return '{"a":[' * depth + "1" + "]}" * depth


def written_twice(body: dict[str, Any], key: str, other: Any) -> str:
    """The object with one of its keys in it two times; the last is its own."""
    whole = json.dumps(body)
    return "{" + f"{json.dumps(key)}: {json.dumps(other)}, " + whole[1:]


def broken(text: str) -> st.SearchStrategy[bytes]:
    """Bytes near a JSON text: cut, with something in the middle of it, or not in UTF-8."""
    place = st.integers(0, len(text))
    inserted = st.sampled_from([*ODD_LITERALS, "\0", "}", '"', ",", "\\ud800", deep(300)])
    return st.one_of(
        place.map(lambda at: text[:at].encode()),
        st.builds(lambda at, what: (text[:at] + what + text[at:]).encode(), place, inserted),
        place.map(lambda at: text[:at].encode() + b"\xff" + text[at:].encode()),
        st.binary(max_size=40),
        st.just(text.encode("utf-16")),
    )

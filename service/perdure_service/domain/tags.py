"""Tags of functions, as Lambda allows them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from perdure_service.domain.errors import InvalidParameterValue

MAX_TAGS = 50
_MAX_KEY_CHARACTERS = 128
_MAX_VALUE_CHARACTERS = 256
_SIGNS = frozenset("_.:/=+-@")


def check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """`tags`, or InvalidParameterValue."""
    if len(tags) > MAX_TAGS:
        raise InvalidParameterValue(
            f"A function can have {MAX_TAGS} tags, and would have {len(tags)}: take some away."
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= _MAX_KEY_CHARACTERS or not _is_plain(key):
            raise InvalidParameterValue(
                f"Invalid tag key '{key[:_MAX_KEY_CHARACTERS]}': use 1 to {_MAX_KEY_CHARACTERS} "
                "letters, digits, spaces and _.:/=+-@."
            )
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue(
                f"The tag key '{key}' is reserved: leave out the 'aws:' before it."
            )
        if len(value) > _MAX_VALUE_CHARACTERS or not _is_plain(value):
            raise InvalidParameterValue(
                f"Invalid value of tag '{key}': use up to {_MAX_VALUE_CHARACTERS} letters, digits, "
                "spaces and _.:/=+-@."
            )
    return tags


def _is_plain(text: str) -> bool:
    return all(one in _SIGNS or unicodedata.category(one)[0] in "LNZ" for one in text)

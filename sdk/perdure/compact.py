"""JSON without spaces, by an encoder that is made once: `json.dumps` makes one for each text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

compact_json: Final[Callable[[Any], str]] = json.JSONEncoder(separators=(",", ":")).encode

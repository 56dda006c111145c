"""Where in the user's code something was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any

_PACKAGE = str(Path(__file__).parent) + os.sep


def code_place() -> str:
    """The file and line outside this package that is running."""
    frame: Any = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_code):
        frame = frame.f_back
    if frame is None:
        return "an unknown place"
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _is_ours(code: CodeType) -> bool:
    """Also the `__init__` that dataclasses make, which lies in no file."""
    return code.co_filename.startswith(_PACKAGE) or (
        code.co_filename == "<string>" and code.co_name == "__init__"
    )

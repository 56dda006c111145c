"""Languages that functions are written in, each with a handler of the examples."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.code import zip_of
from tests.support.javascript import FOLDER

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
ROLE: Final = "arn:aws:iam::000000000000:role/orders"


@dataclass(frozen=True, slots=True)
class Language:
    """A handler, and what a worker needs to run it. A stand-in is named as one: Lambda's newest
    Python may not be on this machine."""

    runtime: str
    handler: str
    file: Path
    options: tuple[str, ...]

    def zip(self, status: str = "completed") -> bytes:
        text = self.file.read_text()
        assert '"completed"' in text
        return zip_of({self.file.name: text.replace('"completed"', json.dumps(status))})


PYTHON: Final = Language(
    "python3.14",
    "lambda_function.lambda_handler",
    EXAMPLES / "order" / "lambda_function.py",
    ("--pool", f"python3.14={sys.executable}"),
)
JAVASCRIPT: Final = Language(
    "nodejs24.x",
    "index.handler",
    EXAMPLES / "order-js" / "index.mjs",
    ("--pool", "nodejs24.x", "--node-runtime", str(FOLDER)),
)

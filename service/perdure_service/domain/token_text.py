"""In which words a stale checkpoint token is refused.

An SDK knows this refusal by its text: it then fails the invocation, which is made again. Under any
other text it fails the execution. Older SDKs look for other words than Lambda uses.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

LAMBDAS_TEXT: Final = "Invalid checkpoint token"
OLD_TEXT: Final = "Invalid Checkpoint Token"


class TokenText(StrEnum):
    """CLIENT: to each SDK the words that it looks for, and Lambda's to everybody else."""

    CLIENT = "client"
    LAMBDA = "lambda"
    OLD = "old"

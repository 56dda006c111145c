"""How a function's log is written: Lambda's LoggingConfig."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SYSTEM_LEVELS: Final = ("DEBUG", "INFO", "WARN")


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """`group` None is Lambda's own, /aws/lambda/NAME. Levels are those of JSON logs only, where
    None is INFO."""

    group: str | None = None
    json: bool = False
    application_level: str | None = None
    system_level: str | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any] | None) -> LoggingConfig:
        """As Lambda spells it. Raises TypeError, ValueError for something else."""
        if document is None:
            return DEFAULT
        return cls(
            group=document.get("LogGroup") or None,
            json=document.get("LogFormat") == "JSON",
            application_level=document.get("ApplicationLogLevel"),
            system_level=document.get("SystemLogLevel"),
        )

    def group_of(self, function_name: str) -> str:
        return self.group or f"/aws/lambda/{function_name}"

    def stream_of(self, function_name: str, version: str) -> str:
        """A new name, as Lambda makes them: where functions may share a group, theirs is in it."""
        shown = "" if self.group in (None, f"/aws/lambda/{function_name}") else function_name
        return f"{time.strftime('%Y/%m/%d', time.gmtime())}/{shown}[{version}]{uuid.uuid4().hex}"

    def variables(self) -> Mapping[str, str]:
        """What the runtime is told; it drops what is below the level by itself."""
        if not self.json:
            return {}
        return {
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": self.application_level or "INFO",
        }

    def wants(self, level: str) -> bool:
        """Whether a platform event of this level is written. In text, all are."""
        least = self.system_level if self.system_level in _SYSTEM_LEVELS else "INFO"
        return not self.json or _SYSTEM_LEVELS.index(level) >= _SYSTEM_LEVELS.index(least)


DEFAULT: Final = LoggingConfig()

"""Values in files: for results over 1 MiB, and for bulk.

What the history keeps is JSON: `{"data": <the value's text>}`, or `{"file": <path>}`, with a
`"preview"` if there is one.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

from perdure.exceptions import SerDesError
from perdure.serdes import EXTENDED_TYPES_SERDES, SerDes, SerDesContext
from perdure.types import DurableExecutionArn

INLINE_BYTES = 255 * 1024
"""A larger value overflows into a file."""


class FileSystemSerDesMode(StrEnum):
    """Whether every value goes into a file, or only what has over 255 KiB."""

    ALWAYS = "ALWAYS"
    OVERFLOW = "OVERFLOW"


class FileSystemPathEncoding(StrEnum):
    """What files are called: function/execution/id/operation.json, or two SHA-256 digests."""

    URI = "URI"
    HASH = "HASH"


class GeneratePreview(Protocol):
    """Makes what the history shows of a value in a file; None for nothing."""

    def __call__(self, value: Any) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class FileSystemSerDesConfig:
    """How a FileSystemSerDes keeps values.

    Args:
        storage_mode: See FileSystemSerDesMode.
        path_encoding: See FileSystemPathEncoding.
        generate_preview: Makes what the history shows of a value in a file (GeneratePreview), as
            `lambda value: build_preview(value, config)` does.
        serdes: Writes the text that the files have.
    """

    storage_mode: FileSystemSerDesMode = FileSystemSerDesMode.ALWAYS
    path_encoding: FileSystemPathEncoding = FileSystemPathEncoding.URI
    generate_preview: GeneratePreview | None = None
    serdes: SerDes[Any] = EXTENDED_TYPES_SERDES


class FileSystemSerDes(SerDes[Any]):
    """Keeps values in files below `base_path`; the history keeps where they are.

        StepConfig(serdes=FileSystemSerDes("/mnt/shared"))

    The folder has to be the same for every process that runs the function, now and later: a
    network file system, not /tmp. Nobody deletes the files: let the folder's own rules do so,
    later than the executions' retention. An operation has one file, which its next value replaces.
    """

    def __init__(self, base_path: str, config: FileSystemSerDesConfig | None = None) -> None:
        self._base_path = base_path
        self._config = config or FileSystemSerDesConfig()

    def serialize(self, value: Any, serdes_context: SerDesContext) -> str:
        config = self._config
        text = config.serdes.serialize(value, serdes_context)
        if config.storage_mode is FileSystemSerDesMode.OVERFLOW:
            inline = json.dumps({"data": text})
            if len(inline) <= INLINE_BYTES:
                return inline
        envelope: dict[str, Any] = {"file": self._keep(text, serdes_context)}
        preview = config.generate_preview(value) if config.generate_preview else None
        if preview:
            envelope["preview"] = preview
        return json.dumps(envelope)

    def deserialize(self, data: str, serdes_context: SerDesContext) -> Any:
        envelope = json.loads(data)
        if "file" not in envelope:
            return self._config.serdes.deserialize(envelope["data"], serdes_context)
        try:
            content = Path(envelope["file"]).read_bytes()
        except OSError as error:
            raise SerDesError(
                f"The value of operation {serdes_context.operation_id} cannot be read: {error}. "
                "Every process that runs the function needs the same folder, for as long as its "
                "executions last; /tmp is none."
            ) from error
        return self._config.serdes.deserialize(content.decode(), serdes_context)

    def _keep(self, text: str, context: SerDesContext) -> str:
        """Write the file at once: a crash leaves the one before, or none."""
        path = os.path.join(
            self._folder(context.durable_execution_arn),
            f"{self._segment(context.operation_id)}.json",
        )
        content = text.encode()
        unfinished = Path(f"{path}.{uuid4().hex}")
        try:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):  # it may not even have begun
                unfinished.unlink()
            raise SerDesError(
                f"The value of operation {context.operation_id} cannot be kept: {error}. "
                f"The function has to be able to write below {self._base_path}."
            ) from error
        return path

    def _folder(self, arn: str) -> str:
        parts: tuple[str, ...] = (self._segment(arn),)
        if self._config.path_encoding is FileSystemPathEncoding.URI:
            parsed = DurableExecutionArn.from_arn(arn)
            if parsed is not None:
                parts = parsed.function_name, parsed.execution_name, parsed.invocation_id
        return os.path.join(self._base_path, *parts)

    def _segment(self, value: str) -> str:
        if self._config.path_encoding is FileSystemPathEncoding.HASH:
            return sha256(value.encode()).hexdigest()
        return quote(value, safe="")

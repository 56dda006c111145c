"""The zips of code: where they are kept, and where they are fetched from."""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from perdure_service.domain.code_archive import CodeArchive
from perdure_service.domain.frozen import frozen


class CodeStore(Protocol):
    """Zips by their SHA-256 in hex. All methods raise Unavailable."""

    async def put(self, code: CodeArchive) -> None:
        """A repeat is harmless. What no version names is dropped after an hour."""
        ...

    async def get(self, sha256: str) -> bytes:
        """Raises ResourceNotFound."""
        ...

    async def size_bytes(self, sha256: str) -> int | None:
        """None if it is not there."""
        ...


@frozen
class AccessKeys:
    """Of an S3-compatible store. A session token comes with temporary ones."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class CodeSource(Protocol):
    """An S3-compatible store, or a folder that stands for one."""

    async def fetch(self, bucket: str, key: str, version: str | None, *, max_bytes: int) -> bytes:
        """Raises InvalidParameterValue if there is no such object, or it is larger than
        `max_bytes`; Unavailable if the store cannot be reached."""
        ...

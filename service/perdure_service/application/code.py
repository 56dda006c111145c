"""Code: zips that are checked, and then kept under their hash."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field

from perdure_service.application.function_requests import ObjectCode, ZipCode
from perdure_service.domain.code_archive import MAX_CODE_BYTES, CodeArchive, check_archive
from perdure_service.domain.errors import InvalidParameterValue, RequestTooLarge
from perdure_service.ports.code import CodeSource, CodeStore

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHECKS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class ManageCode:
    """`source` None: code in buckets cannot be read here."""

    store: CodeStore
    source: CodeSource | None = None
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CHECKS_AT_ONCE))

    async def take(self, code: ZipCode | ObjectCode) -> CodeArchive:
        """The zip that a caller sends or names, checked; nothing is stored yet. Raises
        InvalidParameterValue if it is unsafe or not there, RequestTooLarge, Unavailable."""
        if isinstance(code, ZipCode):
            return await self._checked(code.archive)
        if self.source is None:
            raise InvalidParameterValue(
                "This service reads no buckets: send the code as ZipFile, or start the service "
                "with --s3 and the URL of an S3-compatible store, or a folder."
            )
        archive = await self.source.fetch(
            code.bucket, code.key, code.version, max_bytes=MAX_CODE_BYTES
        )
        return await self._checked(archive)

    async def put(self, sha256: str, archive: bytes) -> None:
        """Store a worker's zip under its hash (hex). Raises RequestTooLarge, or
        InvalidParameterValue if it is unsafe, no zip, or has another hash."""
        _check_sha256(sha256)
        code = await self._checked(archive, sha256)
        await self.store.put(code)

    async def get(self, sha256: str) -> bytes:
        """The zip with that hash (hex). Raises ResourceNotFound."""
        _check_sha256(sha256)
        return await self.store.get(sha256)

    async def _checked(self, archive: bytes, expected: str | None = None) -> CodeArchive:
        if len(archive) > MAX_CODE_BYTES:
            raise RequestTooLarge(f"The code is larger than {MAX_CODE_BYTES} bytes.")
        async with self._room:
            return await asyncio.to_thread(_check, archive, expected)


def _check(archive: bytes, expected: str | None) -> CodeArchive:
    sha256 = hashlib.sha256(archive).hexdigest()
    if expected is not None and sha256 != expected:
        raise InvalidParameterValue(
            f"The body's SHA-256 is not {expected}: upload the very bytes that were hashed."
        )
    check_archive(archive)
    return CodeArchive(sha256, archive)


def _check_sha256(sha256: str) -> None:
    if _SHA256.fullmatch(sha256) is None:
        raise InvalidParameterValue(
            f"'{sha256[:100]}' is not a SHA-256: give 64 lower-case hexadecimal digits."
        )

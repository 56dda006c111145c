"""A folder that stands for S3: one folder per bucket in it, and keys are paths below that."""

from __future__ import annotations

import asyncio
from pathlib import Path

from perdure_service.domain.errors import InvalidParameterValue

_GET_OBJECT = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"


class FolderBuckets:
    """Implements `ports.code.CodeSource`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def fetch(self, bucket: str, key: str, version: str | None, *, max_bytes: int) -> bytes:
        if version is not None:
            raise InvalidParameterValue(
                "Objects have no versions here, as the buckets are folders: leave out "
                "S3ObjectVersion."
            )
        return await asyncio.to_thread(self._read, bucket, key, max_bytes)

    def _read(self, bucket: str, key: str, max_bytes: int) -> bytes:
        folder = self._root / bucket
        if "/" in bucket or bucket in (".", "..") or not folder.is_dir():
            raise InvalidParameterValue(
                _GET_OBJECT.format("NoSuchBucket", "The specified bucket does not exist.")
            )
        none = InvalidParameterValue(
            _GET_OBJECT.format("NoSuchKey", "The specified key does not exist.")
        )
        path = (folder / key).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise none
        try:
            if not path.is_file():
                raise none
            with path.open("rb") as file:
                content = file.read(max_bytes + 1)
        except OSError as error:  # longer than a name may be, or not ours to read
            raise none from error
        if len(content) > max_bytes:
            raise InvalidParameterValue(
                f"The object is larger than {max_bytes} bytes: leave out what is not code."
            )
        return content

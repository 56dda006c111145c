"""An S3-compatible store, by its path-style API."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx

from perdure_service.domain.errors import InvalidParameterValue, Unavailable
from perdure_service.domain.instant import Instant
from perdure_service.ports.clock import Clock
from perdure_service.ports.code import AccessKeys

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256(b"").hexdigest()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FETCH_SECONDS = 120
_IDLE_SECONDS = 15.0
_MAX_ERROR_BYTES = 8_192
_ERROR_MEMBER = re.compile(r"<(Code|Message)>([^<]{1,500})</")


class S3Buckets:
    """Implements `ports.code.CodeSource`. Without `keys` requests are not signed."""

    def __init__(self, endpoint: str, region: str, keys: AccessKeys | None, clock: Clock) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._region = region
        self._keys = keys
        self._clock = clock

    async def fetch(self, bucket: str, key: str, version: str | None, *, max_bytes: int) -> bytes:
        url = f"{self._endpoint}/{quote(bucket, safe='')}/{quote(key, safe='/~')}"
        if version is not None:
            url = f"{url}?versionId={quote(version, safe='~')}"
        headers = {"x-amz-content-sha256": _NO_BODY}
        if self._keys is not None:
            headers |= signature(url, headers, self._keys, self._region, self._clock.now())
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                return await _get(url, headers, max_bytes)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(
                f"The store of buckets could not be read ({type(error).__name__}): repeat the same "
                "request, or see --s3 of the service."
            ) from error


async def _get(url: str, headers: Mapping[str, str], max_bytes: int) -> bytes:
    async with (
        httpx.AsyncClient(timeout=_IDLE_SECONDS, trust_env=False) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code >= 500:
            raise Unavailable("The store of buckets failed: repeat the same request.")
        if answer.status_code != 200:
            raise _refused(answer.status_code, await _read(answer, _MAX_ERROR_BYTES))
        content = await _read(answer, max_bytes + 1)
    if len(content) > max_bytes:
        raise InvalidParameterValue(
            f"The object is larger than {max_bytes} bytes: leave out what is not code."
        )
    return content


async def _read(answer: httpx.Response, limit: int) -> bytes:
    """At most `limit` bytes, which are not decoded."""
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) >= limit:
            break
    return bytes(content[:limit])


def _refused(status: int, body: bytes) -> InvalidParameterValue:
    """In the words of Lambda."""
    found = dict(_ERROR_MEMBER.findall(body.decode("utf-8", "replace")))
    code, message = found.get("Code", f"status {status}"), found.get("Message", "none given")
    return InvalidParameterValue(
        f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    )


def signature(
    url: str, headers: Mapping[str, str], keys: AccessKeys, region: str, now: Instant
) -> dict[str, str]:
    """What AWS Signature Version 4 adds to a GET of S3, whose paths are not encoded twice."""
    moment = _EPOCH + timedelta(microseconds=now)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    added = {"x-amz-date": stamp}
    if keys.session_token is not None:
        added["x-amz-security-token"] = keys.session_token
    parts = httpx.URL(url)
    path, _, query = parts.raw_path.decode().partition("?")
    signed = {"host": parts.netloc.decode(), **headers, **added}
    names = ";".join(sorted(signed))
    request = "\n".join(
        (
            "GET",
            path,
            query,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            _NO_BODY,
        )
    )
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{keys.secret_access_key}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    text = "\n".join((_ALGORITHM, stamp, scope, digest))
    added["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
    )
    return added

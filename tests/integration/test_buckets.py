"""Code from buckets: an S3-compatible store that checks signatures, and a folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from perdure_service.buckets.folder import FolderBuckets
from perdure_service.buckets.s3 import S3Buckets
from perdure_service.domain.errors import InvalidParameterValue, Unavailable
from perdure_service.domain.instant import Instant
from perdure_service.ports.code import AccessKeys
from tests.support.hand_clock import HandClock

KEYS = AccessKeys("AKIDEXAMPLE", "secret/of+the=tests", "session")
NOW = Instant(1_767_225_600_000_000)
KEY = "builds/größe 1+2~x.zip"


class Store(BaseHTTPRequestHandler):
    """Has one object, for those who sign as botocore does."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not self._is_signed():
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif unquote(path) == "/code/broken":
            self._answer(503, b"")
        elif unquote(path) != f"/code/{KEY}" or query not in ("", "versionId=v%2F1"):
            text = b"<Error><Code>NoSuchKey</Code><Message>There is none.</Message></Error>"
            self._answer(404, text)
        else:
            self._answer(200, b"the zip" + query.encode())

    def _is_signed(self) -> bool:
        request = AWSRequest("GET", f"http://{self.headers['host']}{self.path}")
        request.headers["X-Amz-Content-SHA256"] = self.headers["x-amz-content-sha256"]
        request.context["payload_signing_enabled"] = True
        credentials = Credentials(KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token)
        botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        return bool(request.headers["Authorization"] == self.headers["authorization"])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    at_that_time = datetime.fromtimestamp(NOW / 1_000_000, UTC).replace(tzinfo=None)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: at_that_time
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_object_is_fetched_with_a_signature_that_holds(store: str) -> None:
    buckets = S3Buckets(f"{store}/", "us-east-1", KEYS, HandClock(NOW))
    assert await buckets.fetch("code", KEY, None, max_bytes=100) == b"the zip"
    assert (await buckets.fetch("code", KEY, "v/1", max_bytes=100)).startswith(b"the zip")


async def test_what_cannot_be_fetched_is_told_in_lambdas_words(store: str) -> None:
    buckets = S3Buckets(store, "us-east-1", KEYS, HandClock(NOW))
    with pytest.raises(
        InvalidParameterValue, match=r"Error Code: NoSuchKey. S3 Error Message: There is none\."
    ):
        await buckets.fetch("code", "other", None, max_bytes=100)
    with pytest.raises(InvalidParameterValue, match="larger than 3 bytes"):
        await buckets.fetch("code", KEY, None, max_bytes=3)
    with pytest.raises(Unavailable, match="store of buckets failed"):
        await buckets.fetch("code", "broken", None, max_bytes=3)
    unsigned = S3Buckets(store, "us-east-1", None, HandClock(NOW))
    with pytest.raises(InvalidParameterValue, match="SignatureDoesNotMatch"):
        await unsigned.fetch("code", KEY, None, max_bytes=100)
    nobody = S3Buckets("http://127.0.0.1:9", "us-east-1", KEYS, HandClock(NOW))
    with pytest.raises(Unavailable, match=r"could not be read .ConnectError"):
        await nobody.fetch("code", KEY, None, max_bytes=100)


async def test_a_folder_stands_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "buckets" / "code" / "builds").mkdir(parents=True)
    (tmp_path / "buckets" / "code" / "builds" / "a.zip").write_bytes(b"the zip")
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "buckets" / "code" / "link").symlink_to(tmp_path / "secret")
    buckets = FolderBuckets(tmp_path / "buckets")
    assert await buckets.fetch("code", "builds/a.zip", None, max_bytes=7) == b"the zip"
    for bucket, key, version, message in (
        ("code", "builds/b.zip", None, "NoSuchKey"),
        ("code", "builds", None, "NoSuchKey"),
        ("code", "../../secret", None, "NoSuchKey"),
        ("code", "/etc/hostname", None, "NoSuchKey"),
        ("code", "link", None, "NoSuchKey"),
        ("code", "x" * 1_000, None, "NoSuchKey"),
        ("other", "a.zip", None, "NoSuchBucket"),
        ("../", "secret", None, "NoSuchBucket"),
        ("..", "secret", None, "NoSuchBucket"),
        ("code/../..", "secret", None, "NoSuchBucket"),
        (str(tmp_path), "secret", None, "NoSuchBucket"),
        ("co\0", "a.zip", None, "NoSuchBucket"),
        ("code", "builds/a.zip", "v1", "leave out S3ObjectVersion"),
    ):
        with pytest.raises(InvalidParameterValue, match=message):
            await buckets.fetch(bucket, key, version, max_bytes=7)
    with pytest.raises(InvalidParameterValue, match="larger than 6 bytes"):
        await buckets.fetch("code", "builds/a.zip", None, max_bytes=6)


def test_keys_are_in_no_repr() -> None:
    assert "secret" not in repr(KEYS).replace("secret_access_key", "")
    assert "session'" not in repr(KEYS)

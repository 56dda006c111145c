"""Signatures, compared with the ones that botocore makes of the same requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.signing import Credentials, signature_headers

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
# The keys of AWS's documented examples.
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ARN = (
    "arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Aorder%3A%24LATEST%2Fdurable-execution%2Fa%2Fb"
)

REQUESTS = [
    ("GET", "https://example.amazonaws.com/", {}, b""),
    ("POST", "https://example.amazonaws.com/", {"My-Header1": "value1"}, b""),
    ("GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", {}, b""),
    ("GET", "https://example.amazonaws.com/?Param1=value2&Param1=Value1", {}, b""),
    ("GET", "https://example.amazonaws.com/?Param1=", {}, b""),
    ("GET", "https://example.amazonaws.com/?Param1", {}, b""),
    ("GET", "https://example.amazonaws.com/", {"My-Header1": '  a   b "c" '}, b""),
    ("GET", "https://example.amazonaws.com/-._~0123456789abcXYZ", {}, b""),
    ("GET", "https://example.amazonaws.com/example/../a//b/./c/", {}, b""),
    ("GET", "https://example.amazonaws.com/..", {}, b""),
    ("GET", "https://example.amazonaws.com", {}, b""),
    ("GET", "https://example.amazonaws.com/%E1%88%B4?%E1%88%B4=bar", {}, b""),
    ("GET", f"https://lambda.eu-west-3.amazonaws.com/2025-12-01/durable-executions/{ARN}", {}, b""),
    ("POST", "http://127.0.0.1:8484/2015-03-31/functions/f:1/invocations", {}, b'{"a": 1}'),
    ("POST", "http://[::1]:8484/x", {"X-Amz-Invocation-Type": "Event"}, "ü".encode()),
    ("DELETE", "http://localhost:80/x", {"User-Agent": "mine", "Connection": "close"}, b""),
    ("DELETE", "https://localhost:443/x", {"X-Amzn-Trace-Id": "Root=1", "Expect": "100"}, b""),
    ("POST", "https://logs.eu-west-3.amazonaws.com/", {"X-Amz-Target": "Logs_2014.F"}, b"{}"),
]


def botocores(
    method: str, url: str, headers: dict[str, str], body: bytes, token: str | None, service: str
) -> dict[str, str]:
    request = AWSRequest(method, url, headers, body)
    with patch("botocore.auth.get_current_datetime", return_value=AT.replace(tzinfo=None)):
        SigV4Auth(BotocoreCredentials(KEY_ID, SECRET, token), service, "us-east-1").add_auth(
            request
        )
    return {name: value for name, value in request.headers.items() if name not in headers}


def ours(
    method: str, url: str, headers: dict[str, str], body: bytes, token: str | None, service: str
) -> dict[str, str]:
    return signature_headers(
        method,
        url,
        headers,
        body,
        credentials=Credentials(KEY_ID, SECRET, token),
        region="us-east-1",
        service=service,
        at=AT,
    )


@pytest.mark.parametrize("token", [None, "AQoDYXdzEPT//////////wEXAMPLE"])
@pytest.mark.parametrize(("method", "url", "headers", "body"), REQUESTS)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str, url: str, headers: dict[str, str], body: bytes, token: str | None
) -> None:
    wanted = botocores(method, url, headers, body, token, "service")
    assert ours(method, url, headers, body, token, "service") == wanted


@settings(deadline=None)  # a busy machine is no failure
@given(
    path=st.text("ab%2F:./~$", max_size=12),
    query=st.lists(st.tuples(st.text("abB%3", max_size=3), st.text("ab=", max_size=3)), max_size=3),
    value=st.text("a \t", max_size=6),
    body=st.binary(max_size=20),
)
def test_so_is_that_of_any_request(
    path: str, query: list[tuple[str, str]], value: str, body: bytes
) -> None:
    asked = "&".join("=".join(pair) for pair in query)
    request = ("PUT", f"https://h.example/{path}?{asked}", {"X-Mine": value}, body)
    assert ours(*request, None, "lambda") == botocores(*request, None, "lambda")


def test_a_documented_example_has_its_documented_signature() -> None:
    url = "https://example.amazonaws.com/?Param2=value2&Param1=value1"
    signed = ours("GET", url, {}, b"", None, "service")
    assert signed["Authorization"].endswith(
        "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    )


def test_the_time_is_told_in_utc() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=9)))
    signed = signature_headers(
        "GET",
        "https://example.amazonaws.com/",
        {},
        b"",
        credentials=Credentials(KEY_ID, SECRET),
        region="us-east-1",
        service="service",
        at=elsewhere,
    )
    assert signed == ours("GET", "https://example.amazonaws.com/", {}, b"", None, "service")


def test_no_secret_is_in_the_text_of_credentials() -> None:
    shown = repr(Credentials(KEY_ID, SECRET, "session"))
    assert KEY_ID in shown
    assert SECRET not in shown
    assert "session" not in shown.replace("session_token", "")

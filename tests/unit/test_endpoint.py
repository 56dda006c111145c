from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from perdure.transport.endpoint import Bearer, NoEndpoint, Signed, Unsigned, lambda_endpoint

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}


def test_requests_to_loopback_are_not_signed() -> None:
    endpoint = lambda_endpoint(None, None, KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:8484"})
    assert endpoint.authorisation == Unsigned()
    assert str(endpoint.url) == "http://127.0.0.1:8484"


def test_lambdas_own_endpoint_goes_before_that_of_all_services() -> None:
    environment = {
        "AWS_ENDPOINT_URL": "http://localhost:1",
        "AWS_ENDPOINT_URL_LAMBDA": "http://[::1]:2",
    }
    assert str(lambda_endpoint(None, None, environment).url) == "http://[::1]:2"


def test_without_an_endpoint_requests_go_to_aws_and_are_signed() -> None:
    endpoint = lambda_endpoint(None, None, KEYS)
    assert str(endpoint.url) == "https://lambda.eu-west-1.amazonaws.com"
    assert isinstance(endpoint.authorisation, Signed)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    signed = dataclasses.replace(endpoint.authorisation, now=lambda: at)
    fields = dict(signed.fields(b"POST", b"/x", b"{}"))
    assert fields[b"x-amz-date"] == b"20260102T030405Z"
    assert b"Credential=AKIA/20260102/eu-west-1/lambda/aws4_request" in fields[b"authorization"]
    assert b"SignedHeaders=host;x-amz-date" in fields[b"authorization"]


def test_a_bearer_token_goes_before_an_access_key_and_is_not_shown() -> None:
    endpoint = lambda_endpoint("https://perdure.example/base", "t0ken", KEYS)
    assert isinstance(endpoint.authorisation, Bearer)
    assert endpoint.authorisation.fields(b"GET", b"/", b"") == (
        (b"authorization", b"Bearer t0ken"),
    )
    assert "t0ken" not in repr(endpoint)


def test_a_secret_is_not_shown() -> None:
    assert "secret" not in repr(lambda_endpoint(None, None, KEYS))


@pytest.mark.parametrize(
    ("url", "environment", "advice"),
    [
        (None, {}, "Set AWS_ENDPOINT_URL_LAMBDA"),
        (None, {"AWS_REGION": "eu-west-1"}, "set AWS_ACCESS_KEY_ID"),
        ("perdure", {}, "is not a URL such as"),
    ],
    ids=["nothing", "no key", "no URL"],
)
def test_what_is_missing_is_named(
    url: str | None, environment: dict[str, str], advice: str
) -> None:
    with pytest.raises(NoEndpoint, match=advice):
        lambda_endpoint(url, None, environment)

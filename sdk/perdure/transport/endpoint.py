"""Where the service is, and what proves to it who calls."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from perdure.http.connections import InvalidServiceUrl, ServiceUrl
from perdure.http.http1 import Fields
from perdure.signing import Credentials, signature_headers
from perdure.utc_clock import utc_now


class NoEndpoint(ValueError):
    """Nothing says where the service is; the text says what to set."""


class Authorisation(Protocol):
    def fields(self, method: bytes, target: bytes, body: bytes) -> Fields:
        """The header fields that go with a request to prove who sends it."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """For a service on loopback, and whatever else lets everybody in."""

    def fields(self, method: bytes, target: bytes, body: bytes) -> Fields:
        return ()


@dataclass(frozen=True, slots=True)
class Bearer:
    token: str = field(repr=False)

    def fields(self, method: bytes, target: bytes, body: bytes) -> Fields:
        return ((b"authorization", b"Bearer " + self.token.encode()),)


@dataclass(frozen=True, slots=True)
class Signed:
    """Signature Version 4. `now` reads the wall clock: AWS refuses what is signed five minutes off
    its own."""

    url: ServiceUrl
    region: str
    credentials: Credentials
    now: Callable[[], datetime] = utc_now

    def fields(self, method: bytes, target: bytes, body: bytes) -> Fields:
        headers = signature_headers(
            method.decode(),
            f"{self.url}{target.decode()}",
            {},
            body,
            credentials=self.credentials,
            region=self.region,
            service="lambda",
            at=self.now(),
        )
        return tuple((name.lower().encode(), text.encode()) for name, text in headers.items())


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: ServiceUrl
    authorisation: Authorisation


def lambda_endpoint(
    url: str | None, bearer_token: str | None, environment: Mapping[str, str]
) -> Endpoint:
    """Where AWS's SDKs would go, unless `url` says otherwise. Raises NoEndpoint.

    Signed with the environment's access key; but a bearer token goes before it, and on loopback
    nobody asks.
    """
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    where = _service_url(url, region, environment)
    if bearer_token is not None:
        return Endpoint(where, Bearer(bearer_token))
    if _is_loopback(where):
        return Endpoint(where, Unsigned())
    key = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret and region):
        raise NoEndpoint(
            f"Requests to {where} are signed: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
            "AWS_REGION, as Lambda does, or give a bearer token"
        )
    credentials = Credentials(key, secret, environment.get("AWS_SESSION_TOKEN"))
    return Endpoint(where, Signed(where, region, credentials))


def _is_loopback(url: ServiceUrl) -> bool:
    try:
        return url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def _service_url(
    explicit: str | None, region: str | None, environment: Mapping[str, str]
) -> ServiceUrl:
    text = (
        explicit
        or environment.get("AWS_ENDPOINT_URL_LAMBDA")
        or environment.get("AWS_ENDPOINT_URL")
    )
    if not text and not region:
        raise NoEndpoint(
            "Set AWS_ENDPOINT_URL_LAMBDA to Perdure's URL, or AWS_REGION to use AWS; "
            "`perdure worker` sets both for its functions"
        )
    try:
        return ServiceUrl.parse(text or f"https://lambda.{region}.amazonaws.com")
    except InvalidServiceUrl as error:
        raise NoEndpoint(str(error)) from error

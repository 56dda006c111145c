"""Where calls go, and in whose name: Perdure at an address, or AWS in a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from perdure.client.errors import Misconfigured
from perdure.client.operation import Request, Service
from perdure.client.profiles import Profile, read_profile
from perdure.signing import Credentials, signature_headers

AWS: Final = "aws"
"""In place of an address: Lambda itself, in the region."""

DEFAULT_URL: Final = "http://127.0.0.1:8484"
"""That of `perdure dev`. So a call without any setting cannot reach a real account."""

URL_VARIABLES: Final = ("PERDURE_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`lambda_url` and `logs_url` without a slash at the end; without credentials nothing is
    signed, which Perdure accepts where it listens on loopback."""

    lambda_url: str
    logs_url: str
    region: str
    credentials: Credentials | None
    is_aws: bool

    def url(self, request: Request) -> str:
        """Raises Misconfigured for what AWS does not have."""
        if request.service is Service.PERDURE and self.is_aws:
            raise Misconfigured(
                "AWS has nothing like it; only Perdure does. Name its address, as "
                f"{DEFAULT_URL}, with --endpoint, endpoint= or PERDURE_URL."
            )
        base = self.logs_url if request.service is Service.LOGS else self.lambda_url
        return base + request.target

    def headers(self, request: Request, at: datetime) -> dict[str, str]:
        """All headers of the request, signed at that time."""
        headers = dict(request.headers)
        if self.credentials is None:
            return headers
        service = "logs" if request.service is Service.LOGS else "lambda"
        return headers | signature_headers(
            request.method,
            self.url(request),
            headers,
            request.body,
            credentials=self.credentials,
            region=self.region,
            service=service,
            at=at,
        )


def find_endpoint(
    environment: Mapping[str, str],
    *,
    url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    credentials: Credentials | None = None,
) -> Endpoint:
    """From what is given, else the environment, else AWS's shared files, else `perdure dev`.

    `url` may be "aws". A profile that is named goes before keys in the environment, as in AWS's
    SDKs. Raises Misconfigured, with what to set.
    """
    found = read_profile(environment, profile)
    named = url or _first(environment, *URL_VARIABLES) or found.endpoint or DEFAULT_URL
    place = region or _first(environment, "AWS_REGION", "AWS_DEFAULT_REGION") or found.region
    keys = credentials or _keys(environment, found, named=profile is not None)
    if named == AWS:
        return _at_aws(place, keys, found)
    address = _checked(named)
    logs = environment.get("AWS_ENDPOINT_URL_LOGS")
    endpoint = Endpoint(
        lambda_url=address,
        logs_url=_checked(logs) if logs and url is None else address,
        region=place or _default_region(address),
        credentials=keys,
        is_aws=_is_aws(address),
    )
    return replace(endpoint, logs_url=_logs_of_aws(endpoint)) if endpoint.is_aws else endpoint


def _at_aws(region: str | None, keys: Credentials | None, profile: Profile) -> Endpoint:
    if region is None:
        raise Misconfigured("Which region of AWS? Set AWS_REGION, or give --region or region=.")
    if keys is None:
        found = (
            "No access keys for AWS were found"
            if profile.keys_elsewhere is None
            else f"The profile has its keys from {profile.keys_elsewhere}, not read here"
        )
        raise Misconfigured(
            f"{found}. Put them into the environment: "
            'eval "$(aws configure export-credentials --format env)"'
        )
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    lambda_url, logs_url = (f"https://{name}.{region}.{suffix}" for name in ("lambda", "logs"))
    return Endpoint(lambda_url, logs_url, region, keys, is_aws=True)


def _keys(environment: Mapping[str, str], profile: Profile, *, named: bool) -> Credentials | None:
    key_id = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if named or not (key_id and secret):
        return profile.credentials
    return Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise Misconfigured(
            f"{url!r} is no address of a service: give one as {DEFAULT_URL}, or aws for AWS."
        )
    return url.rstrip("/")


def _is_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _default_region(url: str) -> str:
    """Of a regional address of AWS it is in the name; to Perdure the region means nothing."""
    parts = (urlsplit(url).hostname or "").split(".")
    return parts[1] if _is_aws(url) and len(parts) > 3 else _DEFAULT_REGION


def _logs_of_aws(endpoint: Endpoint) -> str:
    return endpoint.lambda_url.replace("://lambda.", "://logs.", 1)


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)

"""Where calls go, and in whose name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.client import AWS, Credentials, Misconfigured
from perdure.client.endpoint import DEFAULT_URL, Endpoint, find_endpoint
from perdure.client.operation import Request, Service

KEYS = {"AWS_ACCESS_KEY_ID": "env-id", "AWS_SECRET_ACCESS_KEY": "env-secret"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with AWS's shared files."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        "[default]\nregion = eu-west-3\n"
        "[profile work]\nregion = ap-south-1\nservices = local\n"
        "[services local]\nlambda =\n  endpoint_url = http://work:1\nlogs =\n  x = y\n"
        "[profile single]\nsso_session = us\nregion = us-west-2\n"
        "[profile plain]\nendpoint_url = http://plain:2/\n"
    )
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = ds\n"
        "[work]\naws_access_key_id = w\naws_secret_access_key = ws\naws_session_token = wt\n"
    )
    return {"HOME": str(tmp_path)}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def test_without_any_setting_it_is_perdure_dev(bare: dict[str, str]) -> None:
    found = find_endpoint(bare)
    assert found == Endpoint(DEFAULT_URL, DEFAULT_URL, "us-east-1", None, False)


def test_what_is_nearer_goes_first(bare: dict[str, str]) -> None:
    names = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "PERDURE_URL"]
    for number, name in enumerate(names, 1):
        bare[name] = f"http://h{number}/"
        assert find_endpoint(bare).lambda_url == f"http://h{number}"
    assert find_endpoint(bare, url="https://given:99/x/").lambda_url == "https://given:99/x"
    bare["AWS_ENDPOINT_URL_LOGS"] = "http://logs"
    assert find_endpoint(bare).logs_url == "http://logs"
    assert find_endpoint(bare, url="http://given").logs_url == "http://given"


def test_the_region_is_the_nearest_too(home: dict[str, str]) -> None:
    assert find_endpoint(home).region == "eu-west-3"
    home["AWS_DEFAULT_REGION"] = "one"
    assert find_endpoint(home).region == "one"
    home["AWS_REGION"] = "two"
    assert find_endpoint(home).region == "two"
    assert find_endpoint(home, region="three").region == "three"


def test_keys_are_given_or_of_the_environment_or_of_a_profile(home: dict[str, str]) -> None:
    default, work = Credentials("d", "ds"), Credentials("w", "ws", "wt")
    assert find_endpoint(home).credentials == default
    assert find_endpoint({**home, "AWS_PROFILE": "work"}).credentials == work
    environment = Credentials("env-id", "env-secret")
    assert find_endpoint({**home, **KEYS, "AWS_PROFILE": "work"}).credentials == environment
    assert find_endpoint({**home, **KEYS}, profile="work").credentials == work
    with_token = find_endpoint({**home, **KEYS, "AWS_SESSION_TOKEN": "t"}).credentials
    assert with_token == Credentials("env-id", "env-secret", "t")
    given = Credentials("x", "y")
    assert find_endpoint({**home, **KEYS}, credentials=given).credentials == given


def test_a_profile_may_name_an_endpoint(home: dict[str, str]) -> None:
    assert find_endpoint(home, profile="work").lambda_url == "http://work:1"
    assert find_endpoint(home, profile="plain").lambda_url == "http://plain:2"


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-west-3", "eu-west-3.amazonaws.com"), ("cn-north-1", "cn-north-1.amazonaws.com.cn")],
)
def test_aws_is_in_its_region(home: dict[str, str], region: str, host: str) -> None:
    found = find_endpoint(home, url=AWS, region=region)
    assert found.lambda_url == f"https://lambda.{host}"
    assert found.logs_url == f"https://logs.{host}"
    assert found.is_aws
    same = find_endpoint({**KEYS, "HOME": home["HOME"] + "/x"}, url=f"https://lambda.{host}")
    assert (same.logs_url, same.region, same.is_aws) == (found.logs_url, region, True)


def test_what_is_missing_for_aws_is_named(home: dict[str, str], bare: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="AWS_REGION"):
        find_endpoint({"HOME": home["HOME"] + "/x", **KEYS}, url=AWS)
    with pytest.raises(Misconfigured, match="export-credentials"):
        find_endpoint({"HOME": home["HOME"] + "/x"}, url=AWS, region="r")
    with pytest.raises(Misconfigured, match="sso_session"):
        find_endpoint(home, url=AWS, profile="single")


def test_a_profile_that_is_not_there_is_told(home: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="no profile 'other'"):
        find_endpoint(home, profile="other")
    with pytest.raises(Misconfigured, match="no profile 'other'"):
        find_endpoint({**home, "AWS_PROFILE": "other"})
    Path(home["HOME"], ".aws", "config").write_text("nonsense\n")
    with pytest.raises(Misconfigured, match="cannot be read"):
        find_endpoint(home)


@pytest.mark.parametrize("url", ["localhost:8484", "ftp://h", "http://", "http://h:99999", "x"])
def test_an_address_that_is_none_is_told(bare: dict[str, str], url: str) -> None:
    with pytest.raises(Misconfigured, match="no address"):
        find_endpoint(bare, url=url)


def test_only_who_has_keys_signs(home: dict[str, str]) -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    request = Request("GET", "/x", headers={"A": "b"})
    without = find_endpoint({"HOME": home["HOME"] + "/x"})
    assert without.headers(request, at) == {"A": "b"}
    signed = find_endpoint(home).headers(request, at)
    assert "/20260131/eu-west-3/lambda/aws4_request" in signed["Authorization"]
    logs = find_endpoint(home).headers(Request("POST", "/", service=Service.LOGS), at)
    assert "/eu-west-3/logs/aws4_request" in logs["Authorization"]


def test_what_only_perdure_has_is_not_asked_of_aws(home: dict[str, str]) -> None:
    request = Request("GET", "/v1/workers", service=Service.PERDURE)
    assert find_endpoint(home).url(request) == f"{DEFAULT_URL}/v1/workers"
    with pytest.raises(Misconfigured, match="only Perdure"):
        find_endpoint(home, url=AWS).url(request)

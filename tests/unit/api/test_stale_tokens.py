"""In which words a stale checkpoint token is refused."""

from __future__ import annotations

import pytest

from perdure_service.api.stale_tokens import StaleTokens
from perdure_service.domain.errors import InvalidCheckpoint, InvalidCheckpointToken
from perdure_service.domain.token_text import TokenText

LAMBDAS, OLD = "Invalid checkpoint token", "Invalid Checkpoint Token"
BOTO3 = "Boto3/1.44.8 md/Botocore#1.44.8 lang/python#3.13.1"
NODE = "aws-sdk-js/3.943.0 ua/2.1 os/linux#6 lang/js md/nodejs#24.1.0"


def words(text: TokenText, *user_agent: str) -> str:
    headers = [(b"user-agent", agent.encode()) for agent in user_agent]
    return str(StaleTokens(text).worded(InvalidCheckpointToken(), headers))


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (BOTO3, LAMBDAS),
        (f"{BOTO3} aws-durable-execution-sdk-python/1.5.0", OLD),
        (f"{BOTO3} aws-durable-execution-sdk-python/1.7.0-bundled", OLD),
        (f"{BOTO3} aws-durable-execution-sdk-python/2.0.0", OLD),
        (f"{BOTO3} aws-durable-execution-sdk-python/2.0.1", LAMBDAS),
        (f"{BOTO3} aws-durable-execution-sdk-python/2.1.0", LAMBDAS),
        (f"{BOTO3} aws-durable-execution-sdk-python/3.0.0", LAMBDAS),
        (f"{NODE} -aws/durable-execution-sdk-js#2.0.0", OLD),
        (f"{NODE} -aws/durable-execution-sdk-js#2.4.0", OLD),
        (f"{NODE} -aws/durable-execution-sdk-js#2.40.0", LAMBDAS),
        (f"{NODE} -aws/durable-execution-sdk-js#3.0.0", LAMBDAS),
    ],
)
def test_each_sdk_hears_the_words_that_it_looks_for(user_agent: str, expected: str) -> None:
    assert words(TokenText.CLIENT, user_agent) == expected


def test_who_does_not_say_who_it_is_hears_lambdas() -> None:
    assert words(TokenText.CLIENT) == LAMBDAS


def test_a_setting_has_one_text_for_all() -> None:
    new, old = (f"aws-durable-execution-sdk-python/{version}" for version in ("3.0.0", "1.7.0"))
    assert words(TokenText.OLD, new) == words(TokenText.OLD, old) == OLD
    assert words(TokenText.LAMBDA, new) == words(TokenText.LAMBDA, old) == LAMBDAS


def test_other_errors_stay_as_they_are() -> None:
    error = InvalidCheckpoint("Invalid parent operation id.")
    assert StaleTokens(TokenText.OLD).worded(error, ()) is error

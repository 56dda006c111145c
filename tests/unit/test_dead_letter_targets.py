"""Where dead letters may be sent."""

from __future__ import annotations

import pytest

from perdure_service.application.dead_letters import DeadLetterTargets
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.http_url import without_query
from perdure_service.settings import SettingsError, dead_letter_targets

QUEUE = "arn:aws:sqs:us-east-1:000000000000:failed"
TARGETS = DeadLetterTargets({QUEUE: "https://example.com/queue?key=a=b"})


def test_an_arn_stands_for_the_url_that_it_was_given() -> None:
    word = f"{QUEUE}=https://example.com/queue?key=a=b"
    assert dead_letter_targets([word], {}) == TARGETS.urls
    several = {"PERDURE_DEAD_LETTER_TARGETS": f" {word}\n arn:b=http://b:1/ "}
    assert set(dead_letter_targets(None, several)) == {QUEUE, "arn:b"}
    assert dead_letter_targets([word], several) == TARGETS.urls, "the flags win"
    assert dead_letter_targets(None, {}) == {}


@pytest.mark.parametrize("word", ["http://here/", QUEUE, f"{QUEUE}=ftp://here/", "=http://here/"])
def test_a_word_that_gives_no_arn_a_url_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match="ARN=URL"):
        dead_letter_targets([word], {})


@pytest.mark.parametrize("target", ["http://here", "https://here:8443/path?a=b", QUEUE])
def test_a_target_that_leads_somewhere_is_kept_as_it_is(target: str) -> None:
    assert TARGETS.checked(target) == target


@pytest.mark.parametrize("target", [None, ""])
def test_no_target_is_none(target: str | None) -> None:
    assert TARGETS.checked(target) is None


@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:sqs:us-east-1:000000000000:other",
        "here/letters",
        "//here/letters",
        "http://",
        "http://me@here/",
        "http://here/#there",
        "http://here:0/",
        "http://here:x/",
        "http://he re/",
        "http://h\u00e9re/",
        "javascript:alert(1)",
    ],
)
def test_a_target_that_leads_nowhere_is_refused(target: str) -> None:
    with pytest.raises(InvalidParameterValue, match="--dead-letter-target ARN=URL"):
        TARGETS.checked(target)


def test_a_log_shows_no_query() -> None:
    assert without_query("https://here/letters?token=secret") == "https://here/letters"

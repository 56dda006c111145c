"""Requests that a caller may send again: the same ClientToken within 15 minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import CLIENT_TOKEN_WINDOW_SECONDS

_MAX_REMEMBERED = 16


class RequestKind(StrEnum):
    """Requests that carry a ClientToken and change an execution's state."""

    PAUSE = "pause"
    RESUME = "resume"


@frozen
class RecentRequest:
    """A request that was accepted `at`. One with the same token within the window is a repeat;
    `fingerprint` tells whether it asks for the same."""

    kind: RequestKind
    client_token: str
    fingerprint: str
    at: Instant


def request_of(
    kind: RequestKind, client_token: str | None, at: Instant, *parameters: object
) -> RecentRequest | None:
    """What there is to remember of a request; None if it carries no token."""
    if client_token is None:
        return None
    digest = hashlib.blake2b(repr(parameters).encode(), digest_size=8)
    return RecentRequest(kind, client_token, digest.hexdigest(), at)


def is_repeat(recent: Sequence[RecentRequest], request: RecentRequest) -> bool:
    """True if that very request was accepted not long before. Raises InvalidParameterValue if its
    token belongs to one that asked for something else."""
    for accepted in _in_their_window(recent, request.at):
        if (accepted.kind, accepted.client_token) == (request.kind, request.client_token):
            if accepted.fingerprint != request.fingerprint:
                raise InvalidParameterValue(
                    "The ClientToken was used with other parameters: send a new one."
                )
            return True
    return False


def remembered(
    recent: Sequence[RecentRequest], request: RecentRequest
) -> tuple[RecentRequest, ...]:
    """What to remember once `request` is accepted: the newest few."""
    return (*_in_their_window(recent, request.at), request)[-_MAX_REMEMBERED:]


def _in_their_window(recent: Sequence[RecentRequest], now: Instant) -> list[RecentRequest]:
    return [request for request in recent if now <= after(request.at, CLIENT_TOKEN_WINDOW_SECONDS)]

"""Requests that a caller may send again: the same ClientToken within 15 minutes."""

from __future__ import annotations

import hashlib

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.execution import Ledger, RecentRequest, RequestKind
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import CLIENT_TOKEN_WINDOW_SECONDS

_MAX_REMEMBERED = 16


def is_repeat(ledger: Ledger, request: RecentRequest) -> bool:
    """True if that very request was accepted not long before. Raises InvalidParameterValue if its
    token belongs to one that asked for something else."""
    for accepted in _still_remembered(ledger, request.at):
        if (accepted.kind, accepted.client_token) == (request.kind, request.client_token):
            if accepted.fingerprint != request.fingerprint:
                raise InvalidParameterValue(
                    "The ClientToken was used with other parameters: send a new one."
                )
            return True
    return False


def remembered(ledger: Ledger, request: RecentRequest) -> tuple[RecentRequest, ...]:
    """What the ledger remembers once `request` is accepted: the newest few."""
    return (*_still_remembered(ledger, request.at), request)[-_MAX_REMEMBERED:]


def fingerprint(*parameters: object) -> str:
    """64 bits of what is asked for, as hex."""
    return hashlib.blake2b(repr(parameters).encode(), digest_size=8).hexdigest()


def request_of(
    kind: RequestKind, client_token: str | None, at: Instant, *parameters: object
) -> RecentRequest | None:
    """What there is to remember of a request; None if it carries no token."""
    if client_token is None:
        return None
    return RecentRequest(kind, client_token, fingerprint(*parameters), at)


def _still_remembered(ledger: Ledger, now: Instant) -> tuple[RecentRequest, ...]:
    return tuple(
        request
        for request in ledger.requests
        if now <= after(request.at, CLIENT_TOKEN_WINDOW_SECONDS)
    )

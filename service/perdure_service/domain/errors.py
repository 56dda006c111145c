"""What the domain refuses, and with which facts.

    DomainError
    ├── InvalidParameterValue           400
    │   ├── InvalidCheckpoint               Lambda's texts, one per broken rule
    │   └── InvalidCheckpointToken          another invocation, another turn, a closed execution
    ├── ResourceNotFound                404
    ├── ResourceConflict                409
    ├── PreconditionFailed              412
    ├── ExecutionAlreadyStarted         409
    ├── CallbackTimeout                 400
    ├── TooManyRequests                 429
    ├── RequestTooLarge                 413
    ├── InvalidRequestContent           400
    ├── UnknownOperation                404
    └── Unavailable                     503 try again

`api/errors.py` maps each to its code and status, and a test proves that table total.
"""

from __future__ import annotations

from perdure_service.domain.token_text import LAMBDAS_TEXT


class DomainError(Exception):
    """A refusal that the caller can act on. `str()` is the message on the wire."""

    @property
    def message(self) -> str:
        return str(self)


class InvalidParameterValue(DomainError):
    """A value that the model or a rule forbids; nothing was written."""


class InvalidCheckpoint(InvalidParameterValue):
    """A checkpoint that breaks a rule; no update was applied and the token still holds."""


class InvalidCheckpointToken(InvalidParameterValue):
    """The token is not the newest of the running invocation. The text is exact: SDKs match it."""

    def __init__(self, text: str = LAMBDAS_TEXT) -> None:
        super().__init__(text)


class ResourceNotFound(DomainError):
    """Nothing goes by that name here."""


class ResourceConflict(DomainError):
    """The resource is in a state that does not allow it."""


class PreconditionFailed(DomainError):
    """The resource has changed since the caller last read it."""


class ExecutionAlreadyStarted(DomainError):
    """The name belongs to an execution with another payload or version."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Execution already started: {arn}")


class CallbackTimeout(DomainError):
    """The callback is no longer open; its outcome stands."""

    def __init__(self) -> None:
        super().__init__("The callback is either timed out or already completed")


class TooManyRequests(DomainError):
    """Over a limit now; the same request may pass later."""

    def __init__(self, message: str, *, reason: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class RequestTooLarge(DomainError):
    """The body is over the limit of its route."""


class InvalidRequestContent(DomainError):
    """The body is not what the route takes."""


class UnknownOperation(DomainError):
    """No such route is served here."""


class Unavailable(DomainError):
    """The service cannot answer now, and cannot say whether the write happened. Repeat the same
    request: tokens, client tokens and names make the repeat safe."""

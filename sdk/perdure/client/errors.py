"""What a call of the client may raise.

ClientError
├── Misconfigured              no region, no such profile, an endpoint that is none
├── ServiceUnreachable         no answer, after all tries; a request may have had its effect
├── MalformedAnswer            what answered does not speak Lambda's API
├── Refused                    the service understood, and said no
│   ├── InvalidRequest         400: a parameter, or the state of things, forbids it
│   │   └── CallbackTimedOut   that callback is over
│   ├── AccessDenied           401, 403
│   ├── NotFound               404
│   ├── NotServed              404: this service has no such operation
│   ├── Conflict               409
│   │   └── AlreadyStarted     the execution's name is held by one with another payload
│   ├── PreconditionFailed     412: somebody else changed it meanwhile
│   ├── TooLarge               413
│   ├── Throttled              429, after all tries
│   └── ServiceFailed          5xx, after all tries
├── NotDurable                 a plain function has no execution
├── NotReady                   the function failed to become active, or has not yet
├── StillOpen                  the time to wait is over; the execution goes on
└── FunctionFailed             it ran, and failed
    ├── ExecutionTimedOut      its execution timeout was over
    └── ExecutionStopped       somebody stopped it
"""

from __future__ import annotations

from perdure.client.results.error_object import ErrorObject


class ClientError(Exception):
    """Whatever goes wrong in a call; the text says what to do."""


class Misconfigured(ClientError):
    """The endpoint, the region or the credentials cannot be told from what is given."""


class ServiceUnreachable(ClientError):
    """No answer came, after all tries. The request may have had its effect all the same."""


class MalformedAnswer(ClientError):
    """Something answered that does not speak Lambda's API: a proxy, another service."""


class Refused(ClientError):
    """The service understood the request, and said no. `code` is Lambda's name of the error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})" if code else message)
        self.status = status
        self.code = code
        self.message = message


class InvalidRequest(Refused):
    """A parameter is wrong, or not now."""


class CallbackTimedOut(InvalidRequest):
    """The callback has ended: completed, timed out, or its execution is closed."""


class AccessDenied(Refused):
    """Not with these credentials."""


class NotFound(Refused):
    """There is no such function, version, execution or callback."""


class NotServed(Refused):
    """This service does not know the operation."""


class Conflict(Refused):
    """It is there already, or in a state that forbids it."""


class AlreadyStarted(Conflict):
    """The name is held by an execution with another payload or version."""


class PreconditionFailed(Refused):
    """The revision is not the one that was expected: read again, then decide again."""


class TooLarge(Refused):
    """The payload is over the limit."""


class Throttled(Refused):
    """Too many calls or invocations, still after all tries."""


class ServiceFailed(Refused):
    """The service failed, still after all tries. The request may have had its effect."""


class NotDurable(ClientError):
    """A plain function has no execution to ask for."""


class NotReady(ClientError):
    """The function failed to be created or changed, or that takes longer than was waited."""


class StillOpen(ClientError):
    """The time to wait is over. The execution goes on."""

    def __init__(self, execution_arn: str, waited_seconds: float) -> None:
        super().__init__(
            f"Still open after {waited_seconds:g} s: {execution_arn}. It goes on; wait for it "
            "again, or stop it."
        )
        self.execution_arn = execution_arn


class FunctionFailed(ClientError):
    """The function ran and failed, by the error that it raised. `log_tail` is the end of its
    log, if it was asked for."""

    def __init__(
        self, error: ErrorObject, execution_arn: str | None = None, log_tail: str | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.execution_arn = execution_arn
        self.log_tail = log_tail


class ExecutionTimedOut(FunctionFailed):
    """The execution timeout of its function was over."""


class ExecutionStopped(FunctionFailed):
    """Somebody stopped the execution, perhaps with an error that says why."""

"""What a test is told when something is not as it expects. All are AssertionErrors, so that test
frameworks show them as failures, and their text ends with the history where there is one. An
argument that makes no sense is a TypeError or a ValueError.

    DurableTestFailure
    ├── UnexpectedOutcome    the execution ended otherwise, or has not ended
    ├── NoSuchOperation      no operation goes by that name, or several do
    ├── TooManyInvocations   the functions invoke each other, or themselves, without end
    ├── InvocationHung       an invocation took longer than it may, in real time
    ├── CrashChangedOutcome  a crash led to another outcome, or a completed step ran again
    ├── NotDeterministic     a replay did something else than the first run
    └── RequestRefused       the service would refuse it: a callback that is closed, a name in use
"""

from __future__ import annotations


class DurableTestFailure(AssertionError):
    """The base of this module's errors."""


class UnexpectedOutcome(DurableTestFailure):
    pass


class NoSuchOperation(DurableTestFailure):
    pass


class TooManyInvocations(DurableTestFailure):
    pass


class InvocationHung(DurableTestFailure):
    pass


class CrashChangedOutcome(DurableTestFailure):
    pass


class NotDeterministic(DurableTestFailure):
    pass


class RequestRefused(DurableTestFailure):
    pass

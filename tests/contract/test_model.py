"""Nothing of the model is forgotten: all that an operation served can be sent, can answer and can
refuse was seen on the wire by the other tests of this folder, or stands here with the reason.

The list is drawn from the botocore that is installed, so a newer one shows what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.support.lambda_model import facts_of_model
from tests.support.traffic import Journal
from tests.support.waiting import eventually

OPEN = {
    "* error KMS*": "there is no encryption with keys of the user's yet",
    "* response *.KMSKeyArn": "there is no encryption with keys of the user's yet",
}
"""To be built: by pattern, with what it waits for."""

NEVER = {
    "Invoke error CodeArtifactUser*": "no code of the service's own is involved",
    "Invoke error EC2*": "no such infrastructure is involved",
    "Invoke error EFS*": "no such infrastructure is involved",
    "Invoke error ENI*": "no such infrastructure is involved",
    "Invoke error S3Files*": "no such infrastructure is involved",
    "Invoke error SnapStart*": "no such infrastructure is involved",
    "Invoke error Invalid[!PR]*": "no subnet, no managed runtime and no stored zip to be invalid",
    "Invoke error InvalidRuntime*": "no managed runtime to be invalid",
    "Invoke error SubnetIPAddress*": "no such infrastructure is involved",
    "Invoke error ModeNotSupported*": "every function has every mode",
    "Invoke error NoPublishedVersion*": "$LATEST.PUBLISHED is of managed instances only",
    "Invoke error RecursiveInvocation*": "recursion is not looked for",
    "Invoke error ResourceNotReady*": "a function can be invoked as soon as it exists",
    "Invoke error Runtime*Deleted*": "nothing that was published is deleted",
    "Invoke error SerializedRequestEntity*": "a request is too large as it comes, if at all",
    "Invoke error ServiceQuotaExceeded*": "there is no quota for a caller to exceed",
    "Invoke error UnsupportedMediaType*": "a payload is JSON, whatever its header says: curl's",
    "* error TooManyRequestsException.Reason=*InvocationRate*": "rates are those of callers",
    "[!I]* error TooManyRequestsException.Reason=Reserved*": "only invocations are reserved",
    "* error TooManyRequestsException.Reason=Concurrent*": "rates are those of callers",
    "CheckpointDurableExecution response ExecutionDetails.InputPayload": (
        "the invocation that checkpoints was started with the input"
    ),
    "Functions error AliasLimit*": "there is no limit of aliases",
    "Functions error Code*": "code is not signed, and there is no quota of it",
    "Functions error E[2FN]*": "no such infrastructure is involved",
    "Functions error EC2*": "no such infrastructure is involved",
    "Functions error FunctionVersionsPer*": "there are no managed instances",
    "Functions error Invalid[CSZ]*": "no signature, no subnet; a broken zip is not stored",
    "Functions error InvalidRuntime*": "no managed runtime to be invalid",
    "Functions error NoPublishedVersion*": "$LATEST.PUBLISHED is of managed instances only",
    "Functions error RecursiveInvocation*": "recursion is not looked for",
    "Functions error ResourceNotReady*": "a function can be invoked as soon as it exists",
    "Functions error Runtime*": "there are no managed runtimes",
    "Functions error S3Files*": "no such infrastructure is involved",
    "Functions error Serialized*": "a request is too large as it comes, if at all",
    "Functions error ServiceE*": "as with durable operations",
    "Functions error ServiceQuota*": "there is no quota for a caller to exceed",
    "Functions error SnapStart*": "no such infrastructure is involved",
    "Functions error SubnetIP*": "no such infrastructure is involved",
    "Functions error TooManyRequests*": "calls about functions have no rates",
    "Functions error UnsupportedMediaType*": "a payload is JSON, whatever its header says",
    "Functions re* *AcceleratorConfig*": "refused: workers have what their machine has",
    "Functions re* *CapacityProvider*": "refused: workers are started by people",
    "Functions re* *CodeSigningConfigArn": "refused: signatures are not checked",
    "Functions re* *FileSystemConfig*": "refused: a machine mounts what it needs",
    "Functions re* *ImageConfig*": "refused: containers are started by others",
    "Functions request *.KMSKeyArn": "refused: there is no encryption with keys of the user's",
    "Functions re* *.SourceKMSKeyArn": "refused: there is no encryption with keys of the user's",
    "Functions re* *PublishTo*": "refused: there are no managed instances",
    "Functions re* *RuntimeConfig*": "refused: a worker's interpreter decides",
    "Functions re* *RuntimeVersion*": "there are no managed runtimes",
    "Functions re* *S3FilesConfig*": "refused: a machine mounts what it needs",
    "Functions re* *TenancyConfig*": "refused: a tenant is told to the function and no more",
    "Functions re* *VpcConfig*": "refused: functions use their worker's network",
    "Functions request *StorageMode=REFERENCE": "refused: code is kept here",
    "Functions request *S3ObjectVersion": "the buckets here are folders; see test_buckets.py",
    "Functions response *Layer*": "refused: the zip holds what layers would",
    "Functions response *ResolvedS3Object*": "code is kept here",
    "Functions response Environment*Error*": "an environment can always be read",
    "Functions response FunctionCodeLocation*Error*": "code that is named can always be read",
    "Functions response *ConfigSha256": "of managed instances only",
    "Functions response *LastUpdateStatus=[!S]*": "an update is done when it is answered",
    "Functions response *LastUpdateStatusReason*": "an update is done when it is answered",
    "Functions response *.State=[!A]*": "a function is active as soon as it exists",
    "Functions response *.State=ActiveNon*": "a function is active as soon as it exists",
    "Functions response *.StateReason*": "a function is active as soon as it exists",
    "Functions response *MasterArn": "of Lambda@Edge only",
    "Functions response *Signing*": "code is not signed",
    "Functions response *TagsError*": "tags can always be read",
    "Functions response *OptimizationStatus=On": "SnapStart is accepted and does nothing",
}
"""What cannot come about here, by pattern, with the reason."""

HERE = Path(__file__).parent
_OTHERS_SECONDS = 240
"""The last tests of other pytest-xdist workers may still be running when this one begins."""


def test_every_fact_of_the_model_was_seen_on_the_wire_or_has_its_reason(
    request: pytest.FixtureRequest, journal: Journal
) -> None:
    others = _all_other_tests(request)
    eventually(lambda: journal.tests_done >= others, _OTHERS_SECONDS)
    seen = journal.facts
    unseen = facts_of_model() - seen
    assert sorted(unseen - _matched(unseen, OPEN) - _matched(unseen, NEVER)) == []
    for pattern in (*OPEN, *NEVER):
        assert _matched(unseen, [pattern]), f"nothing is left of {pattern}: remove it"
        assert not _matched(seen, [pattern]), f"{pattern} comes about now: narrow it"


def _matched(facts: Iterable[str], patterns: Iterable[str]) -> set[str]:
    return {fact for fact in facts if any(fnmatchcase(fact, pattern) for pattern in patterns)}


def _all_other_tests(request: pytest.FixtureRequest) -> set[str]:
    """Skips if only some are run: a part of them has seen a part of the model, which says
    nothing."""
    tests = [item for item in request.session.items if item.path.parent == HERE]
    selective = any(
        request.config.getoption(option, None)
        for option in ("keyword", "markexpr", "lf", "failedfirst")
    )
    if selective or {test.path for test in tests} != set(HERE.glob("test_*.py")):
        pytest.skip("needs all tests of this folder")
    return {test.nodeid for test in tests if test.path != Path(__file__)}

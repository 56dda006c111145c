"""What checkpoints may not ask for, and in which of Lambda's words each of it is refused."""

from __future__ import annotations

from dataclasses import replace

from perdure_service.domain.limits import MEBIBYTE
from perdure_service.domain.operations import Action, ErrorObject, OperationUpdate
from tests.support.scenario import (
    BROKEN,
    callback,
    cancel,
    closing,
    context,
    invoke,
    retry,
    step,
    wait,
)

Case = tuple[str, list[OperationUpdate]]
"""The text of the refusal, and the updates of a request after `RUNNING_ALREADY`."""

SUCCEED, FAIL, CANCEL = Action.SUCCEED, Action.FAIL, Action.CANCEL
LARGE = "x" * (MEBIBYTE + 1)

RUNNING_ALREADY = [
    context("ctx", name="fan-out", sub_type="Parallel"),
    step("step", parent_id="ctx", name="charge", sub_type="Step"),
    wait("wait"),
    callback("callback"),
    invoke("invoke"),
    step("ended", SUCCEED),
    context("closed", SUCCEED),
]

BROKEN_RULES: list[Case] = [
    ("Cannot checkpoint multiple EXECUTION updates.", [closing(), closing(FAIL)]),
    ("EXECUTION checkpoint must be the last update.", [closing(), step("a")]),
    ("Cannot checkpoint multiple operations with the same ID.", [wait("a"), cancel("a")]),
    ("Cannot checkpoint multiple operations with the same ID.", [step("a"), step("a")]),
    ("Cannot checkpoint multiple operations with the same ID.", [step("a", SUCCEED), step("a")]),
    ("Cannot checkpoint multiple operations with the same ID.", [wait("a"), step("a", SUCCEED)]),
    (
        "Cannot checkpoint multiple operations with the same ID.",
        [step("a"), retry("a"), step("a", SUCCEED)],
    ),
    ("Invalid parent operation id.", [step("a", parent_id="unheard-of")]),
    ("Invalid parent operation id.", [step("a", parent_id="step")]),
    ("Invalid parent operation id.", [step("a", parent_id="b"), context("b")]),
    ("Invalid parent operation id.", [context("a", parent_id="a")]),
    ("Inconsistent operation type.", [wait("step")]),
    ("Inconsistent operation subtype.", [step("step", SUCCEED, sub_type="Wait")]),
    ("Inconsistent operation name.", [step("step", SUCCEED, name="refund")]),
    ("Inconsistent parent operation id.", [step("step", SUCCEED, parent_id="closed")]),
    ("Inconsistent parent operation id.", [wait("wait", parent_id="ctx")]),
    (
        "Error object size must be less than or equal to 1048576 bytes.",
        [step("step", FAIL, error=ErrorObject(data=LARGE))],
    ),
    ("Invalid action for the given operation type.", [step("step", CANCEL)]),
    ("Invalid action for the given operation type.", [closing(Action.START)]),
    ("Invalid action for the given operation type.", [replace(invoke("invoke"), action=CANCEL)]),
    ("Invalid current STEP state to start.", [step("step")]),
    ("Invalid current STEP state to close.", [step("ended", SUCCEED)]),
    ("Invalid current STEP state to close.", [step("ended", FAIL)]),
    ("Invalid current STEP state to re-attempt.", [retry("ended")]),
    ("Invalid StepOptions for the given action.", [retry("step", None)]),
    ("Invalid StepOptions for the given action.", [step("a", has_step_options=True)]),
    (
        "Cannot provide both error and payload to RETRY a STEP.",
        [retry("step", error=BROKEN, payload="1")],
    ),
    ("Cannot start a CONTEXT that already exist.", [context("ctx")]),
    ("Invalid current CONTEXT state to close.", [context("closed", SUCCEED)]),
    ("Invalid current CONTEXT state to close.", [context("closed", FAIL)]),
    ("Cannot start a WAIT that already exist.", [wait("wait")]),
    (
        "Cannot cancel a WAIT that does not exist or has already completed.",
        [cancel("unheard-of")],
    ),
    ("Update for WAIT operation requires WaitOptions.", [wait("a", None)]),
    ("Cannot start a CALLBACK that already exist.", [callback("callback")]),
    ("Cannot start a CHAINED_INVOKE that already exist.", [invoke("invoke")]),
    (
        "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        [invoke("a", function=None)],
    ),
    (
        "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
        [invoke("a", payload=LARGE)],
    ),
    (
        "STEP output payload size must be less than or equal to 1048576 bytes.",
        [step("step", SUCCEED, payload=LARGE)],
    ),
    ("Cannot provide a Payload for FAIL action.", [step("step", FAIL, payload="1")]),
    ("Cannot provide a Payload for FAIL action.", [closing(FAIL, payload="1")]),
    ("Cannot provide an Error for SUCCEED action.", [step("step", SUCCEED, error=BROKEN)]),
    ("Cannot provide an Error for SUCCEED action.", [closing(SUCCEED, error=BROKEN)]),
]

SEVERAL_BROKEN_RULES: list[Case] = [
    (
        "Cannot checkpoint multiple EXECUTION updates.",
        [closing(), closing(), step("a")],
    ),
    (
        "EXECUTION checkpoint must be the last update.",
        [closing(), step("a"), step("a")],
    ),
    (
        "Cannot checkpoint multiple operations with the same ID.",
        [step("a"), step("a", parent_id="unheard-of")],
    ),
    (
        "Invalid parent operation id.",
        [wait("step"), step("a", parent_id="unheard-of")],
    ),
    (
        "Inconsistent operation type.",
        [wait("step", sub_type="x", name="x", error=ErrorObject(data=LARGE))],
    ),
    (
        "Inconsistent operation subtype.",
        [step("step", CANCEL, sub_type="x", name="x", parent_id="closed")],
    ),
    (
        "Inconsistent operation name.",
        [step("step", CANCEL, name="x", parent_id="closed")],
    ),
    (
        "Inconsistent parent operation id.",
        [step("step", CANCEL, parent_id="closed", error=ErrorObject(data=LARGE))],
    ),
    (
        "Error object size must be less than or equal to 1048576 bytes.",
        [step("step", CANCEL, error=ErrorObject(data=LARGE))],
    ),
    (
        "Invalid action for the given operation type.",
        [step("ended", CANCEL, payload=LARGE)],
    ),
    (
        "Invalid current STEP state to close.",
        [step("ended", FAIL, payload="1", has_step_options=True)],
    ),
    (
        "Invalid StepOptions for the given action.",
        [retry("step", None, error=BROKEN, payload="1")],
    ),
    (
        "Cannot start a CONTEXT that already exist.",
        [context("ctx"), step("ended"), retry("step", None)],
    ),
]
"""The first in Lambda's order is named."""

"""Checkpoints as a function, or somebody's broken SDK, might send them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from perdure_service.domain.execution import Execution
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import (
    TRANSITIONS,
    Action,
    ErrorObject,
    OperationType,
    OperationUpdate,
    Status,
)

IDS: dict[OperationType, list[str]] = {
    type_: [f"{type_.value.lower()}-{n}" for n in range(3)]
    for type_ in OperationType
    if type_ is not OperationType.EXECUTION
}
Group = list[OperationUpdate]

ANY_ID = st.sampled_from([id_ for ids in IDS.values() for id_ in ids] + ["unheard-of"])

payloads = st.sampled_from([None, "", '"paid"', '{"é": "\U0001f980"}', "x" * 70])
errors = st.sampled_from([None, ErrorObject(), ErrorObject("no", "Err", "d", ("a", "b"))])
delays = st.sampled_from([None, 1, 2, 30])
timeouts = st.sampled_from([None, 0, 1, 5, 60])

wild_updates = st.builds(
    OperationUpdate,
    id=ANY_ID,
    type=st.sampled_from(OperationType),
    action=st.sampled_from(Action),
    parent_id=st.none() | ANY_ID,
    name=st.sampled_from([None, "charge"]),
    sub_type=st.sampled_from([None, "Step"]),
    payload=payloads,
    error=errors,
    replay_children=st.sampled_from([None, True]),
    step_delay_seconds=delays,
    has_step_options=st.booleans(),
    wait_seconds=delays,
    callback_timeout_seconds=timeouts,
    callback_heartbeat_seconds=timeouts,
    function_name=st.sampled_from([None, "ship"]),
)


_T = OperationType
OPENINGS = [
    OperationUpdate("context-0", _T.CONTEXT, Action.START),
    OperationUpdate("step-0", _T.STEP, Action.RETRY, step_delay_seconds=2, has_step_options=True),
    OperationUpdate("wait-0", _T.WAIT, Action.START, wait_seconds=3),
    OperationUpdate("callback-0", _T.CALLBACK, Action.START, callback_heartbeat_seconds=5),
    OperationUpdate("chained_invoke-0", _T.CHAINED_INVOKE, Action.START, function_name="ship"),
]
"""What the first invocation may have done before the rules begin."""


def legal_groups(execution: Execution, now: Instant, type_: OperationType) -> list[Group]:
    """For each operation every legal next update, and where Lambda allows it a START with it."""
    contexts = [o.id for o in execution.operations.values() if o.type is OperationType.CONTEXT]
    groups = []
    for place, id_ in enumerate(IDS[type_]):
        stored = execution.operations.get(id_)
        status = stored.status_at(now) if stored is not None else None
        parent = contexts[-1] if stored is None and place and contexts else None
        updates = [
            OperationUpdate(id_, type_, action, parent_id=parent)
            for action in _legal_actions(type_, status)
        ]
        groups += [[update] for update in updates]
        if type_ in (OperationType.STEP, OperationType.CONTEXT) and status is None:
            start = OperationUpdate(id_, type_, Action.START, parent_id=parent)
            groups += [[start, u] for u in updates if u.action is not Action.START]
    return groups


def _legal_actions(type_: OperationType, status: Status | None) -> Iterable[Action]:
    return [a for t, s, a in TRANSITIONS if (t, s) == (type_, status)]


def batches(execution: Execution, now: Instant) -> st.SearchStrategy[Group]:
    """Mostly legal; with wild updates among them now and then, and rarely the one that closes."""
    by_type = [legal_groups(execution, now, type_) for type_ in IDS]
    legal = st.one_of(*(st.sampled_from(groups) for groups in by_type if groups))
    some = st.lists(legal, min_size=1, max_size=3, unique_by=_id_of)
    closing = st.sampled_from([Action.SUCCEED, Action.FAIL]).map(_closing)
    wild = st.one_of(wild_updates, wild_updates, wild_updates, closing)
    none: st.SearchStrategy[Group] = st.just([])
    more = st.one_of(none, none, none, st.lists(wild, min_size=1, max_size=2))
    return st.builds(lambda one, other: one + other, some.flatmap(_furnished), more)


def _id_of(group: Group) -> str:
    return group[0].id


def _closing(action: Action) -> OperationUpdate:
    return OperationUpdate("execution-result-1", OperationType.EXECUTION, action)


def _furnished(groups: Sequence[Group]) -> st.SearchStrategy[Group]:
    """The updates of `groups` with the options that their actions need."""
    furnished = [_furnish(update) for group in groups for update in group]
    return st.tuples(*furnished).map(list)


def _furnish(update: OperationUpdate) -> st.SearchStrategy[OperationUpdate]:
    needed = st.integers(1, 5)
    match update.type, update.action:
        case OperationType.STEP, Action.RETRY:
            outcome = st.sampled_from([(None, None), ('"state"', None), (None, ErrorObject("no"))])
            return st.builds(
                lambda seconds, told: replace(
                    update,
                    step_delay_seconds=seconds,
                    has_step_options=True,
                    payload=told[0],
                    error=told[1],
                ),
                needed,
                outcome,
            )
        case OperationType.WAIT, Action.START:
            return needed.map(lambda seconds: replace(update, wait_seconds=seconds))
        case OperationType.CALLBACK, Action.START:
            return st.builds(
                lambda timeout, heartbeat: replace(
                    update, callback_timeout_seconds=timeout, callback_heartbeat_seconds=heartbeat
                ),
                st.sampled_from([None, 60, 5, 0]),
                st.sampled_from([5, 60, None, 0]),
            )
        case OperationType.CHAINED_INVOKE, Action.START:
            return st.just(replace(update, function_name="ship", payload="{}"))
        case OperationType.CONTEXT, Action.SUCCEED:
            return st.booleans().map(lambda keep: replace(update, replay_children=keep))
        case _, Action.SUCCEED:
            return payloads.map(lambda payload: replace(update, payload=payload))
        case _:
            return st.just(update)

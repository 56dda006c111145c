"""The event of an asynchronous execution that does not succeed goes where its function wants it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.emulator import Emulator, push_target
from tests.support.postgres import DatabaseServer
from tests.support.receiver import Received, Receiver
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually

QUEUE = "arn:aws:sqs:us-east-1:000000000000:failed"
EVENT = b' {"order":  "\xc3\xa9", "n": 1.0}'
DURABLE = {"DurableConfig": {"ExecutionTimeout": 60}}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(
    receiver: Receiver,
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    options = [
        *("--async-retry-delays", "0.05,0.05"),
        *("--dead-letter-target", f"{QUEUE}={receiver.url}/queue"),
    ]
    with (
        database_server.clone(template_database) as url,
        running_service(
            tmp_path_factory.mktemp("letters"), database_url=url, options=options
        ) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def caller(service: ServiceProcess) -> Caller:
    return Caller(service.url)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator(lambda _: {"Status": "FAILED", "Error": {"ErrorType": "Sad"}})
    with emulator.running():
        yield emulator


@pytest.fixture(autouse=True)
def good_mood(receiver: Receiver) -> None:
    receiver.judge = lambda _: 204


def failing(caller: Caller, emulator: Emulator, target: str, **options: Any) -> str:
    """A function whose dead letters go to `target`."""
    letters = {"DeadLetterConfig": {"TargetArn": target}}
    return push_target(caller, emulator.url, **letters, **(options or DURABLE))


def start(caller: Caller, function: str) -> str:
    started = caller.client.invoke(
        FunctionName=f"{function}:$LATEST", InvocationType="Event", Payload=EVENT
    )
    return str(started["DurableExecutionArn"])


def id_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def waiting(service: ServiceProcess) -> list[dict[str, Any]]:
    """The letters that have not arrived."""
    answer = httpx.get(f"{service.url}/v1/dead-letters", params={"limit": 100})
    letters = answer.json()["dead_letters"]
    assert isinstance(letters, list)
    return letters


def of(service: ServiceProcess, arn: str) -> dict[str, Any] | None:
    """The letter of one execution, if it has not arrived."""
    return next((one for one in waiting(service) if one["execution_arn"] == arn), None)


def test_the_event_arrives_byte_for_byte_and_says_what_went_wrong(
    service: ServiceProcess, caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    error = {"ErrorType": "Sad", "ErrorMessage": "n\u00f6\n100% no"}
    emulator.handle = lambda _: {"Status": "FAILED", "Error": error}
    function = failing(caller, emulator, f"{receiver.url}/letters?token=secret")
    arn = start(caller, function)
    function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}:$LATEST"
    (letter,) = receiver.until_received(id_of(arn))
    assert (letter.path, letter.body) == ("/letters?token=secret", EVENT)
    history = caller.history(arn)
    told = {name: value for name, value in letter.headers.items() if name.startswith("x-")}
    assert told == {
        "x-perdure-dead-letter-id": id_of(arn),
        "x-perdure-try": "1",
        "x-perdure-function-arn": function_arn,
        "x-perdure-status": "FAILED",
        "x-perdure-error-code": "200",
        "x-perdure-error-type": "Sad",
        "x-perdure-error-message": "n%C3%B6%0A100%25 no",
        "x-perdure-request-id": history[1]["InvocationCompletedDetails"]["RequestId"],
        "x-amz-durable-execution-arn": arn,
    }
    assert unquote(told["x-perdure-error-message"]) == error["ErrorMessage"]
    eventually(lambda: of(service, arn) is None)
    assert "secret" not in service.log


def test_a_stopped_execution_gives_a_letter_too(
    caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    emulator.handle = lambda _: {"Status": "PENDING"}
    arn = start(caller, failing(caller, emulator, receiver.url))
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by hand"}
    caller.client.stop_durable_execution(DurableExecutionArn=arn, Error=error)
    (letter,) = receiver.until_received(id_of(arn))
    assert letter.headers["x-perdure-status"] == "STOPPED"
    assert letter.headers["x-perdure-error-message"] == "by hand"
    assert letter.body == EVENT


def test_an_execution_that_ran_out_of_time_gives_a_letter_too(
    caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    emulator.handle = lambda _: {"Status": "PENDING"}
    function = failing(caller, emulator, receiver.url, DurableConfig={"ExecutionTimeout": 1})
    (letter,) = receiver.until_received(id_of(start(caller, function)))
    assert letter.headers["x-perdure-status"] == "TIMED_OUT"
    assert letter.headers["x-perdure-error-message"] == "Execution timed out after 1 seconds."


def test_a_plain_function_gives_a_letter_after_its_two_retries(
    caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    def handle(_: Any) -> Any:
        raise ValueError("no")

    emulator.handle = handle
    before = len(receiver.received)
    function = failing(caller, emulator, f"{receiver.url}/plain", Timeout=5)
    caller.client.invoke(FunctionName=function, InvocationType="Event", Payload=EVENT)
    eventually(lambda: len(receiver.received) > before)
    letter = receiver.received[-1]
    assert emulator.calls == 3
    assert (letter.path, letter.body) == ("/plain", EVENT)
    assert letter.headers["x-perdure-error-type"] == "ValueError"
    assert "x-amz-durable-execution-arn" not in letter.headers


def test_what_succeeds_or_has_a_caller_who_waits_gives_none(
    service: ServiceProcess, caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    function = failing(caller, emulator, receiver.url)
    answer = caller.call(f"{function}:$LATEST", {})
    assert answer.error == "Unhandled"
    emulator.handle = lambda _: {"Status": "SUCCEEDED", "Result": "1"}
    succeeded = start(caller, function)
    assert caller.until_closed(succeeded)["Status"] == "SUCCEEDED"
    emulator.handle = lambda _: {"Status": "FAILED"}
    last = start(caller, function)
    receiver.until_received(id_of(last))
    assert answer.arn is not None
    assert receiver.of(id_of(answer.arn)) == receiver.of(id_of(succeeded)) == []
    eventually(lambda: waiting(service) == [])


def test_a_queue_of_ones_own_cloud_stands_for_a_url(
    caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    function = failing(caller, emulator, QUEUE)
    configuration = caller.client.get_function_configuration(FunctionName=function)
    assert configuration["DeadLetterConfig"] == {"TargetArn": QUEUE}
    (letter,) = receiver.until_received(id_of(start(caller, function)))
    assert letter.path == "/queue"


@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:sqs:us-east-1:000000000000:unheard-of",
        "ftp://example.com/",
        "http://me:secret@example.com/",
        "file:///etc/passwd",
        "nowhere",
    ],
)
def test_a_target_that_leads_nowhere_is_refused(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    with pytest.raises(
        caller.client.exceptions.InvalidParameterValueException, match="--dead-letter-target"
    ):
        failing(caller, emulator, target)


@pytest.mark.parametrize("status", [500, 404, 301])
def test_anything_but_2xx_is_tried_again_and_no_redirect_is_followed(
    service: ServiceProcess, caller: Caller, emulator: Emulator, receiver: Receiver, status: int
) -> None:
    receiver.judge = lambda request: 200 if request.headers["x-perdure-try"] == "2" else status
    arn = start(caller, failing(caller, emulator, f"{receiver.url}/moody"))
    first, second = receiver.until_received(id_of(arn), 2)
    assert first.path == second.path == "/moody"
    assert first.body == second.body == EVENT
    assert (first.headers["x-perdure-try"], second.headers["x-perdure-try"]) == ("1", "2")
    assert "cookie" not in second.headers
    eventually(lambda: of(service, arn) is None)


def test_a_receiver_that_is_down_gets_it_when_it_is_up(
    service: ServiceProcess, caller: Caller, emulator: Emulator
) -> None:
    with Receiver().running() as down:
        port = down.port
    arn = start(caller, failing(caller, emulator, f"http://127.0.0.1:{port}/later?key=secret"))
    eventually(lambda: (of(service, arn) or {}).get("last_failure"))
    letter = of(service, arn)
    assert letter is not None
    assert letter["target"] == f"http://127.0.0.1:{port}/later"
    assert json.loads(letter["event"]) == json.loads(EVENT)
    assert letter["last_failure"].startswith("ConnectError")
    assert letter["next_try_at"]
    with Receiver(port).running() as up:
        deliver = f"{service.url}/v1/dead-letters/{id_of(arn)}/deliver"
        assert httpx.post(deliver).status_code == 202
        assert up.until_received(id_of(arn))[0].body == EVENT
        eventually(lambda: of(service, arn) is None)
        assert httpx.post(deliver).status_code == 404


def test_a_letter_can_be_thrown_away(
    service: ServiceProcess, caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    receiver.judge = lambda _: 503
    arn = start(caller, failing(caller, emulator, receiver.url))
    receiver.until_received(id_of(arn))
    letter = f"{service.url}/v1/dead-letters/{id_of(arn)}"
    assert httpx.delete(letter).status_code == 204
    assert of(service, arn) is None
    assert httpx.delete(letter).status_code == 404
    assert httpx.delete(f"{service.url}/v1/dead-letters/none").status_code == 400


def test_one_target_that_does_not_answer_holds_up_no_other(
    caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    slow_function = failing(caller, emulator, f"{receiver.url}/slow")
    function = failing(caller, emulator, receiver.url)
    released = threading.Event()
    receiver.judge = lambda request: 204 if request.path != "/slow" or released.wait(9) else 500

    def held() -> list[Received]:
        return [request for request in receiver.received if request.path == "/slow"]

    for _ in range(20):
        start(caller, slow_function)
    eventually(lambda: len(held()) >= 4)
    receiver.until_received(id_of(start(caller, function)), timeout_seconds=5)
    assert len(held()) <= 8
    released.set()
    eventually(lambda: len({request.execution for request in held()}) == 20)


def test_letters_come_in_pages(
    service: ServiceProcess, caller: Caller, emulator: Emulator, receiver: Receiver
) -> None:
    receiver.judge = lambda _: 503
    function = failing(caller, emulator, receiver.url)
    arns = [start(caller, function) for _ in range(3)]
    for arn in arns:
        receiver.until_received(id_of(arn))
    seen: list[str] = []
    path = "/v1/dead-letters?limit=2"
    while path:
        page = httpx.get(service.url + path).json()
        seen += [letter["execution_id"] for letter in page["dead_letters"]]
        path = page.get("next")
    assert set(map(id_of, arns)) <= set(seen)
    assert seen == sorted(set(seen))
    for id_ in seen:
        httpx.delete(f"{service.url}/v1/dead-letters/{id_}")

"""What waits goes on when a newer service is started on the database of an older one.

The older databases are the newest, taken back by the migrations' own way down, with all that the
older schema has room for; so a way down that loses more than it must fails here, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.migrate import migrate, migrations_folder
from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import Delivered, RawWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.caller import lambda_client, logs_client
from tests.support.code import zip_of
from tests.support.postgres import DatabaseServer

FUNCTION, DEPLOYED, GROUP = "order", "deployed", "own/lines"
CALLBACK = {"Id": "cb", "Type": "CALLBACK", "Action": "START"}
WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}
STEP = {"Id": "s", "Type": "STEP", "Action": "START"}
CONFIG = Config()
CONFIG.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
OLDER = [one.revision for one in ScriptDirectory.from_config(CONFIG).walk_revisions()][1:]


@dataclass(frozen=True, slots=True)
class Left:
    """What a stopped service has left in `database`."""

    database: str
    worker_id: str
    called: str
    callback_id: str
    waiting: str
    paused: str
    closed: str
    story: list[dict[str, Any]]
    running: Delivered
    token: str


@pytest.fixture(scope="module")
def left(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Left]:
    folder = tmp_path_factory.mktemp("newest")
    with database_server.clone("template1") as url:
        migrate(url)
        with running_service(folder, url) as service, httpx.Client(base_url=service.url) as http:
            worker = RawWorker(http, FUNCTION)
            assert worker.register().status_code == 200
            filled = fill(service, worker, name_of(url))
        yield filled


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def fill(service: RunningService, worker: RawWorker, database: str) -> Left:
    aws, logs = lambda_client(service.url), logs_client(service.url)
    aws.create_function(
        FunctionName=DEPLOYED,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": zip_of({"app.py": ""})},
        Environment={"Variables": {"STAGE": "test"}},
        Tags={"team": "ours"},
    )
    version = aws.publish_version(FunctionName=DEPLOYED)["Version"]
    aws.create_alias(FunctionName=DEPLOYED, Name="live", FunctionVersion=version)
    aws.put_function_concurrency(FunctionName=DEPLOYED, ReservedConcurrentExecutions=3)

    closed = ByHand.start(aws, worker)
    worker.succeed(closed.delivered, '"paid"')
    begun = closed.history()[0]["EventTimestamp"]
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    line = {"timestamp": int(begun.timestamp() * 1_000), "message": "kept"}
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=[line])
    called, paused = (ByHand.start(aws, worker) for _ in range(2))
    callback_id = called.checkpoint(CALLBACK)["cb"]["CallbackDetails"]["CallbackId"]
    paused.checkpoint(CALLBACK)
    waiting = ByHand.start(aws, worker)
    waiting.checkpoint(WAIT)
    for one in (called, paused, waiting):
        worker.suspend(one.delivered)
    aws.pause_durable_execution(DurableExecutionArn=paused.arn)
    running = ByHand.start(aws, worker)
    running.checkpoint(STEP)
    return Left(
        database=database,
        worker_id=worker.id,
        called=called.arn,
        callback_id=callback_id,
        waiting=waiting.arn,
        paused=paused.arn,
        closed=closed.arn,
        story=closed.history(),
        running=running.delivered,
        token=running.token,
    )


@pytest.mark.parametrize("revision", OLDER)
def test_what_an_older_schema_holds_goes_on(
    database_server: DatabaseServer,
    left: Left,
    revision: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("upgraded")
    with database_server.clone(left.database) as url:
        take_back(url, revision)
        with running_service(folder, url) as service, httpx.Client(base_url=service.url) as http:
            aws = lambda_client(service.url)
            goes_on(aws, RawWorker(http, FUNCTION, left.worker_id), left, revision)
            assert aws.get_alias(FunctionName=DEPLOYED, Name="live")["FunctionVersion"] == "1"
            if revision >= "0005":
                is_deployed_as_before(aws)
            if revision >= "0007":
                events = logs_client(service.url).filter_log_events(logGroupName=GROUP)["events"]
                assert [event["message"] for event in events] == ["kept"]


def take_back(url: str, revision: str) -> None:
    engine = sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        if revision < "0004":  # nothing could be paused
            connection.execute(sa.text("DELETE FROM execution WHERE status = 'PAUSED'"))
            connection.commit()
        CONFIG.attributes["connection"] = connection
        command.downgrade(CONFIG, revision)
        known = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    assert known == revision


def goes_on(aws: Any, worker: RawWorker, left: Left, revision: str) -> None:
    assert worker.register(held=[left.running.id]).status_code == 200
    running = ByHand(aws, worker, left.running, left.token)
    running.checkpoint({**STEP, "Action": "SUCCEED", "Payload": "1"})
    worker.succeed(running.delivered)
    aws.send_durable_execution_callback_success(CallbackId=left.callback_id, Result=b"1")
    for _ in range(2):
        worker.succeed(worker.take())
    for arn in (left.running.arn, left.called, left.waiting, left.closed):
        assert aws.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"
    history = aws.get_durable_execution_history(DurableExecutionArn=left.closed)
    assert history["Events"] == left.story
    if revision >= "0004":
        assert aws.get_durable_execution(DurableExecutionArn=left.paused)["Status"] == "PAUSED"
        aws.resume_durable_execution(DurableExecutionArn=left.paused)
        assert aws.get_durable_execution(DurableExecutionArn=left.paused)["Status"] == "RUNNING"


def is_deployed_as_before(aws: Any) -> None:
    function = aws.get_function(FunctionName=DEPLOYED)
    assert function["Configuration"]["Environment"] == {"Variables": {"STAGE": "test"}}
    assert function["Tags"] == {"team": "ours"}
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 3}

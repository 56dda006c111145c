"""Logs through the death of the service: nothing that was kept is lost, nothing is there twice."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.support.caller import Caller
from tests.support.cloudwatch import events_of, messages_of
from tests.support.postgres import DatabaseServer
from tests.support.service import running_service
from tests.support.waiting import eventually
from tests.support.worker import running_worker

CHATTER = Path(__file__).parents[1] / "e2e" / "handlers" / "chatter.py"
GROUP = "/aws/lambda/chatter"
INVOCATIONS, LINES = 30, 300


def test_lines_are_shipped_once_through_a_restart_of_the_service(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    options = ["--plain", "chatter", "--concurrency", "2"]
    with (
        database_server.clone(template_database) as url,
        running_service(tmp_path / "service", database_url=url) as service,
        running_worker(tmp_path / "worker", service.url, [str(CHATTER)], options=options),
    ):
        caller = Caller(service.url)
        for _ in range(INVOCATIONS):
            caller.client.invoke(
                FunctionName="chatter",
                InvocationType="Event",
                Payload=b'{"lines": %d}' % LINES,
            )
        eventually(lambda: messages_of(service.url, GROUP, filterPattern="line"))
        service.kill()
        service.start()
        eventually(lambda: len(reports(service.url)) >= INVOCATIONS, 30)
        by_request: dict[str, list[str]] = defaultdict(list)
        request = ""
        streams: dict[str, list[str]] = defaultdict(list)
        for event in events_of(service.url, GROUP):
            streams[event["logStreamName"]].append(event["message"])
        for messages in streams.values():
            for message in messages:
                if started := re.match(r"START RequestId: (\S+)", message):
                    request = started[1]
                by_request[request].append(message)
        assert len(by_request) == INVOCATIONS
        for request, messages in by_request.items():
            assert messages[0].startswith(f"START RequestId: {request}")
            assert messages[1:-2] == [f"line {n}" for n in range(LINES)]
            assert messages[-2] == f"END RequestId: {request}"
            assert messages[-1].startswith(f"REPORT RequestId: {request}")


def reports(url: str) -> list[str]:
    return messages_of(url, GROUP, filterPattern="REPORT")

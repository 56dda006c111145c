"""JavaScript functions on the real service, as far as the scenarios don't show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.javascript import FOLDER
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

pytestmark = pytest.mark.javascript

PLAIN = Path(__file__).parent / "scenarios" / "javascript" / "plain.mjs"
CODE = """
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import text from "a-package";

export const handler = withDurableExecution(async (event, context) => {
  const before = await context.step("before", async () => text);
  if (event.wait) await (await context.createCallback("signal"))[0];
  return [before, text, context.lambdaContext.functionVersion];
});
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A handler's own package, which the runtime folder does not have; its only file."""
    code = tmp_path / "code"
    package = code / "node_modules" / "a-package"
    package.mkdir(parents=True)
    (code / "pinned-js.mjs").write_text(CODE)
    (package / "package.json").write_text('{"name": "a-package", "exports": "./main.mjs"}')
    (package / "main.mjs").write_text('export default "first";')
    return package / "main.mjs"


@pytest.fixture
def javascript_worker(
    service: ServiceProcess, package: Path, tmp_path: Path
) -> Iterator[WorkerProcess]:
    specs = [str(tmp_path / "code" / "pinned-js.mjs"), f"plain-js={PLAIN}"]
    options = ["--reload", "--plain", "plain-js", "--node-runtime", str(FOLDER)]
    with running_worker(tmp_path, service.url, specs, options=options) as worker:
        yield worker


@pytest.mark.usefixtures("node_runtime", "javascript_worker")
def test_version_1_is_pinned_with_its_packages_while_latest_is_edited(
    caller: Caller, package: Path
) -> None:
    assert caller.call("pinned-js:$LATEST", {}).json == ["first", "first", "$LATEST"]
    published = caller.client.publish_version(FunctionName="pinned-js")
    assert published["Version"] == "1"
    assert published["Runtime"] == "nodejs24.x"
    arn = caller.start("pinned-js:1", {"wait": True})
    opened = caller.until_event(arn, "CallbackStarted")["CallbackStartedDetails"]
    caller.until_event(arn, "InvocationCompleted")

    package.write_text('export default "second";')
    eventually(lambda: caller.call("pinned-js:$LATEST", {}).json[0] == "second", 20)
    caller.client.send_durable_execution_callback_success(CallbackId=opened["CallbackId"])
    assert caller.until_closed(arn)["Result"] == '["first","first","1"]'
    assert caller.call("pinned-js:1", {}).json == ["first", "first", "1"]


@pytest.mark.usefixtures("node_runtime", "javascript_worker")
def test_a_failing_plain_function_answers_as_its_runtime_spells_it(caller: Caller) -> None:
    answer = caller.call("plain-js", {"do": "fail"})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.json.keys() == {"errorType", "errorMessage", "trace"}
    assert answer.json["errorType"] == "BrokenError"
    assert answer.json["trace"][0] == "BrokenError: in the plain one"
    assert "plain.mjs" in answer.json["trace"][1]

"""Functions as a template of SAM tells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.template import Template, targets_of
from perdure.client import DurableConfig, LoggingConfig

WHOLE = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: test}
  Memory: {Type: Number}
Globals:
  Function:
    Runtime: python3.13
    Timeout: 30
    Environment:
      Variables: {STAGE: !Ref Stage, SHARED: global}
Resources:
  Order:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "order-${Stage}"
      CodeUri: src/
      Handler: app.handler
      MemorySize: !Ref Memory
      DurableConfig: {ExecutionTimeout: 3600, RetentionPeriodInDays: 7}
      AutoPublishAlias: live
      VersionDescription: of the test
      LoggingConfig: {LogFormat: JSON, LogGroup: /shop}
      Role: !GetAtt Nobody.Arn
      Policies: [AWSLambdaBasicExecutionRole]
      Environment:
        Variables:
          SHARED: own
          FLAG: true
          PAYMENT: !GetAtt Payment.Arn
          ALSO: !Sub "${Payment.Arn}:${Stage} ${!Literal} ${AWS::Region}"
          JOINED: !Join ["-", [a, !Ref Payment]]
  Payment:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: pay.handler, Timeout: 5}
  Nobody: {Type: "AWS::IAM::Role"}
"""


def read(
    tmp_path: Path,
    text: str,
    parameters: Mapping[str, str] = MappingProxyType({}),
    *,
    leave_out: bool = False,
) -> Template:
    (tmp_path / "src").mkdir(exist_ok=True)
    path = tmp_path / "template.yaml"
    path.write_text(text)
    return targets_of(
        path,
        parameters=parameters,
        region="eu-west-3",
        account="000000000000",
        leave_out_unsupported=leave_out,
    )


def one(properties: str) -> str:
    return (
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n"
        f"    Properties: {{Handler: a.b, CodeUri: src, {properties}}}\n"
    )


def refused(tmp_path: Path, text: str, **parameters: str) -> str:
    with pytest.raises(CannotDeploy) as error:
        read(tmp_path, text, parameters)
    return str(error.value)


def test_functions_are_read_with_globals_parameters_and_references(tmp_path: Path) -> None:
    template = read(tmp_path, WHOLE, {"Memory": "512"})
    order, payment = template.targets
    arn = "arn:aws:lambda:eu-west-3:000000000000:function:Payment"
    assert (order.name, payment.name) == ("order-test", "Payment")
    assert order.settings.environment == {
        "STAGE": "test",
        "SHARED": "own",
        "FLAG": "true",
        "PAYMENT": arn,
        "ALSO": f"{arn}:test ${{Literal}} eu-west-3",
        "JOINED": "a-Payment",
    }
    assert payment.settings.environment == {"STAGE": "test", "SHARED": "global"}
    assert (order.settings.memory_mb, order.settings.timeout_seconds) == (512, 30)
    assert payment.settings.timeout_seconds == 5
    assert order.settings.durable == DurableConfig(3600, 7)
    assert (order.durable, payment.durable) == (True, False)
    assert (order.alias, order.publish, payment.publish) == ("live", True, False)
    assert order.folder == tmp_path / "src"
    assert order.settings.role is None
    assert order.settings.logging == LoggingConfig("JSON", group="/shop")
    assert order.version_description == "of the test"
    assert template.left_out == ("Nobody (AWS::IAM::Role)", "Order.Policies", "Order.Role")


def test_an_image_needs_no_folder(tmp_path: Path) -> None:
    text = one("PackageType: Image, ImageUri: 'http://h:1'").replace("CodeUri: src, ", "")
    (target,) = read(tmp_path, text).targets
    assert (target.image, target.folder) == ("http://h:1", None)
    assert "go together" in refused(tmp_path, one("PackageType: Image"))


def test_everything_unknown_is_named_at_once_and_may_be_left_out(tmp_path: Path) -> None:
    text = one("Events: {Api: {Type: Api}}, Layers: [x]") + ("  Queue: {Type: 'AWS::SQS::Queue'}\n")
    said = refused(tmp_path, text)
    for name in ("F.Events", "F.Layers", "Queue (AWS::SQS::Queue)", "--leave-out-unsupported"):
        assert name in said
    template = read(tmp_path, text, leave_out=True)
    assert [target.name for target in template.targets] == ["F"]
    assert "F.Events" in template.left_out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no Resources"),
        ("Resources: {", "is not YAML"),
        ("a: !!python/object:os.system x", "is not YAML"),
        ("Resources: {}", "nothing to deploy"),
        (one("Timeout: soon"), "F.Timeout must be a number"),
        (one("Environment: x"), "F.Environment must be a map"),
        (one("Handler: [x]"), "F.Handler must be a text"),
        (one("Timeout: !Ref Nothing"), "F.Timeout refers to Nothing"),
        (one("Description: !GetAtt F.Version"), "F.Description asks for F.Version"),
        (one("Description: !ImportValue x"), "F.Description uses Fn::ImportValue"),
        (one("Description: !If [A, b, c]"), "uses Fn::If"),
        (one("Description: !Sub '${Nothing}'"), "refers to Nothing"),
        (one("CodeUri: s3://b/k"), "not in S3"),
        (one("CodeUri: nowhere"), "is no folder"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    assert re.search(re.escape(said), refused(tmp_path, text))


def test_a_parameter_that_the_template_lacks_is_refused(tmp_path: Path) -> None:
    assert "no parameter Other" in refused(tmp_path, WHOLE, Other="1")
    assert "Order.MemorySize refers to Memory" in refused(tmp_path, WHOLE)

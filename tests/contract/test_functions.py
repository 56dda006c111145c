"""Functions created, read and listed by boto3."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.function_calls import ROLE, create, create_from_zip, sha256_base64, zipped


class TestCreate:
    def test_a_push_target_is_a_function_like_any(self, aws: Any, function: str) -> None:
        created = create(
            aws,
            function,
            DurableConfig={"ExecutionTimeout": 600},
            Timeout=30,
            MemorySize=512,
            Description="pushes",
        )
        del created["ResponseMetadata"]
        assert created["FunctionArn"].endswith(f":function:{function}")
        assert created["DurableConfig"] == {"ExecutionTimeout": 600, "RetentionPeriodInDays": 14}
        assert (created["Version"], created["PackageType"]) == ("$LATEST", "Image")
        assert (created["Timeout"], created["MemorySize"]) == (30, 512)
        found = aws.get_function(FunctionName=function)
        assert found["Configuration"] == created
        uri = "http://127.0.0.1:9/2015-03-31/functions/function/invocations"
        assert found["Code"]["ImageUri"] == uri
        aws.get_waiter("function_active_v2").wait(FunctionName=function)
        again = aws.get_function_configuration(FunctionName=function)
        del again["ResponseMetadata"]
        assert again == created

    def test_a_path_of_the_target_is_kept(self, aws: Any, function: str) -> None:
        uri = "https://host.example:8443/run?x=1"
        create(aws, function, Code={"ImageUri": uri})
        assert aws.get_function(FunctionName=function)["Code"]["ImageUri"] == uri

    def test_the_version_that_is_published_at_once_is_1(self, aws: Any, function: str) -> None:
        assert create(aws, function, Publish=True)["Version"] == "1"

    def test_a_name_is_taken_once(self, aws: Any, function: str) -> None:
        create(aws, function)
        with pytest.raises(aws.exceptions.ResourceConflictException, match="already exist"):
            create(aws, function)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"DurableConfig": {"RetentionPeriodInDays": 3}}, "without an executionTimeout"),
            ({"DurableConfig": {"ExecutionTimeout": 60, "KMSKeyArn": "arn:a:b"}}, "KMSKeyArn"),
            ({"Code": {"ImageUri": "123.dkr.ecr.example/order:1"}}, "is not a push target"),
            ({"Code": {"ImageUri": "http://host:99999"}}, "is not a push target"),
            ({"Code": {"ImageUri": "http://user@host"}}, "is not a push target"),
            ({"Code": {"S3Bucket": "code", "S3Key": "a.zip"}}, "provide ImageUri"),
            ({"Runtime": "python3.13"}, "Please don't provide Handler or Runtime"),
            ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig is not supported: leave it"),
            ({"Layers": ["arn:aws:lambda:us-east-1:0:layer:a:1"]}, "Layers is not supported"),
            ({"KMSKeyArn": "arn:aws:kms:::key"}, "KMSKeyArn is not supported"),
            ({"Role": "me"}, "'role' failed to satisfy constraint: .*regular expression"),
            ({"Tags": {"aws:own": "1"}}, "'aws:own' is reserved"),
            ({"EphemeralStorage": {"Size": 10_241}}, "ephemeralStorage.size.*equal to 10240"),
            ({"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}}, "log format"),
            ({"Timeout": 901}, "'timeout' failed.*equal to 900"),
        ],
        ids=range(15),
    )
    def test_what_cannot_be_is_refused(
        self, aws: Any, function: str, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
            create(aws, function, **changes)
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            aws.get_function(FunctionName=function)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"Runtime": "python9"}, "'runtime' failed .*enum value set: .*python3.13.* valid ARN"),
            ({"Handler": "with space"}, "'handler' failed"),
            ({"Code": {}}, "provide a source for function code.*perdure worker"),
            ({"Code": {"ZipFile": b"PK", "S3Bucket": "code"}}, "other FunctionCode parameters"),
            ({"Code": {"S3Bucket": "code"}}, "S3Bucket and S3Key are needed both"),
            ({"Code": {"S3Bucket": "code", "S3Key": "a"}}, "reads no buckets.*--s3"),
            ({"Code": {"ZipFile": b"PK"}}, "Could not unzip uploaded file"),
            ({"Environment": {"Variables": {"1A": "x"}}}, "environment variable name '1A'"),
            ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "reserved keys.*AWS_REGION"),
            ({"Environment": {"Variables": {"AB": "x" * 4_100}}}, "exceeded the 4KB limit"),
            ({"Architectures": ["x86"]}, "enum value set: .x86_64, arm64"),
        ],
        ids=range(11),
    )
    def test_a_zip_function_that_cannot_be_is_refused(
        self, aws: Any, function: str, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
            create_from_zip(aws, function, **changes)
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            aws.get_function(FunctionName=function)

    def test_a_zip_needs_a_runtime_and_a_handler(self, aws: Any, function: str) -> None:
        with pytest.raises(
            aws.exceptions.InvalidParameterValueException, match="Runtime and Handler are mandatory"
        ):
            aws.create_function(
                FunctionName=function, Role=ROLE, Code={"ZipFile": zipped(function)}
            )

    @pytest.mark.parametrize("runtime", ["java21", "ruby3.4", "provided.al2023"])
    def test_a_runtime_that_no_pool_has_may_be_deployed_for(
        self, aws: Any, function: str, runtime: str
    ) -> None:
        assert create_from_zip(aws, function, Runtime=runtime)["Runtime"] == runtime

    def test_a_zip_is_deployed_with_all_that_it_is_told(self, aws: Any, function: str) -> None:
        code = zipped(function)
        settings: dict[str, Any] = {
            "Environment": {"Variables": {"STAGE": "test"}},
            "DurableConfig": {"ExecutionTimeout": 600, "RetentionPeriodInDays": 3},
            "Architectures": ["arm64"],
            "EphemeralStorage": {"Size": 1_024},
            "TracingConfig": {"Mode": "Active"},
            "LoggingConfig": {
                "LogFormat": "JSON",
                "ApplicationLogLevel": "DEBUG",
                "SystemLogLevel": "WARN",
                "LogGroup": "/own/group",
            },
        }
        created = create_from_zip(
            aws,
            function,
            Code={"ZipFile": code},
            Tags={"team": "checkout"},
            SnapStart={"ApplyOn": "PublishedVersions"},
            **settings,
        )
        assert {name: created[name] for name in settings} == settings
        assert created["SnapStart"]["OptimizationStatus"] == "Off"
        assert (created["CodeSha256"], created["CodeSize"]) == (sha256_base64(code), len(code))
        assert (created["Role"], created["State"]) == (ROLE, "Active")
        found = aws.get_function(FunctionName=function)
        assert found["Tags"] == {"team": "checkout"}
        assert found["Code"]["RepositoryType"] == "S3"
        assert httpx.get(found["Code"]["Location"]).content == code
        aws.get_waiter("function_exists").wait(FunctionName=function)
        aws.get_waiter("function_active_v2").wait(FunctionName=function)

    def test_what_is_not_said_has_lambdas_defaults(self, aws: Any, function: str) -> None:
        created = create_from_zip(
            aws,
            function,
            PackageType="Zip",
            Architectures=["x86_64"],
            SnapStart={"ApplyOn": "None"},
            TracingConfig={"Mode": "PassThrough"},
        )
        assert (created["Timeout"], created["MemorySize"]) == (3, 128)
        assert created["Architectures"] == ["x86_64"]
        assert created["EphemeralStorage"] == {"Size": 512}
        assert created["TracingConfig"] == {"Mode": "PassThrough"}
        assert created["LoggingConfig"] == {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{function}",
        }
        assert not {"Environment", "DurableConfig", "DeadLetterConfig"} & created.keys()

    def test_an_empty_environment_asks_for_nothing(self, aws: Any, function: str) -> None:
        create(aws, function, Environment={"Variables": {}}, Layers=[], Tags={})


def test_functions_are_listed_by_name_and_paged(aws: Any, function: str) -> None:
    """Behind those of other tests, which may have runtimes that Lambda does not have."""
    names = [f"zz-{function}-{n}" for n in range(3)]
    for name in names:
        create(aws, name, Publish=True)
    pages = aws.get_paginator("list_functions").paginate(
        Marker=f"zz-{function}", PaginationConfig={"PageSize": 2}
    )
    listed = [[one["FunctionName"] for one in page["Functions"]] for page in pages]
    assert listed == [names[:2], names[2:]]
    versions = aws.list_functions(
        Marker=f"zz-{function}", FunctionVersion="ALL", MasterRegion="ALL"
    )["Functions"]
    assert [one["FunctionName"] for one in versions] == [name for name in names for _ in range(2)]
    assert all(one["FunctionArn"].endswith(f":{one['Version']}") for one in versions)
    for name in names:
        aws.delete_function(FunctionName=name)

"""The device API as deployed: its routes, who is let in, and what each of its functions may do."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk import App
from aws_cdk.assertions import Template

import environments
from settings import SignIn
from stacks.recovery_stage import RecoveryStage
from tests.infrastructure.assemblies import LOCAL_ACCOUNT, ROOT, Assembly, context, text_of

DOCUMENT = yaml.safe_load((ROOT / "docs/api/device-backups.openapi.yaml").read_text())
PRIMARY, RECOVERY = "DeviceBackups", "RecoveryFoundation"
READS = {"GET /v1/backups", "POST /v1/devices/{device}/backups/{version}/download"}

# Stack and package: what the function may do, S3's and KMS's actions without their prefix.
RIGHTS = {
    (PRIMARY, "begin_device_upload"): {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "dynamodb:UpdateItem",
    },
    (PRIMARY, "delete_device_backups"): {
        "s3:DeleteObjectVersion",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    },
    (PRIMARY, "verify_device_backup"): {
        "s3:GetObjectVersion",
        "s3:PutObjectVersionTagging",
        "s3:ListBucket",
        "kms:Decrypt",
        # What the CDK grants to send a failed event to the queue.
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
    },
    (PRIMARY, "count_late_devices"): {"s3:ListBucket"},
    **{
        (stack, "list_device_backups"): {"s3:GetObjectVersionTagging", "s3:ListBucket", "s3:ListBucketVersions"}
        for stack in (PRIMARY, RECOVERY)
    },
    **{
        (stack, "link_device_backup"): {
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:RestoreObject",
            "s3:ListBucket",
            "kms:Decrypt",
        }
        for stack in (PRIMARY, RECOVERY)
    },
}
OF_EVERY_FUNCTION = {"logs:CreateLogStream", "logs:PutLogEvents"}


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType]


def function(assembly: Assembly, stack: str, package: str) -> dict[str, Any]:
    functions = assembly.properties(stack, "AWS::Lambda::Function")
    (found,) = (each for each in functions if each["Handler"] == f"lambdas.{package}.handler.handler")
    return found


def statements(assembly: Assembly, stack: str, package: str) -> list[dict[str, Any]]:
    role = function(assembly, stack, package)["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for policy in assembly.properties(stack, "AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def routes(assembly: Assembly, stack: str) -> dict[str, dict[str, Any]]:
    return {each["RouteKey"]: each for each in assembly.properties(stack, "AWS::ApiGatewayV2::Route")}


def documented_routes() -> set[str]:
    methods = {"get", "post", "put", "delete", "patch"}
    return {
        f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item if method in methods
    }


def test_routes_are_those_of_the_document(assembly: Assembly) -> None:
    assert set(routes(assembly, PRIMARY)) == documented_routes()


def test_recovery_region_has_the_routes_that_read(assembly: Assembly) -> None:
    assert set(routes(assembly, RECOVERY)) == READS
    assert documented_routes() > READS


@pytest.mark.parametrize("stack", [PRIMARY, RECOVERY])
def test_every_route_asks_for_a_token(assembly: Assembly, stack: str) -> None:
    authorizer = assembly.only(stack, "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    (name,) = assembly.resources(stack, "AWS::ApiGatewayV2::Authorizer")
    for route in routes(assembly, stack).values():
        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", {"Ref": name})


def test_both_regions_take_the_tokens_of_the_recovery_regions_pool(assembly: Assembly) -> None:
    configuration = assembly.only(RECOVERY, "AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    (pool,) = assembly.resources(RECOVERY, "AWS::Cognito::UserPool")
    (client,) = assembly.resources(RECOVERY, "AWS::Cognito::UserPoolClient")
    assert configuration["Audience"] == [{"Ref": client}]
    assert configuration["Issuer"]["Fn::Join"][1] == [
        "https://cognito-idp.ap-southeast-1.amazonaws.com/",
        {"Ref": pool},
    ]
    configuration = assembly.only(PRIMARY, "AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    (lookup,) = assembly.resources(PRIMARY, "Custom::RecoveryUserPool")
    assert configuration == {
        "Audience": [{"Fn::GetAtt": [lookup, "ClientId"]}],
        "Issuer": {"Fn::GetAtt": [lookup, "Issuer"]},
    }
    domain = assembly.only(RECOVERY, "AWS::Cognito::UserPoolDomain")["Domain"]
    assert assembly.only(PRIMARY, "Custom::RecoveryUserPool")["Domain"] == domain


def test_app_is_a_public_client_that_signs_in_with_a_code(assembly: Assembly) -> None:
    client = assembly.only(RECOVERY, "AWS::Cognito::UserPoolClient")
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthScopes"] == ["openid"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert all(url.startswith("http://localhost:") for url in client["CallbackURLs"])


def test_environment_with_an_issuer_of_its_own_takes_its_tokens_and_has_no_pool(tmp_path: Path) -> None:
    sign_in = SignIn(issuer="https://id.example.com/", audience=("phone", "tablet"))
    settings = replace(environments.LOCAL, account=LOCAL_ACCOUNT, sign_in=sign_in)
    stage = RecoveryStage(App(outdir=str(tmp_path), context=context("local")), settings)
    for stack in (PRIMARY, RECOVERY):
        template = Template.from_stack(stage.node.find_child(stack))  # pyright: ignore[reportArgumentType]
        (authorizer,) = template.find_resources("AWS::ApiGatewayV2::Authorizer").values()
        assert authorizer["Properties"]["JwtConfiguration"] == {
            "Issuer": "https://id.example.com/",
            "Audience": ["phone", "tablet"],
        }
        template.resource_count_is("AWS::Cognito::UserPool", 0)
        template.resource_count_is("Custom::RecoveryUserPool", 0)


@pytest.mark.parametrize("stack", [PRIMARY, RECOVERY])
def test_calls_are_throttled(assembly: Assembly, stack: str) -> None:
    settings = environments.ENVIRONMENTS[assembly.environment].device_backups
    found = assembly.only(stack, "AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    assert found == {
        "ThrottlingRateLimit": settings.requests_per_second,
        "ThrottlingBurstLimit": settings.burst,
    }


@pytest.mark.parametrize("stack", [PRIMARY, RECOVERY])
def test_access_log_tells_of_calls_and_never_of_tokens(assembly: Assembly, stack: str) -> None:
    settings = assembly.only(stack, "AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    logged = set(json.loads(settings["Format"]).values())
    assert {"$context.requestId", "$context.status", "$context.routeKey"} <= logged
    # Headers, the query and the body are not to be had from $context; a path may hold what people chose as a name.
    assert all(value.startswith("$context.") for value in logged)
    assert not {value for value in logged if "path" in value.lower() or "protocol" in value.lower()}
    assert ":*" not in text_of(settings["DestinationArn"])


@pytest.mark.parametrize(("stack", "package"), RIGHTS, ids=lambda value: value)
def test_function_may_do_what_it_does_and_no_more(assembly: Assembly, stack: str, package: str) -> None:
    found = {action for each in statements(assembly, stack, package) for action in as_list(each["Action"])}
    assert found - OF_EVERY_FUNCTION == RIGHTS[stack, package]


@pytest.mark.parametrize(("stack", "package"), RIGHTS, ids=lambda value: value)
def test_function_reaches_backups_only_below_the_prefixes_of_backups(
    assembly: Assembly, stack: str, package: str
) -> None:
    names = environments.ENVIRONMENTS[assembly.environment].name
    for statement in statements(assembly, stack, package):
        for resource in as_list(statement["Resource"]):
            if not isinstance(resource, str) or not any(a.startswith("s3:") for a in as_list(statement["Action"])):
                continue
            bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
            assert bucket.startswith(f"duskspendr-{names}-device-backups-")
            assert key in {"", "auto-backups/*", "manual-backups/*"}
            assert bool(key) == any("Object" in action for action in as_list(statement["Action"]))


@pytest.mark.parametrize(("stack", "package"), RIGHTS, ids=lambda value: value)
def test_function_reaches_nothing_else(assembly: Assembly, stack: str, package: str) -> None:
    assert "*" not in [
        resource for each in statements(assembly, stack, package) for resource in as_list(each["Resource"])
    ]


def test_recovery_regions_functions_may_touch_the_copies_only(assembly: Assembly) -> None:
    for package in ("list_device_backups", "link_device_backup"):
        text = text_of(statements(assembly, RECOVERY, package))
        assert "device-backups-replica-" in text
        assert "ap-south-1" not in text.replace("ap-southeast-1", "")


def test_only_the_deletion_reaches_over_to_the_recovery_region(assembly: Assembly) -> None:
    reaching = {
        package
        for stack, package in RIGHTS
        if stack == PRIMARY and "device-backups-replica-" in text_of(statements(assembly, stack, package))
    }
    assert reaching == {"delete_device_backups"}


def test_size_limit_is_the_environments_wherever_it_counts(assembly: Assembly) -> None:
    limit = str(environments.ENVIRONMENTS[assembly.environment].device_backups.max_backup_bytes)
    for package in ("begin_device_upload", "verify_device_backup"):
        assert function(assembly, PRIMARY, package)["Environment"]["Variables"]["MAX_BACKUP_BYTES"] == limit


@pytest.mark.parametrize(
    ("stack", "package"), [key for key in RIGHTS if key[1] not in {"verify_device_backup", "count_late_devices"}]
)
def test_function_ends_before_the_gateway_stops_waiting(assembly: Assembly, stack: str, package: str) -> None:
    assert function(assembly, stack, package)["Timeout"] < 30


def test_every_backup_that_arrives_is_verified(assembly: Assembly) -> None:
    buckets = assembly.properties(PRIMARY, "AWS::S3::Bucket")
    (bucket,) = (each for each in buckets if "device-backups" in text_of(each.get("BucketName", "")))
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rules = assembly.properties(PRIMARY, "AWS::Events::Rule")
    (rule,) = (each for each in rules if "EventPattern" in each)
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [bucket["BucketName"]]},
            "object": {"key": [{"prefix": "auto-backups/"}, {"prefix": "manual-backups/"}]},
        },
    }


def test_late_devices_are_counted_four_times_a_day(assembly: Assembly) -> None:
    rules = assembly.properties(PRIMARY, "AWS::Events::Rule")
    (rule,) = (each for each in rules if "ScheduleExpression" in each)
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 0/6 * * ? *)", "ENABLED")
    functions = assembly.resources(PRIMARY, "AWS::Lambda::Function")
    (target,) = rule["Targets"]
    assert functions[target["Arn"]["Fn::GetAtt"][0]]["Properties"]["Description"].startswith("Counts the devices")


def test_event_that_nobody_could_be_told_of_is_kept(assembly: Assembly) -> None:
    (queue,) = assembly.resources(PRIMARY, "AWS::SQS::Queue")
    rules = assembly.properties(PRIMARY, "AWS::Events::Rule")
    (target,) = next(each for each in rules if "EventPattern" in each)["Targets"]
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] == queue
    failed = assembly.only(PRIMARY, "AWS::Lambda::EventInvokeConfig")["DestinationConfig"]["OnFailure"]
    assert failed["Destination"]["Fn::GetAtt"][0] == queue


def test_counters_of_the_quota_delete_themselves(assembly: Assembly) -> None:
    table = assembly.only(PRIMARY, "AWS::DynamoDB::Table")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}

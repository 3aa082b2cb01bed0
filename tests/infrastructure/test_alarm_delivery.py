"""From the alarm to the person: topics, keys, the notifier and what it may, and nothing lost on the way."""

import pytest

from recovery.names import METRIC_NAMESPACE, Names
from tests.infrastructure.alarm_graph import METRIC, Region, as_list, services
from tests.infrastructure.assemblies import text_of


@pytest.mark.parametrize(
    ("topic", "publishers"),
    [("alarms", {"cloudwatch", "events", "backup"}), ("messages", {"cloudwatch"}), ("chat", set[str]())],
)
def test_topic_and_its_key_admit_the_publishers_and_nobody_without_tls(
    region: Region, topic: str, publishers: set[str]
) -> None:
    name = region.topics()[topic]
    found = region.assembly.templates[region.home]["Resources"][name]["Properties"]
    wanted = {f"{publisher}.amazonaws.com" for publisher in publishers}
    policies = [each for _, _, each in region.of("AWS::SNS::TopicPolicy") if each["Topics"] == [{"Ref": name}]]
    statements = [statement for each in policies for statement in each["PolicyDocument"]["Statement"]]
    assert {who for each in statements if each["Effect"] == "Allow" for who in services(each)} == wanted
    assert any(each["Effect"] == "Deny" and "SecureTransport" in text_of(each["Condition"]) for each in statements)
    key = region.resource(found["KmsMasterKeyId"])
    using = {
        who
        for each in key["KeyPolicy"]["Statement"]
        if {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(each["Action"])
        for who in services(each)
    }
    assert wanted <= using


def test_only_cloudwatch_is_asked_for_its_account(region: Region) -> None:
    asked = {
        who
        for _, _, policy in region.of("AWS::SNS::TopicPolicy")
        for each in policy["PolicyDocument"]["Statement"]
        if "SourceAccount" in text_of(each.get("Condition", {}))
        for who in services(each)
    }
    assert asked == {"cloudwatch.amazonaws.com"}


def test_notifier_subscribes_and_may_be_called(region: Region) -> None:
    topic = {"Ref": region.topics()["alarms"]}
    [subscription] = [
        each
        for _, _, each in region.of("AWS::SNS::Subscription")
        if each["Protocol"] == "lambda" and each["TopicArn"] == topic
    ]
    assert region.resource(subscription["Endpoint"])["Handler"] == "lambdas.notify.handler.handler"
    assert any(
        each["FunctionName"] == subscription["Endpoint"]
        and each["Principal"] == "sns.amazonaws.com"
        and each["SourceArn"] == topic
        for _, _, each in region.of("AWS::Lambda::Permission")
    )


def test_what_the_notifier_cannot_deliver_is_kept_and_an_alarm(region: Region) -> None:
    [subscription] = [each for _, _, each in region.of("AWS::SNS::Subscription") if each["Protocol"] == "lambda"]
    kept = subscription["RedrivePolicy"]["deadLetterTargetArn"]
    function = subscription["Endpoint"]["Fn::GetAtt"][0]
    [on_failure] = [
        each["DestinationConfig"]["OnFailure"]["Destination"]
        for _, _, each in region.of("AWS::Lambda::EventInvokeConfig")
        if each["FunctionName"] == {"Ref": function}
    ]
    assert on_failure == kept
    [dimension] = region.alarms(METRIC)["notifier-failing"]["Dimensions"]
    assert dimension["Value"]["Fn::GetAtt"] == [kept["Fn::GetAtt"][0], "QueueName"]
    admitted = [
        each
        for _, _, policy in region.of("AWS::SQS::QueuePolicy")
        for each in policy["PolicyDocument"]["Statement"]
        if each["Resource"] == kept and services(each) == {"sns.amazonaws.com"}
    ]
    assert admitted


def test_notifier_may_do_what_it_does_and_no_more(region: Region) -> None:
    function = region.functions()["notify"][0]
    role = function["Role"]["Fn::GetAtt"][0]
    allowed = [
        (action, text_of(resource))
        for _, _, policy in region.of("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for each in policy["PolicyDocument"]["Statement"]
        for action in as_list(each["Action"])
        for resource in as_list(each["Resource"])
    ]
    topics = region.topics()
    publishing = {resource for action, resource in allowed if action == "sns:Publish"}
    assert publishing == {text_of({"Ref": topics["messages"]}), text_of({"Ref": topics["chat"]})}
    assert {action for action, _ in allowed} == {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricData",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
    }


def test_key_of_pagerduty_is_in_no_template(region: Region) -> None:
    [secret] = [
        each for _, _, each in region.of("AWS::SecretsManager::Secret") if "pagerduty" in text_of(each.get("Name", ""))
    ]
    assert not {"SecretString", "GenerateSecretString"} & set(secret)


def test_notifier_may_count_our_metrics_in_the_other_region_alone(region: Region) -> None:
    statements = [
        each
        for _, _, policy in region.of("AWS::IAM::Policy")
        for each in policy["PolicyDocument"]["Statement"]
        if "cloudwatch:PutMetricData" in as_list(each["Action"])
    ]
    names = Names(environment=region.assembly.environment, account="0")
    here = names.primary_region if region.role == "primary" else names.recovery_region
    assert [each["Condition"] for each in statements] == [
        {
            "StringEquals": {
                "aws:RequestedRegion": names.other_region(here),
                "cloudwatch:namespace": METRIC_NAMESPACE,
            }
        }
    ]

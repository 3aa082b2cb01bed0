"""From the metric to the person, over the templates of every environment and region: nothing on the way is missing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from recovery.alarms import ALARMS, EVENTS, alarms_in, events_in, groups_in
from recovery.alarms.describing import DESCRIPTION_CHARACTERS
from recovery.alarms.reading import COMPOSITE
from recovery.alarms.service_metrics import SERVICE_METRICS, emitted
from recovery.alarms.table import Role, is_composite, quiet_because_of
from recovery.names import METRIC_NAMESPACE
from tests.emitters import EMITTERS
from tests.infrastructure.assemblies import ENVIRONMENTS, PRIMARY_STACKS, RECOVERY_STACKS, Assembly, text_of

Json = dict[str, Any]
METRIC, COMPOSED = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"


@dataclass(frozen=True)
class Region:
    """One region's templates, as one graph."""

    assembly: Assembly
    role: Role

    @property
    def stacks(self) -> tuple[str, ...]:
        return PRIMARY_STACKS if self.role == "primary" else RECOVERY_STACKS

    @property
    def home(self) -> str:
        """The stack of the topics."""
        return "Observability" if self.role == "primary" else "RecoveryStandby"

    @property
    def serving(self) -> bool:
        return self.role == "primary"

    def of(self, *kinds: str) -> Iterator[tuple[str, str, Json]]:
        """(stack, logical id, properties) of the resources of these types."""
        for stack in self.stacks:
            for name, resource in self.assembly.templates[stack]["Resources"].items():
                if resource["Type"] in kinds:
                    yield stack, name, resource.get("Properties", {})

    def alarms(self, kind: str) -> dict[str, Json]:
        """The alarms of one type by their subject."""
        prefix = f"duskspendr-{self.assembly.environment}-"
        return {found["AlarmName"].removeprefix(prefix): found for _, _, found in self.of(kind)}

    def resource(self, reference: Any, stack: str | None = None) -> Json:
        """What a Ref or Fn::GetAtt of the topics' stack means."""
        name = reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]
        return self.assembly.templates[stack or self.home]["Resources"][name]["Properties"]

    def functions(self) -> dict[str, list[Json]]:
        """The functions by their package."""
        found: dict[str, list[Json]] = {}
        for _, _, function in self.of("AWS::Lambda::Function"):
            parts = str(function["Handler"]).split(".")
            if parts[0] == "lambdas":
                found.setdefault(parts[1], []).append(function)
        return found

    def topics(self) -> dict[str, str]:
        """The logical ids of the topics by the end of their names."""
        return {found["TopicName"].rpartition("-")[2]: name for _, name, found in self.of("AWS::SNS::Topic")}


@pytest.fixture(params=["primary", "recovery"])
def region(request: pytest.FixtureRequest, assembly: Assembly) -> Region:
    return Region(assembly, request.param)


def members_of(composite: Json, region: Region) -> set[str]:
    """The subjects that a composite's rule names."""
    rule: Any = composite["AlarmRule"]
    parts: list[Any] = [rule] if isinstance(rule, str) else rule["Fn::Join"][1]
    found: set[str] = set()
    prefix = f"duskspendr-{region.assembly.environment}-"
    for part in parts:
        if isinstance(part, str):
            found |= set(re.findall(rf':alarm:{prefix}([a-z0-9-]+)"', part))
        else:
            found.add(region.resource(part)["AlarmName"].removeprefix(prefix))
    return found


def as_list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


def services(statement: Json) -> set[str]:
    principal: Any = statement["Principal"]
    names: str | list[str] = [] if isinstance(principal, str) else principal.get("Service", [])
    return {names} if isinstance(names, str) else set(names)


def test_exactly_the_alarms_of_the_table_stand(region: Region) -> None:
    assert set(region.alarms(METRIC)) == {row.subject for row in alarms_in(region.role, serving=region.serving)}


def test_every_metric_of_aws_is_one_that_aws_emits(region: Region) -> None:
    for subject, found in region.alarms(METRIC).items():
        if found["Namespace"] != METRIC_NAMESPACE:
            dimensions = frozenset(each["Name"] for each in found["Dimensions"])
            assert emitted(found["Namespace"], found["MetricName"], dimensions), subject


def test_every_metric_of_ours_is_emitted_in_the_region_with_exactly_its_dimension(region: Region) -> None:
    functions = region.functions()
    for subject, found in region.alarms(METRIC).items():
        if found["Namespace"] == METRIC_NAMESPACE:
            packages = {package for package, names in EMITTERS.items() if found["MetricName"] in names}
            emitting = [function for package in packages for function in functions.get(package, [])]
            assert emitting, subject
            for function in emitting:
                variables = function["Environment"]["Variables"]
                assert found["Dimensions"] == [{"Name": "Environment", "Value": variables["ENVIRONMENT"]}], subject
                assert variables["METRIC_NAMESPACE"] == found["Namespace"], subject


def test_whoever_emits_a_metric_is_called(region: Region) -> None:
    callers = [found for _, _, found in region.of("AWS::Events::Rule") if found["State"] == "ENABLED"]
    callers += [found for _, _, found in region.of("AWS::StepFunctions::StateMachine", "AWS::SNS::Subscription")]
    text = text_of(callers)
    watched = {
        found["MetricName"] for found in region.alarms(METRIC).values() if found["Namespace"] == METRIC_NAMESPACE
    }
    emitting = {package for package, names in EMITTERS.items() if names & watched}
    for stack, name, function in region.of("AWS::Lambda::Function"):
        parts = str(function["Handler"]).split(".")
        if parts[0] == "lambdas" and parts[1] in emitting - {"heartbeat"}:
            assert f'"{name}"' in text, f"{stack}: {parts[1]}"
    if region.serving:
        assert "HeartbeatFunction" in text


def test_no_source_is_listed_that_nobody_uses() -> None:
    used = {
        (row.metric.namespace, row.metric.name, frozenset(name for name, _ in row.metric.dimensions)) for row in ALARMS
    }
    assert {(each.namespace, each.name, each.dimensions) for each in SERVICE_METRICS} <= used
    assert all(each.source.startswith("https://docs.aws.amazon.com/") for each in SERVICE_METRICS)


def test_dimensions_that_name_a_queue_or_a_machine_name_a_deployed_one(region: Region) -> None:
    for subject, found in region.alarms(METRIC).items():
        for dimension in found.get("Dimensions", []):
            value = dimension["Value"]
            if dimension["Name"] in {"QueueName", "StateMachineArn", "ApiId", "LoadBalancer", "TargetGroup"}:
                assert isinstance(value, dict), subject
            else:
                assert isinstance(value, str), subject
                assert value, subject


def test_of_every_cause_exactly_one_alarm_speaks(region: Region) -> None:
    groups = groups_in(region.role, serving=region.serving)
    metric, composed = region.alarms(METRIC), region.alarms(COMPOSED)
    for cause, rows in groups.items():
        speaking = [row.subject for row in rows if metric[row.subject].get("AlarmActions")]
        name = f"{COMPOSITE}{cause.name}"
        if is_composite(cause, groups):
            assert speaking == []
            assert members_of(composed[name], region) == {row.subject for row in rows}
        else:
            assert speaking == [rows[0].subject]
    assert set(composed) == {f"{COMPOSITE}{cause.name}" for cause in groups if is_composite(cause, groups)}


def test_who_speaks_tells_the_beginning_and_the_end_with_actions_enabled(region: Region) -> None:
    for subject, found in (region.alarms(METRIC) | region.alarms(COMPOSED)).items():
        assert found["ActionsEnabled"] is True, subject
        assert found.get("AlarmActions") == found.get("OKActions"), subject
        assert "InsufficientDataActions" not in found, subject


def test_what_follows_from_another_cause_waits_for_its_alarm(region: Region) -> None:
    groups = groups_in(region.role, serving=region.serving)
    prefix = f"duskspendr-{region.assembly.environment}-"
    for cause in groups:
        because = quiet_because_of(cause, groups)
        if because is not None:
            suppressor = region.resource(region.alarms(COMPOSED)[f"{COMPOSITE}{cause.name}"]["ActionsSuppressor"])
            expected = groups[because][0].subject
            assert suppressor["AlarmName"].removeprefix(prefix) == expected


def test_alarms_about_the_notifier_go_around_it_and_all_others_to_it(region: Region) -> None:
    topics = region.topics()
    groups = groups_in(region.role, serving=region.serving)
    for cause, rows in groups.items():
        found = region.alarms(COMPOSED).get(f"{COMPOSITE}{cause.name}") or region.alarms(METRIC)[rows[0].subject]
        assert found["AlarmActions"] == [{"Ref": topics["messages" if cause.bypasses else "alarms"]}], cause.name


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


def test_canary_sings_more_often_than_its_silence_is_allowed(region: Region) -> None:
    found = region.alarms(METRIC)["canary-missing"]
    assert found["TreatMissingData"] == "breaching"
    schedules = [
        each["ScheduleExpression"]
        for _, _, each in region.of("AWS::Events::Rule")
        if "Canary" in text_of(each["Targets"])
    ]
    assert schedules == [f"rate({found['Period'] // 60} minutes)"]
    assert found["EvaluationPeriods"] > 1


def test_every_event_of_the_table_reaches_the_notifier_with_its_name(region: Region) -> None:
    topic = {"Ref": region.topics()["alarms"]}
    named = {
        signal[1]
        for _, _, rule in region.of("AWS::Events::Rule")
        for target in rule["Targets"]
        if target["Arn"] == topic and rule["State"] == "ENABLED"
        if (signal := re.search(r'"signal":"([a-z-]+)"', target["InputTransformer"]["InputTemplate"]))
    }
    assert named == {event.subject for event in events_in(region.role, serving=region.serving)}


def test_event_that_cannot_be_handed_over_is_kept_where_an_alarm_looks(region: Region) -> None:
    topic = {"Ref": region.topics()["alarms"]}
    [dimension] = region.alarms(METRIC)["notifier-failing"]["Dimensions"]
    queue = dimension["Value"]["Fn::GetAtt"][0]
    for _, _, rule in region.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            if target["Arn"] == topic:
                assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"] == [queue, "Arn"]


def test_every_pattern_matches_something_of_the_table(region: Region) -> None:
    for _, _, rule in region.of("AWS::Events::Rule"):
        pattern = rule.get("EventPattern", {})
        if "AlarmsTopic" in text_of(rule["Targets"]):
            assert any(
                (event.source, event.detail_type) == (pattern["source"][0], pattern["detail-type"][0])
                for event in EVENTS
            )
            assert "{" not in text_of(
                [each for values in pattern["detail"].values() for each in values if isinstance(each, str)]
            )


def test_every_alarm_says_by_itself_what_to_do(region: Region) -> None:
    for subject, found in (region.alarms(METRIC) | region.alarms(COMPOSED)).items():
        text = found["AlarmDescription"]
        assert len(text) <= DESCRIPTION_CHARACTERS, subject
        assert "At stake: Tier " in text, subject
        assert re.search(r"(Next|: )\W*(dr|aws) ", text), subject
        assert "https://" in text, subject


def test_every_alarm_says_what_silence_means(region: Region) -> None:
    rows = {row.subject: row for row in ALARMS}
    for subject, found in region.alarms(METRIC).items():
        assert found["TreatMissingData"] == rows[subject].missing.mode
        assert found["AlarmDescription"].endswith(f"Without data: {rows[subject].missing.reason}.")


def test_both_regions_have_a_whole_chain_of_their_own() -> None:
    assert set(ENVIRONMENTS) >= {"dev", "staging", "prod"}
    both = {row.subject for row in alarms_in("primary", serving=True)} & {
        row.subject for row in alarms_in("recovery", serving=False)
    }
    assert both >= {"canary", "canary-missing", "notifier-failing", "vault-unlocked", "recovery-point-late"}

"""Every metric that an alarm watches is emitted, with exactly the dimensions it watches."""

from recovery.alarms import ALARMS, alarms_in
from recovery.alarms.service_metrics import SERVICE_METRICS, emitted
from recovery.names import METRIC_NAMESPACE
from tests.emitters import EMITTERS, SENT_ACROSS
from tests.infrastructure.alarm_graph import METRIC, Region
from tests.infrastructure.assemblies import text_of


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
            packages = {
                package
                for emitters in (EMITTERS, SENT_ACROSS)
                for package, names in emitters.items()
                if found["MetricName"] in names
            }
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

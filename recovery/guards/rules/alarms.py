"""Alarms that can speak: a living metric, an action, and a say on silence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from recovery.guards.finding import Problem, Unknown
from recovery.guards.naming import arn_of, arn_region, name_of
from recovery.guards.rule import Change, Says, number, rule
from recovery.guards.sources import CLOUDFORMATION, CLOUDWATCH
from recovery.guards.templates import Assembly, Resource, dig, fact, is_known
from recovery.guards.unresolved import Unresolved
from recovery.guards.values import Value, listed

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
# A member in the rule of a composite, by name or ARN.
_MEMBER = re.compile(r"""ALARM\(\s*["']?([^"')]+?)["']?\s*\)""")
# Metrics of a copy, which one vault sends and another receives: AWS's page on them does not say whose name they bear.
_OF_TWO_VAULTS = "NumberOfCopyJobs"
# The dimension without which AWS publishes no metric of the namespace that an alarm could name.
DIMENSIONS = {
    "AWS/RDS": ("DBInstanceIdentifier", "DBClusterIdentifier"),
    "AWS/SQS": ("QueueName",),
    "AWS/Lambda": ("FunctionName",),
    "AWS/States": ("StateMachineArn", "ActivityArn", "APIName", "ServiceIntegrationResourceArn"),
    "AWS/ApplicationELB": ("LoadBalancer",),
    "AWS/DynamoDB": ("TableName",),
    "AWS/SNS": ("TopicName",),
}
# Namespaces that also have metrics over everything.
_ALSO_WHOLE = ("AWS/Lambda", "AWS/DynamoDB")
NAMED = {
    "DBInstanceIdentifier": "AWS::RDS::DBInstance",
    "DBClusterIdentifier": "AWS::RDS::DBCluster",
    "QueueName": "AWS::SQS::Queue",
    "FunctionName": "AWS::Lambda::Function",
    "StateMachineArn": "AWS::StepFunctions::StateMachine",
    "TableName": "AWS::DynamoDB::Table",
    "TopicName": "AWS::SNS::Topic",
    "BackupVaultName": "AWS::Backup::BackupVault",
}
# What RDS reports every minute of a living instance: silence is a fault.
EVERY_MINUTE = ("CPUUtilization", "FreeStorageSpace", "FreeableMemory", "DatabaseConnections", "ReplicaLag")
_HOUR, _DAY = 3600, 86400
_ALARMS = f"{CLOUDWATCH}AlarmThatSendsEmail.html"
_MISSING = f"{CLOUDWATCH}alarms-and-missing-data.html"


@dataclass(frozen=True)
class _Metric:
    """One metric, ``body``, of an alarm; read piece by piece, so that a rule notices only what it asks for."""

    path: str
    body: Value
    timing: Value

    @property
    def namespace(self) -> Value:
        return dig(self.body, "Namespace")

    @property
    def name(self) -> Value:
        return dig(self.body, "MetricName")

    @property
    def period(self) -> float | None:
        return number(dig(self.timing, "Period"))

    @property
    def dimension_names(self) -> list[str]:
        return [str(dig(each, "Name")) for each in listed(dig(self.body, "Dimensions"))]

    @property
    def dimensions(self) -> list[tuple[str, Value]]:
        return [(str(dig(each, "Name")), dig(each, "Value")) for each in listed(dig(self.body, "Dimensions"))]


def _metrics(alarm: Resource) -> Iterator[_Metric]:
    """The metrics an alarm looks at, alone or in an expression."""
    if alarm.has("MetricName"):
        yield _Metric("", alarm.properties, alarm.properties)
    for index, query in enumerate(listed(alarm.get("Metrics"))):
        stat = dig(query, "MetricStat")
        if stat is not None and not isinstance(stat, Unresolved):
            yield _Metric(f"Metrics.{index}.MetricStat.Metric.", dig(stat, "Metric"), stat)


@fact
def _spoken_for(assembly: Assembly) -> set[tuple[str, str | None]]:
    """Region, and name or ARN, of what a composite tells of; None where a composite's rule cannot be read."""
    found: set[tuple[str, str | None]] = set()
    for each in assembly.all(COMPOSITE):
        if listed(each.get("AlarmActions")):
            told = each.get("AlarmRule")
            members = _MEMBER.findall(told) if isinstance(told, str) else [None]
            found |= {(each.region, member) for member in members}
    return found


@rule(
    ALARM,
    COMPOSITE,
    trap=12,
    fix="Name a topic in AlarmActions, or the alarm in the rule of a composite that names one.",
    source=_ALARMS,
    bad=Change("recovery.Lag", "AlarmActions", []),
)
def alarm_without_action(alarm: Resource) -> Says:
    """An alarm tells somebody, by itself or through a composite.

    A red square on a page that nobody looks at is no alarm.
    """
    told = _spoken_for(alarm.assembly)
    if listed(alarm.get("AlarmActions")) or {(alarm.region, arn_of(alarm)), (alarm.region, name_of(alarm))} & told:
        return
    if (alarm.region, None) in told:
        yield Unknown("AlarmActions", "whether a composite alarm tells of it")
    else:
        yield Problem("AlarmActions", None, "a topic, here or of a composite alarm")


@rule(
    ALARM,
    trap=12,
    fix="Remove ActionsEnabled, or set it to true.",
    source=f"{CLOUDFORMATION}aws-resource-cloudwatch-alarm.html",
    bad=Change("recovery.Lag", "ActionsEnabled", value=False),
)
def alarm_muted(alarm: Resource) -> Says:
    """An alarm's actions are enabled.

    One that was muted for a maintenance stays mute until somebody remembers, and the next deploy mutes it again.
    """
    found = alarm.get("ActionsEnabled")
    if str(found).lower() == "false":
        yield Problem("ActionsEnabled", found, "true")


@rule(
    ALARM,
    trap=12,
    fix="Name a topic of the alarm's own region.",
    source=_ALARMS,
    bad=Change("recovery.Lag", "AlarmActions", ["arn:aws:sns:ap-south-1:111122223333:alarms"]),
)
def alarm_action_elsewhere(alarm: Resource) -> Says:
    """An alarm's actions are in its own region.

    CloudWatch reaches no topic of another region, and of all alarms that of the recovery region has to speak when the
    primary is silent.
    """
    for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        for index, action in enumerate(listed(alarm.get(name))):
            region = arn_region(action)
            if region is not None and region != alarm.region and is_known(region) and is_known(alarm.region):
                yield Problem(f"{name}.{index}", action, f"an action in {alarm.region}")


@rule(
    ALARM,
    trap=12,
    fix="Name the dimension that AWS publishes the metric under.",
    source=f"{CLOUDWATCH}cloudwatch_concepts.html",
    bad=Change("recovery.Lag", "Dimensions", []),
)
def alarm_without_dimension(alarm: Resource) -> Says:
    """An alarm names the dimensions of its metric.

    A metric with other dimensions is another metric, and one that nobody publishes never alarms.
    """
    for metric in _metrics(alarm):
        wanted = DIMENSIONS.get(str(metric.namespace))
        if wanted is None or (metric.namespace in _ALSO_WHOLE and not metric.dimension_names):
            continue
        if not set(wanted) & set(metric.dimension_names):
            names = ", ".join(metric.dimension_names) or None
            yield Problem(f"{metric.path}Dimensions", names, f"{' or '.join(wanted)} of {metric.namespace}")


@rule(
    ALARM,
    trap=12,
    fix="Name what the metric is about as it is named, in the alarm's own region.",
    source=f"{CLOUDWATCH}cloudwatch_concepts.html",
    bad=Change("recovery.Lag", "Dimensions.0.Value", "app"),
)
def alarm_on_nothing(alarm: Resource) -> Says:
    """What an alarm watches exists, in the alarm's region.

    An alarm on an old name, or on the other region's database, stays green whatever happens.
    """
    for metric in _metrics(alarm):
        if not str(metric.namespace).startswith("AWS/"):
            continue
        for name, value in metric.dimensions:
            kind = NAMED.get(name)
            if kind is None:
                continue
            found = alarm.assembly.resource_of(value) or alarm.assembly.named(kind, value, alarm.region)
            path = f"{metric.path}Dimensions"
            if isinstance(value, Unresolved):
                yield Unknown(path, value.reason)
            elif str(metric.name).startswith(_OF_TWO_VAULTS) and any(
                name_of(each) == value for each in alarm.assembly.all(kind)
            ):
                yield Unknown(path, "whether AWS counts copies under the name of the vault that sends or that receives")
            elif found is None or found.region != alarm.region:
                known = [each for each in alarm.assembly.all(kind) if each.region == alarm.region]
                if known:
                    yield Problem(path, f"{name} {value}", f"a {name} that exists in {alarm.region}")
                else:
                    yield Unknown(path, f"{name} {value} is in none of the templates")


@rule(
    ALARM,
    trap=12,
    fix="Set TreatMissingData to what silence of this metric means.",
    source=_MISSING,
    bad=Change("recovery.Lag", "TreatMissingData", None),
)
def alarm_without_word_on_silence(alarm: Resource) -> Says:
    """An alarm says what missing data means.

    By default the alarm goes to INSUFFICIENT_DATA, which wakes nobody: the state of everything whose region is lost.
    """
    if alarm.get("TreatMissingData") is None:
        yield Problem("TreatMissingData", None, "breaching, notBreaching or ignore")


@rule(
    ALARM,
    trap=12,
    fix="Set TreatMissingData to breaching, or to ignore where another alarm on the metric is breaching.",
    source=_MISSING,
    bad=Change("recovery.Lag", "TreatMissingData", "notBreaching"),
)
def alarm_calm_in_silence(alarm: Resource) -> Says:
    """An alarm on what RDS reports every minute does not take silence for health.

    An instance that is gone reports nothing, and its alarms turn green.
    """
    for metric in _metrics(alarm):
        reported = metric.namespace == "AWS/RDS" and metric.name in EVERY_MINUTE
        if reported and alarm.get("TreatMissingData") == "notBreaching":
            yield Problem("TreatMissingData", "notBreaching", f"breaching, because {metric.name} comes every minute")


@rule(
    ALARM,
    trap=12,
    fix="Look at less, or publish an age with a scheduled function and alarm on that.",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    bad=Change("recovery.Lag", "EvaluationPeriods", 2000),
)
def alarm_looks_back_too_far(alarm: Resource) -> Says:
    """An alarm looks back no further than CloudWatch allows: a week, and a day with periods under an hour.

    CloudWatch refuses more at deploy; what happens once a month can be watched only by something that counts.
    """
    periods = number(alarm.get("EvaluationPeriods"))
    for metric in _metrics(alarm):
        if periods is None or metric.period is None:
            continue
        most = 7 * _DAY if metric.period >= _HOUR else _DAY
        if periods * metric.period > most:
            yield Problem("EvaluationPeriods", f"{periods:g} times {metric.period:g} s", f"{most} s at most")

"""Alarms and events of the application (tier 2). Those of ``home`` service undo a deployment under way."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Event, Metric, Missing
from recovery.objectives import APPLICATION

_MINUTE = timedelta(minutes=1)
_PERIODS = objectives.DEPLOYMENT_FAULT_MINUTES
_ROLLBACK = "dr rollback --environment {environment} --dry-run"
_STATUS = "dr status --environment {environment}"
_SERVICE = "aws ecs describe-services --region {region} --cluster {cluster} --services {service}"
_UNDONE = " A deployment under way is rolled back"


def _balancer(name: str, statistic: str) -> Metric:
    dimensions = (("LoadBalancer", "{load_balancer}"), ("TargetGroup", "{target_group}"))
    return Metric(namespace="AWS/ApplicationELB", name=name, statistic=statistic, period=_MINUTE, dimensions=dimensions)


CAUSES = (
    Cause(
        name="application",
        happened="The application fails in {region}",
        because_of=("database",),  # without a database no task is healthy
    ),
    Cause(
        name="tasks",
        happened="Tasks of the application are missing in {region}",
        because_of=("application", "database", "measures"),
        incident="application",
    ),
    Cause(name="deployment", happened="A deployment of the application failed"),
)

ALARMS = (
    Alarm(
        subject="api-unhealthy-tasks",
        happened=f"A task of {{service}} in {{region}} fails its health check for {_PERIODS} minutes.{_UNDONE}",
        tier=APPLICATION,
        severity="page",
        clock="rto",
        cause="application",
        stands="both",
        home="service",
        metric=_balancer("UnHealthyHostCount", "Maximum"),
        above=0,
        periods=_PERIODS,
        missing=Missing.fine("no target is registered yet while the service is created"),
        commands=(_ROLLBACK, _SERVICE, "dr rollback --environment {environment}"),
        proof="`dr rollback` ends with the revision that runs, and every task is healthy",
    ),
    Alarm(
        subject="api-server-errors",
        happened=f"{{service}} in {{region}} answered with 5xx in each of {_PERIODS} minutes.{_UNDONE}",
        tier=APPLICATION,
        severity="page",
        clock="rto",
        cause="application",
        stands="both",
        home="service",
        metric=_balancer("HTTPCode_Target_5XX_Count", "Sum"),
        above=0,
        periods=_PERIODS,
        missing=Missing.fine("the load balancer reports this metric only when there are errors"),
        commands=(_ROLLBACK, _STATUS, "dr rollback --environment {environment}"),
        proof="five minutes without an answer of 5xx, and this alarm is OK",
    ),
    Alarm(
        subject="api-slow",
        happened=f"{{service}} in {{region}} took longer than {objectives.ANSWER_TIME_ALARM.total_seconds():.0f} s for"
        f" more than a {100 // (100 - objectives.ANSWER_TIME_PERCENTILE)}th of its answers, for {_PERIODS}"
        f" minutes.{_UNDONE}",
        tier=APPLICATION,
        severity="page",
        clock="rto",
        cause="application",
        stands="both",
        home="service",
        metric=_balancer("TargetResponseTime", f"p{objectives.ANSWER_TIME_PERCENTILE}"),
        above=objectives.ANSWER_TIME_ALARM.total_seconds(),
        periods=_PERIODS,
        missing=Missing.fine("the load balancer reports it only when somebody asks"),
        commands=(_ROLLBACK, _STATUS, "dr rollback --environment {environment}"),
        proof="TargetResponseTime falls below the limit, and this alarm is OK",
    ),
    Alarm(
        subject="tasks-missing",
        happened="Fewer tasks of {service} run in {region} than should: what is lost is not started again",
        tier=APPLICATION,
        severity="page",
        clock="rto",
        cause="tasks",
        stands="both",
        metric=Metric.own("TasksMissing", statistic="Minimum", period=objectives.MEASUREMENT_INTERVAL),
        above=0,
        periods=objectives.MEASUREMENTS_ALARM,
        missing=Missing.alarming("a service that cannot be looked at may not be there"),
        commands=(_SERVICE, _ROLLBACK, _STATUS),
        proof="running equals desired in what the first command answers, and this alarm is OK",
    ),
)

EVENTS = (
    Event(
        subject="deployment-failed",
        happened="ECS gave a deployment of {service} up, and went back to the revision before when there was one",
        tier=APPLICATION,
        severity="ticket",
        clock="proof",
        cause="deployment",
        stands="both",
        source="aws.ecs",
        detail_type="ECS Deployment State Change",
        detail={"eventName": ("SERVICE_DEPLOYMENT_FAILED",)},
        resource_suffix=":service/{cluster}/{service}",
        facts={"deployment": "deploymentId", "ECS says": "reason"},
        commands=(_ROLLBACK, _SERVICE),
        proof="the first command says that the running revision is the one that worked",
    ),
)

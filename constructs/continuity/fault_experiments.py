"""Experiments of AWS Fault Injection Service: templates that break the primary on purpose, once somebody starts one."""

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_fis as fis
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.deployment import Deployment
from continuity.interfaces import service
from recovery import objectives
from recovery.names import CLUSTER, SERVICE

_LOG_SCHEMA = 2  # https://docs.aws.amazon.com/fis/latest/userguide/monitoring-logging.html
# Half of the tasks at once: what a lost zone takes away.
STOPPED_TASKS_PERCENT = 50

_Template = fis.CfnExperimentTemplate


class FaultExperiments(Construct):
    """Reboot the database with failover, and stop half of the application's tasks.

    Both stop by themselves as soon as an alarm says that users would notice for longer than the objectives allow. An
    experiment does not start while such an alarm is on.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:  # noqa: A002
        super().__init__(scope, id)
        names, stack = deployment.names, Stack.of(self)
        self._names = names
        self._logs = logs.LogGroup(self, "Logs", retention=deployment.log_retention, removal_policy=deployment.keep)
        tasks = f"arn:aws:ecs:{stack.region}:{stack.account}:task/{CLUSTER}/*"
        self._experiment(
            "RebootWithFailover",
            f"Reboot {names.instance_identifier} with failover: {objectives.DATABASE.label} promises an RTO of"
            f" {objectives.DATABASE.rto} and an RPO of {objectives.DATABASE.rpo}",
            action="aws:rds:reboot-db-instances",
            parameters={"forceFailover": "true"},
            target="DBInstances",
            selected=_Template.ExperimentTemplateTargetProperty(
                resource_type="aws:rds:db", resource_arns=[names.instance_arn], selection_mode="ALL"
            ),
            allowed=[
                iam.PolicyStatement(actions=["rds:RebootDBInstance"], resources=[names.instance_arn]),
                iam.PolicyStatement(actions=["rds:DescribeDBInstances"], resources=["*"]),
            ],
        )
        role = self._experiment(
            "StopTasks",
            f"Stop {STOPPED_TASKS_PERCENT} % of the tasks of {SERVICE}: {objectives.APPLICATION.label} promises an RTO"
            f" of {objectives.APPLICATION.rto}",
            action="aws:ecs:stop-task",
            parameters={},
            target="Tasks",
            selected=_Template.ExperimentTemplateTargetProperty(
                resource_type="aws:ecs:task",
                parameters={"cluster": CLUSTER, "service": SERVICE},
                selection_mode=f"PERCENT({STOPPED_TASKS_PERCENT})",
            ),
            allowed=[
                iam.PolicyStatement(actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks]),
                iam.PolicyStatement(
                    actions=["ecs:ListTasks"],
                    resources=["*"],
                    conditions={
                        "ArnEquals": {"ecs:cluster": f"arn:aws:ecs:{stack.region}:{stack.account}:cluster/{CLUSTER}"}
                    },
                ),
            ],
        )
        acknowledge(role, {f"IAM5[Resource::{tasks}]": "A task has a name only once it runs; they are this cluster's."})

    def _experiment(
        self,
        name: str,
        description: str,
        *,
        action: str,
        parameters: Mapping[str, str],
        target: str,
        selected: fis.CfnExperimentTemplate.ExperimentTemplateTargetProperty,
        allowed: Sequence[iam.PolicyStatement],
    ) -> iam.Role:
        role = self._role(name, allowed)
        alarms = ("heartbeat-stopped", "api-unhealthy-tasks", "api-server-errors")
        template = _Template(
            self,
            name,
            description=description,
            role_arn=role.role_arn,
            targets={target: selected},
            actions={
                name: _Template.ExperimentTemplateActionProperty(
                    action_id=action, parameters=parameters, targets={target: target}
                )
            },
            stop_conditions=[
                _Template.ExperimentTemplateStopConditionProperty(
                    source="aws:cloudwatch:alarm", value=self._names.alarm_arn(Stack.of(self).region, subject)
                )
                for subject in alarms
            ],
            experiment_options=_Template.ExperimentTemplateExperimentOptionsProperty(
                account_targeting="single-account", empty_target_resolution_mode="fail"
            ),
            log_configuration=_Template.ExperimentTemplateLogConfigurationProperty(
                log_schema_version=_LOG_SCHEMA,
                # A plain mapping: the CDK hands this property on as it stands.
                cloud_watch_logs_configuration={"LogGroupArn": self._logs.log_group_arn},
            ),
            tags={"Name": f"{self._names.prefix}-{name}"},
        )
        template.node.add_dependency(role)  # FIS tries the log group with the role's rights
        return role

    def _role(self, name: str, allowed: Sequence[iam.PolicyStatement]) -> iam.Role:
        """A role that FIS assumes for experiments of this account, with what one experiment needs and its log."""
        stack = Stack.of(self)
        trusted = iam.PrincipalWithConditions(
            service("fis"),
            {
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": f"arn:aws:fis:{stack.region}:{stack.account}:experiment/*"},
            },
        )
        role = iam.Role(self, f"{name}Role", assumed_by=trusted)
        for statement in allowed:
            role.add_to_policy(statement)
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogDelivery",
                    "logs:DescribeLogGroups",
                    "logs:DescribeResourcePolicies",
                    "logs:PutResourcePolicy",
                ],
                resources=["*"],
            )
        )
        acknowledge(
            role,
            {
                "IAM5[Resource::*]": "Setting up the delivery of a log has no resource to grant on, listing tasks only"
                " the condition on the cluster, and FIS describes instances before it knows which."
            },
        )
        return role

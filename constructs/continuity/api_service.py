"""The application: a Fargate service behind a load balancer, which rolls back what does not work."""

from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.alarms import alarm
from continuity.buckets import log_bucket
from continuity.deployment import Deployment
from continuity.interfaces import allow
from continuity.network import Subnets
from continuity.postgres import DatabaseConnection
from recovery.alarms import ALARMS, values_of
from recovery.names import CLUSTER, DATABASE_NAME, SCHEMA_VERSION_LABEL, SERVICE

# Product context, row "application".
CONTAINER_PORT = 3000
HEALTH_PATH = "/health"
CPU_UNITS = 512
MEMORY_MIB = 1024
TARGET_CPU_PERCENT = 70
TARGET_MEMORY_PERCENT = 80


@dataclass(frozen=True, kw_only=True)
class Image:
    """A version of the application's image: a tag or a ``sha256:`` digest in an ECR repository of the region.

    ``schema_version`` is the newest schema of the database that it can work with.
    """

    repository_name: str
    version: str
    schema_version: int


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The bounds of autoscaling, in tasks."""

    minimum: int
    maximum: int


@dataclass(frozen=True, kw_only=True)
class PublicName:
    """The DNS name, its zone, and whether this region answers to it."""

    name: str
    zone_id: str
    zone_name: str
    serving: bool


class ApiService(Construct):
    """Cluster, task, service, load balancer, autoscaling and the alarms that roll a deployment back.

    The desired count is left out of the template: CloudFormation starts one task, autoscaling lifts it to the minimum,
    and no later deploy can take away what autoscaling or a failover has started.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        image: Image,
        scale: Scale,
        database: DatabaseConnection,
        secret: secretsmanager.ISecret,
        secret_key_arn: str,
        public_name: PublicName | None,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._vpc = database.vpc
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=CLUSTER,
            vpc=self._vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        self.load_balancer = self._load_balancer()
        task = self._task(image, database, secret)
        _allow_decryption(task, secret_key_arn)
        group = ec2.SecurityGroup(
            self, "TaskGroup", vpc=self._vpc, description="Application tasks", allow_all_outbound=False
        )
        # Unchangeable here: the load balancer's way in is the tasks' own group, and the database's stack is not ours.
        clients = ec2.SecurityGroup.from_security_group_id(
            self, "DatabaseClients", database.clients.security_group_id, mutable=False
        )
        listener = self._listener(public_name)
        self.target_group = elb.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=self._vpc,
            port=CONTAINER_PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            deregistration_delay=Duration.seconds(30),
            health_check=elb.HealthCheck(path=HEALTH_PATH, healthy_http_codes="200", interval=Duration.seconds(15)),
        )
        listener.add_target_groups("Default", target_groups=[self.target_group])
        self.alarms = self._rollback_alarms()
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            service_name=SERVICE,
            task_definition=task,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            deployment_alarms=ecs.DeploymentAlarmConfig(
                alarm_names=[alarm.alarm_name for alarm in self.alarms], behavior=ecs.AlarmBehavior.ROLLBACK_ON_ALARM
            ),
            health_check_grace_period=Duration.minutes(2),
            vpc_subnets=Subnets.private,
            security_groups=[group, clients],
            assign_public_ip=False,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self.service.attach_to_application_target_group(self.target_group)
        self.service.node.add_dependency(*self.alarms)
        self._scale(scale)
        self.url = (
            f"https://{public_name.name}" if public_name else f"http://{self.load_balancer.load_balancer_dns_name}"
        )

    def _load_balancer(self) -> elb.ApplicationLoadBalancer:
        balancer = elb.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self._vpc,
            vpc_subnets=Subnets.public,
            internet_facing=True,
            drop_invalid_header_fields=True,
            deletion_protection=not self._deployment.destroyable,
        )
        access_logs = log_bucket(self, "AccessLogs", deployment=self._deployment)
        acknowledge(
            access_logs, {"S1": "This is where the load balancer's log goes; a log of the log would feed itself."}
        )
        balancer.log_access_logs(access_logs)
        acknowledge(
            balancer,
            {"EC23": "The product's public entrance: phones reach it from anywhere, and nothing else is public."},
        )
        return balancer

    def _listener(self, public_name: PublicName | None) -> elb.ApplicationListener:
        """HTTPS with a certificate of this region, or plain HTTP where there is no public name to prove."""
        if public_name is None:
            return self.load_balancer.add_listener("Http", port=80, protocol=elb.ApplicationProtocol.HTTP)
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=public_name.zone_id, zone_name=public_name.zone_name
        )
        certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name=public_name.name,
            validation=acm.CertificateValidation.from_dns(zone),
        )
        route53.ARecord(
            self,
            "Name",
            zone=zone,
            record_name=f"{public_name.name}.",
            target=route53.RecordTarget.from_alias(
                cast(route53.IAliasRecordTarget, route53_targets.LoadBalancerTarget(self.load_balancer))
            ),
            # One record a region; the weights say which serves, and a failover moves them.
            set_identifier=self.load_balancer.env.region,
            weight=100 if public_name.serving else 0,
        )
        self.load_balancer.add_redirect()
        return self.load_balancer.add_listener(
            "Https",
            port=443,
            protocol=elb.ApplicationProtocol.HTTPS,
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS,
            certificates=[certificate],
        )

    def _task(
        self, image: Image, database: DatabaseConnection, secret: secretsmanager.ISecret
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(self, "Task", family=SERVICE, cpu=CPU_UNITS, memory_limit_mib=MEMORY_MIB)
        resource = task.node.default_child
        assert isinstance(resource, ecs.CfnTaskDefinition)  # noqa: S101 - the L2's own resource
        # ECS cannot roll back to a revision that was deregistered, which replacing it would do.
        resource.apply_removal_policy(RemovalPolicy.RETAIN)
        repository = ecr.Repository.from_repository_name(self, "Repository", image.repository_name)
        task.add_container(
            "Api",
            image=ecs.ContainerImage.from_ecr_repository(repository, image.version),
            # On the task definition, so that a revision tells for ever which databases it can be rolled back to.
            docker_labels={SCHEMA_VERSION_LABEL: str(image.schema_version)},
            port_mappings=[ecs.PortMapping(container_port=CONTAINER_PORT)],
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="api",
                log_group=logs.LogGroup(
                    self, "Logs", retention=self._deployment.log_retention, removal_policy=self._deployment.keep
                ),
            ),
            environment={
                "DATABASE_HOST": database.host,
                "DATABASE_PORT": database.port,
                "DATABASE_NAME": DATABASE_NAME,
                "DATABASE_TLS": self._deployment.database_tls,
            },
            secrets={
                "DATABASE_USER": ecs.Secret.from_secrets_manager(secret, "username"),
                "DATABASE_PASSWORD": ecs.Secret.from_secrets_manager(secret, "password"),
            },
        )
        acknowledge(
            task, {"ECS2": "These values are addresses, not secrets; the credentials come from Secrets Manager."}
        )
        acknowledge(
            task,
            {"IAM5[Resource::*]": "ecr:GetAuthorizationToken has no resource; pulling is limited to the repository."},
        )
        return task

    def _rollback_alarms(self) -> list[cloudwatch.Alarm]:
        """Alarms known by name: the service names them, so they may not in turn refer to the service.

        They do not act themselves: the alarm of their common cause does, which stands where the topic is.
        """
        region = Stack.of(self).region
        values = values_of(self._deployment.names, region) | {
            "load_balancer": self.load_balancer.load_balancer_full_name,
            "target_group": self.target_group.target_group_full_name,
        }
        rows = [row for row in ALARMS if row.home == "service"]
        return [alarm(self, row, deployment=self._deployment, values=values) for row in rows]

    def _scale(self, scale: Scale) -> None:
        target = self.service.auto_scale_task_count(min_capacity=scale.minimum, max_capacity=scale.maximum)
        target.scale_on_cpu_utilization("Cpu", target_utilization_percent=TARGET_CPU_PERCENT)
        target.scale_on_memory_utilization("Memory", target_utilization_percent=TARGET_MEMORY_PERCENT)


def _allow_decryption(task: ecs.FargateTaskDefinition, key_arn: str) -> None:
    """May decrypt the credentials. Said here and not in the key's policy, which lies in a stack deployed before."""
    allow(task.obtain_execution_role(), ["kms:Decrypt"], [key_arn])

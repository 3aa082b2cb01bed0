"""One region's database, service, network and pulse, as the guard beside them handles them.

Every method may be repeated. All calls go to the guard's own region.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# boto3-stubs types the clients it is installed for; the others are unknown.

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, without_secrets
from recovery.failover import fence as fences
from recovery.failover.epochs import Epoch
from recovery.failover.fence import DatabaseState, Fenced
from recovery.failover.preflight import InstanceFacts, SiteFacts
from recovery.names import CLIENTS_RULE, CLUSTER, DATABASE_PORT, SERVICE, Names

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef
    from mypy_boto3_secretsmanager import SecretsManagerClient

_SCALABLE = {
    "ServiceNamespace": "ecs",
    "ResourceId": f"service/{CLUSTER}/{SERVICE}",
    "ScalableDimension": "ecs:service:DesiredCount",
}


@dataclass(frozen=True, kw_only=True)
class Clients:
    """boto3 clients of the guard's own region."""

    rds: "RDSClient"
    ecs: "ECSClient"
    events: "EventBridgeClient"
    secrets: "SecretsManagerClient"
    ec2: Any
    ecr: Any
    autoscaling: Any


class FenceReport(BaseModel):
    """What a fence came to. ``database`` is None when the database itself could not be fenced."""

    model_config = ConfigDict(frozen=True)

    database: Fenced | None
    service_stopped: bool
    group_closed: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Site:
    """A region. ``clients_group`` and ``instances_group`` are ids of security groups, ``connect`` is the master's."""

    names: Names
    region: str
    clients: Clients
    connect: Callable[[], Connection]
    clients_group: str
    instances_group: str
    full_tasks: tuple[int, int]

    @property
    def identifier(self) -> str:
        """The instance of this region."""
        return self.names.identifier_in(self.region)

    # -- looking ------------------------------------------------------------------------------------------------------

    def look(self) -> SiteFacts:
        """Everything a preflight asks. What cannot be found out is a problem in the answer, never an error."""
        problems: list[str] = []

        def tried(what: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
            try:
                return work()
            except (ClientError, BotoCoreError, psycopg.Error, LookupError) as error:
                problems.append(f"{what}: {without_secrets(str(error))[:300]}")
                return None

        service = tried("the service", self._service)
        tried("the credentials", lambda: self.clients.secrets.describe_secret(SecretId=self.names.master_secret_name))
        if service is not None:
            tried("the image", lambda: self._require_image(service["taskDefinition"]))
        return SiteFacts(
            region=self.region,
            instance=tried("the instance", self.instance),
            database=tried("the database", self.database),
            desired_tasks=service and service["desiredCount"],
            running_tasks=service and service["runningCount"],
            most_tasks=self.full_tasks[1],
            problems=tuple(problems),
        )

    def instance(self) -> InstanceFacts:
        """The region's instance as RDS knows it."""
        return facts_of(self.described())

    def described(self) -> "DBInstanceTypeDef":
        """All that RDS says of the region's instance."""
        (found,) = self.clients.rds.describe_db_instances(DBInstanceIdentifier=self.identifier)["DBInstances"]
        return found

    def database(self) -> DatabaseState:
        """The region's database as it answers."""
        with self.connect() as connection:
            return fences.database_state(connection)

    def _service(self) -> Any:  # noqa: ANN401 - botocore's answer
        found = self.clients.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        if not found:
            raise LookupError(f"expected the service {SERVICE} in the cluster {CLUSTER}, found none")
        return found[0]

    def _require_image(self, task_definition: str) -> None:
        described = self.clients.ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
        for container in described.get("containerDefinitions", []):
            repository, _, version = container.get("image", "").partition("/")[2].partition("@")
            image = {"imageDigest": version} if version else {"imageTag": repository.rpartition(":")[2]}
            name = repository if version else repository.rpartition(":")[0]
            if not self.clients.ecr.describe_images(repositoryName=name, imageIds=[image])["imageDetails"]:
                raise LookupError(f"expected the image {container.get('image')} in {self.region}, found none")

    # -- the database -------------------------------------------------------------------------------------------------

    def raise_fence(self) -> Fenced:
        """Fence the database. Raises as :func:`recovery.failover.fence.raise_fence` does."""
        with self.connect() as connection:
            return fences.raise_fence(connection)

    def adopt(self, epoch: Epoch) -> DatabaseState:
        """Begin the epoch in the database. Raises as :func:`recovery.failover.fence.adopt` does."""
        with self.connect() as connection:
            return fences.adopt(connection, epoch)

    def open(self) -> DatabaseState:
        """Let clients in and writes through. Raises as :func:`recovery.failover.fence.lift_fence` does."""
        self.open_group()
        with self.connect() as connection:
            return fences.lift_fence(connection)

    def replayed(self, position: str) -> bool:
        """Whether the copy has everything up to ``position``."""
        with self.connect() as connection:
            return fences.replayed(connection, position)

    def promote(self) -> InstanceFacts:
        """Ask RDS to promote the replica, unless it was asked before; the answer says what it is now.

        While it is backing up it is not promoted, and the answer says so. Its backups go on as they were: without a
        retention RDS takes one day. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html
        """
        found = self.described()
        if found.get("ReadReplicaSourceDBInstanceIdentifier"):
            days, window = found.get("BackupRetentionPeriod"), found.get("PreferredBackupWindow")
            backups: Any = {"BackupRetentionPeriod": days, "PreferredBackupWindow": window} if days and window else {}
            # The status reads available for a while after the call; a second one is then refused.
            with refused_as("InvalidDBInstanceState"):
                self.clients.rds.promote_read_replica(DBInstanceIdentifier=self.identifier, **backups)
        return self.instance()

    def fence(self) -> FenceReport:
        """Service to zero tasks, security group closed, database read-only: each whatever becomes of the others."""
        problems: list[str] = []

        def tried(what: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
            try:
                return work() or True
            except (ClientError, BotoCoreError, psycopg.Error, RuntimeError) as error:
                problems.append(f"{what}: {without_secrets(str(error))[:300]}")
                return None

        stopped = tried("the service could not be stopped", lambda: self.scale(0, 0))
        closed = tried("the security group could not be closed", self.close_group)
        fenced = tried("the database could not be fenced", self.raise_fence)
        return FenceReport(
            database=fenced, service_stopped=bool(stopped), group_closed=bool(closed), problems=tuple(problems)
        )

    # -- service, network, pulse --------------------------------------------------------------------------------------

    def scale(self, least: int, most: int) -> None:
        """Set the bounds of autoscaling and start (or stop) as many tasks as the least."""
        self.clients.autoscaling.register_scalable_target(**_SCALABLE, MinCapacity=least, MaxCapacity=most)
        self.clients.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=least)

    def serve_fully(self) -> None:
        """As many tasks as the serving region has."""
        self.scale(*self.full_tasks)

    def running_tasks(self) -> int:
        """How many tasks run."""
        return self._service()["runningCount"]

    def close_group(self) -> None:
        """Take the clients' way to the database away. RDS cuts no connection that stands; the fence does."""
        with refused_as("InvalidPermission.NotFound"):
            self.clients.ec2.revoke_security_group_ingress(GroupId=self.instances_group, IpPermissions=self._ingress())

    def open_group(self) -> None:
        """Give the clients their way to the database back, as the template has it."""
        with refused_as("InvalidPermission.Duplicate"):
            self.clients.ec2.authorize_security_group_ingress(
                GroupId=self.instances_group, IpPermissions=self._ingress(CLIENTS_RULE)
            )

    def _ingress(self, description: str | None = None) -> list[dict[str, Any]]:
        pair = {"GroupId": self.clients_group} | ({"Description": description} if description else {})
        return [{"IpProtocol": "tcp", "FromPort": DATABASE_PORT, "ToPort": DATABASE_PORT, "UserIdGroupPairs": [pair]}]

    def pulse(self, *, on: bool) -> None:
        """Let the schedules of heartbeat and manifest run, or rest."""
        for rule in (self.names.heartbeat_rule_name, self.names.manifest_rule_name):
            (self.clients.events.enable_rule if on else self.clients.events.disable_rule)(Name=rule)


@contextmanager
def refused_as(code: str) -> Generator[None]:
    """Take this refusal of AWS for an answer: it says that there is nothing left to do."""
    try:
        yield
    except ClientError as error:
        if error_code(error) != code:
            raise


def error_code(error: ClientError) -> str | None:
    """How AWS names an error."""
    return error.response.get("Error", {}).get("Code")


def facts_of(described: "DBInstanceTypeDef") -> InstanceFacts:
    """An instance as one answer of RDS has it."""
    return InstanceFacts(
        identifier=described.get("DBInstanceIdentifier", "unknown"),
        resource_id=described.get("DbiResourceId", ""),
        status=described.get("DBInstanceStatus", "unknown"),
        source=described.get("ReadReplicaSourceDBInstanceIdentifier") or None,
        version=described.get("EngineVersion", "unknown"),
        instance_class=described.get("DBInstanceClass", "unknown"),
        multi_az=bool(described.get("MultiAZ")),
    )

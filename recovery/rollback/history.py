"""What ECS knows of a service: the revision it runs, and the deployments of the last 90 days.

ECS keeps no older ones.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/view-service-deployment.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from recovery.names import CLUSTER, SCHEMA_VERSION_LABEL, SERVICE
from recovery.refusal import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ssm import SSMClient

COMPLETED = "SUCCESSFUL"
ROLLED_BACK = "ROLLBACK_SUCCESSFUL"
ROLLING_BACK = {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
# "Pending" and "Ongoing".
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
UNDER_WAY = {"PENDING", "IN_PROGRESS", "STOP_REQUESTED"} | ROLLING_BACK
# ListServiceDeployments and DescribeServiceRevisions take no more at a time.
_DEPLOYMENTS_A_CALL = 100
_REVISIONS_A_CALL = 20


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A revision of the task definition. ``schema_version`` is what its container declares, None when nothing."""

    arn: str
    number: int
    active: bool
    schema_version: int | None

    def __str__(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class ServiceDeployment:
    """One deployment of the service. ``target`` is None when its task definition was deleted."""

    arn: str
    status: str
    target: Revision | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class History:
    """The revision that the service is set to, and its deployments, the newest first.

    ``recorded_schema_version`` is what was recorded of the database, None where nothing is.
    """

    current: Revision
    deployments: tuple[ServiceDeployment, ...]
    recorded_schema_version: int | None

    @property
    def under_way(self) -> ServiceDeployment | None:
        """The deployment that runs now."""
        return next((each for each in self.deployments if each.status in UNDER_WAY), None)

    @property
    def completed(self) -> tuple[Revision, ...]:
        """Every revision that once ran as it should, the newest deployment first."""
        found = (each.target for each in self.deployments if each.status == COMPLETED)
        return tuple(dict.fromkeys(target for target in found if target is not None))

    @property
    def schema_version(self) -> int | None:
        """The database's schema version: the newest that is recorded, or that any deployment came with.

        Migrations run with a deployment and are not undone when it fails, so one that failed counts too.
        """
        declared = [each.target.schema_version for each in self.deployments if each.target is not None]
        known = [self.recorded_schema_version, self.current.schema_version, *declared]
        return max((version for version in known if version is not None), default=None)


def read_history(ecs: "ECSClient", ssm: "SSMClient", *, schema_version_parameter: str) -> History:
    """Ask ECS and SSM of the clients' region.

    Raises :class:`RefusedError` when there is no such service, botocore's ClientError or BotoCoreError.
    """
    try:
        found = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
    except ecs.exceptions.ClusterNotFoundException:
        found = []
    running = [each for each in found if each.get("status") == "ACTIVE"]
    if not running:
        raise RefusedError(
            f"expected the service {SERVICE} in the cluster {CLUSTER} in {ecs.meta.region_name}, found none: check"
            " --environment and AWS_PROFILE, or deploy it first"
        )
    revisions = _Revisions(ecs)
    current = revisions.of(running[0].get("taskDefinition", ""))
    if current is None:
        raise RefusedError(f"expected the task definition of {SERVICE}, found it deleted: deploy the service anew")
    briefs = list(list_deployments(ecs))
    definitions = _task_definitions(ecs, [each.get("targetServiceRevisionArn", "") for each in briefs])
    return History(
        current=current,
        deployments=tuple(
            ServiceDeployment(
                arn=each["serviceDeploymentArn"],
                status=each["status"],
                target=revisions.of(definitions.get(each.get("targetServiceRevisionArn", ""), "")),
                created_at=each["createdAt"],
            )
            for each in sorted(briefs, key=lambda brief: brief["createdAt"], reverse=True)
        ),
        recorded_schema_version=_recorded(ssm, schema_version_parameter),
    )


class _Revisions:
    """Task definitions, each asked for once."""

    def __init__(self, ecs: "ECSClient") -> None:
        self._ecs = ecs
        self._known: dict[str, Revision | None] = {}

    def of(self, arn: str) -> Revision | None:
        """The revision; None when it was deleted."""
        if arn not in self._known:
            self._known[arn] = describe_revision(self._ecs, arn) if arn else None
        return self._known[arn]


def describe_revision(ecs: "ECSClient", name: str) -> Revision | None:
    """The task definition of this ARN or ``family:revision``, None when there is none. Raises BotoCoreError."""
    try:
        found = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    except ecs.exceptions.ClientException:
        return None
    labels = [each.get("dockerLabels", {}).get(SCHEMA_VERSION_LABEL) for each in found.get("containerDefinitions", [])]
    declared = next((label for label in labels if label is not None), None)
    return Revision(
        arn=found.get("taskDefinitionArn", ""),
        number=found.get("revision", 0),
        active=found.get("status") == "ACTIVE",
        schema_version=int(declared) if declared is not None and declared.isdecimal() else None,
    )


def list_deployments(ecs: "ECSClient") -> Iterator[Any]:
    """The service's deployments as ECS lists them. Raises botocore's ClientError or BotoCoreError."""
    token: dict[str, Any] = {}
    while True:
        page = ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE, maxResults=_DEPLOYMENTS_A_CALL, **token)
        yield from page["serviceDeployments"]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page.get("nextToken")}


def _task_definitions(ecs: "ECSClient", revisions: Sequence[str]) -> dict[str, str]:
    """The task definition of every service revision."""
    found: dict[str, str] = {}
    wanted = iter(dict.fromkeys(filter(None, revisions)))
    while batch := list(islice(wanted, _REVISIONS_A_CALL)):
        for each in ecs.describe_service_revisions(serviceRevisionArns=batch)["serviceRevisions"]:
            found[each.get("serviceRevisionArn", "")] = each.get("taskDefinition", "")
    return found


def _recorded(ssm: "SSMClient", parameter: str) -> int | None:
    try:
        value = ssm.get_parameter(Name=parameter)["Parameter"].get("Value", "")
    except ssm.exceptions.ParameterNotFound:
        return None
    if not value.isdecimal():
        raise RefusedError(f"expected a whole number in the SSM parameter {parameter}, found {value!r}: correct it")
    return int(value)

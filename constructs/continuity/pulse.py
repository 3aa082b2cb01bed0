"""The pulse of a database: a heartbeat row a minute, and a daily manifest of what it holds."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import invoke, start
from continuity.parts_map import PartsMap
from continuity.postgres import DatabaseConnection
from continuity.state_machines import acknowledge_children, invoke_step, state_machine
from recovery import objectives

HEARTBEAT_USER = "heartbeat"
VERIFIER_USER = "restore_verifier"
# Rows of these tables are deleted by the product's own rules, so their absence from a restore is no finding.
TABLES_THAT_MAY_LOSE_ROWS = ("public.sessions", "public.auth_otps")


class Heartbeat(Construct):
    """Writes a heartbeat each HEARTBEAT_INTERVAL while ``enabled``, which only the serving region's may be.

    A missed beat is not repeated: the next comes a minute later, and the gap is what the alarm looks for.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        connection: DatabaseConnection,
        enabled: bool,
    ) -> None:
        super().__init__(scope, id)
        interval = Duration.seconds(objectives.HEARTBEAT_INTERVAL.total_seconds())
        self.function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="heartbeat",
            description="Writes the hash-chained heartbeat row that dates every copy of the database",
            timeout=Duration.seconds(interval.to_seconds() / 2),
            environment=connection.environment(deployment),
            vpc=connection.vpc,
            security_groups=[connection.clients],
        )
        connection.grant_sign_in(self.function.execution_role, HEARTBEAT_USER)
        self.rule = events.Rule(
            self,
            "Schedule",
            rule_name=deployment.names.heartbeat_rule_name,
            enabled=enabled,
            schedule=events.Schedule.rate(interval),
            targets=[invoke(self.function, retries=0, max_age=interval)],
        )


class ManifestTaker(Construct):
    """Takes the manifest that restores are checked against, slice by slice, at MANIFEST_SCHEDULE while ``enabled``."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        connection: DatabaseConnection,
        identifier: str,
        evidence: EvidenceStore,
        enabled: bool,
    ) -> None:
        super().__init__(scope, id)
        function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="manifest",
            description="Fingerprints the database into the manifest that restores are checked against",
            timeout=Duration.minutes(15),
            memory_mib=1024,
            environment={
                **connection.environment(deployment),
                **evidence.environment,
                "DATABASE_IDENTIFIER": identifier,
                "MAY_LOSE_ROWS": ",".join(TABLES_THAT_MAY_LOSE_ROWS),
            },
            vpc=connection.vpc,
            security_groups=[connection.clients],
        )
        connection.grant_sign_in(function.execution_role, VERIFIER_USER)
        evidence.grant_write(function.execution_role, "manifests")
        evidence.grant_write(function.execution_role, "parts")
        evidence.grant_read(function.execution_role, "parts")
        evidence.grant_list(function.execution_role, "parts")
        self.machine = self._machine(deployment, function)
        events.Rule(
            self,
            "Schedule",
            rule_name=deployment.names.manifest_rule_name,
            enabled=enabled,
            schedule=events.Schedule.expression(objectives.MANIFEST_SCHEDULE),
            targets=[start(self.machine)],
        )

    def _machine(self, deployment: Deployment, function: PythonFunction) -> sfn.StateMachine:
        """Plan, read the slices, assemble. A slice that cannot be read leaves no manifest, and fails the machine."""
        execution = {"execution.$": "$.execution"}
        slices = PartsMap(self, "Slices", function=function, carried=execution, tolerant=False)
        slices.then(invoke_step(self, "Assemble", function, payload={"step": "assemble", **execution}))
        begin = sfn.Pass(self, "Begin", state_name="Begin", parameters={"execution.$": "$$.Execution.Name"})
        machine = state_machine(
            self,
            deployment=deployment,
            first=begin.next(slices.start),
            timeout=Duration.seconds(int(objectives.MANIFEST_TIMEOUT.total_seconds())),
            functions=[function],
        )
        acknowledge_children(machine)
        return machine

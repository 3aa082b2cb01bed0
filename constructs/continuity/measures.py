"""What is measured because no service does: a region's protection, the age of a copy, the age of the proofs."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from continuity.acknowledgement import acknowledge
from continuity.buckets import EvidenceStore
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow, invoke
from continuity.postgres import DatabaseConnection
from continuity.pulse import VERIFIER_USER
from recovery import objectives
from recovery.names import CLUSTER, SERVICE


class RegionMeasures(Construct):
    """At MEASUREMENT_INTERVAL: tasks, keys, the vault's lock, and the other region's backups here.

    Twice a day: the chain of evidence, and how old the proofs are.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        vault_name: str,
        key_arns: Sequence[str],
        evidence: EvidenceStore,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._region(vault_name, key_arns)
        self._evidence(evidence)

    def _region(self, vault_name: str, key_arns: Sequence[str]) -> None:
        names, stack = self._deployment.names, Stack.of(self)
        function = PythonFunction(
            self,
            "Region",
            deployment=self._deployment,
            package="measure_region",
            description="Measures tasks, keys, the vault's lock and the backups of the other region",
            timeout=Duration.minutes(2),
            environment={
                "ACCOUNT": names.account,
                "PRIMARY_REGION": names.primary_region,
                "RECOVERY_REGION": names.recovery_region,
                "VAULT_NAME": vault_name,
                "KEY_ARNS": ",".join(key_arns),
            },
        )
        here = f"{stack.region}:{stack.account}"
        backups = f"arn:aws:rds:{here}:auto-backup:*"
        for actions, resources in (
            (["ecs:DescribeServices"], [f"arn:aws:ecs:{here}:service/{CLUSTER}/{SERVICE}"]),
            (["kms:DescribeKey"], list(key_arns)),
            (["backup:DescribeBackupVault"], [f"arn:aws:backup:{here}:backup-vault:{vault_name}"]),
            (
                # Asked by the instance's name, which RDS checks as the instance or as its backup.
                ["rds:DescribeDBInstanceAutomatedBackups"],
                [
                    backups,
                    *(
                        f"arn:aws:rds:{here}:db:{name}"
                        for name in (names.instance_identifier, names.replica_identifier)
                    ),
                ],
            ),
        ):
            allow(function.execution_role, actions, resources)
        acknowledge(
            function.execution_role,
            {f"IAM5[Resource::{backups}]": "RDS names automated backups itself, by ids that nobody can know before."},
        )
        interval = Duration.seconds(int(objectives.MEASUREMENT_INTERVAL.total_seconds()))
        events.Rule(
            self,
            "RegionSchedule",
            description="Measure what this region holds against a disaster",
            schedule=events.Schedule.rate(interval),
            targets=[invoke(function, retries=0, max_age=interval)],
        )

    def _evidence(self, evidence: EvidenceStore) -> None:
        function = PythonFunction(
            self,
            "Evidence",
            deployment=self._deployment,
            package="review_evidence",
            description="Reads the evidence again: its chain, and how old the proofs are",
            timeout=Duration.minutes(15),
            environment={
                **evidence.environment,
                "DATABASE_IDENTIFIER": self._deployment.names.instance_identifier,
                "EXPLAINED_FAULTS": json.dumps(self._deployment.explained_faults),
            },
        )
        evidence.grant_list(function.execution_role, "evidence")
        evidence.grant_versions(function.execution_role, "evidence")
        evidence.grant_read(function.execution_role, "evidence")
        events.Rule(
            self,
            "EvidenceSchedule",
            description="Read the evidence again",
            schedule=events.Schedule.expression(objectives.EVIDENCE_REVIEW_SCHEDULE),
            targets=[invoke(function)],
        )


class ReplicaMeasure(Construct):
    """Each minute the age of the newest heartbeat in a copy, while it is one."""

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
        interval = Duration.seconds(int(objectives.HEARTBEAT_INTERVAL.total_seconds()))
        function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="measure_replica",
            description="Measures how old the copy of the database is by its newest heartbeat",
            timeout=Duration.seconds(interval.to_seconds() / 2),
            environment=connection.environment(deployment),
            vpc=connection.vpc,
            security_groups=[connection.clients],
        )
        connection.grant_sign_in(function.execution_role, VERIFIER_USER)
        events.Rule(
            self,
            "Schedule",
            description="Measure how old this region's copy of the database is",
            enabled=enabled,
            schedule=events.Schedule.rate(interval),
            targets=[invoke(function, retries=0, max_age=interval)],
        )

"""The restore drill: deploy, fill, back up, destroy the primary region, restore in the recovery region, prove.

The clock of tier 3 runs from the start of the point-in-time restore to the end of its verification, which the deployed
code does: the drill itself only plays the disaster, the scheduler and the operator.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from lab import workload
from lab.cloud import Cloud, LabError
from lab.deployment import Deployment
from lab.documented import REPLICATED_BACKUPS
from lab.drills.record import LAB_NOTE, check_record, versions
from lab.drills.stage import deploy_stage
from lab.executions import execute
from lab.polling import wait_for
from lab.pulse import Pulse
from lab.readback import read_back
from lab.recorded_types import RECORDED_TYPES
from lab.restoration import Restored, restore_test, restore_to_latest, start_proof, wait_for_proof
from lab.timeline import Timeline
from recovery.evidence import CheckRecord, Evidence, this_operator

TRAFFIC_SECONDS = 4.0
BACKUP_STEP = "Weekly snapshot, copied to the recovery vault"


@dataclass
class RestoreDrill:
    """One run of the drill in a running cloud. ``before_proof`` is called with the restored database's DSN."""

    cloud: Cloud
    timeline: Timeline
    before_proof: Callable[[str], None] | None = None
    checks: list[CheckRecord] = field(default_factory=list[CheckRecord])

    def run(self) -> Evidence:
        """Run the drill to its end. Raises :class:`LabError` when the lab, not the deployed code, could not go on."""
        started = datetime.now(UTC)
        deployment = self._deploy()
        master = self._fill(deployment)
        with workload.Writer(master) as writer, Pulse(self.cloud, deployment):
            self._take_manifest(deployment)
            self._back_up(deployment)
            with self.timeline.step("Traffic that no snapshot holds", deployment.primary_region) as step:
                threading.Event().wait(TRAFFIC_SECONDS)
                step.detail = f"{len(writer.ledger)} purchases acknowledged so far"
            disaster = self._destroy(deployment)
        restored = self._restore(deployment, disaster)
        proof = self._prove(deployment, restored, disaster)
        rpo = proof.objectives[0].rpo_measured_seconds
        self._count_lost(restored, writer.ledger, None if rpo is None else disaster - timedelta(seconds=rpo))
        self._test_copied_snapshot(deployment)
        return Evidence(
            drill="restore",
            environment="local",
            region=proof.region,
            lab=True,
            started_at=started,
            finished_at=datetime.now(UTC),
            instance=proof.instance,
            ran_by=proof.ran_by.model_copy(update={"operator": this_operator().operator}),
            objectives=proof.objectives,
            checks=(*proof.checks, *self.checks),
            versions=proof.versions | versions(),
            notes=(LAB_NOTE, REPLICATED_BACKUPS.sentence),
        )

    def _deploy(self) -> Deployment:
        deployment = deploy_stage(self.cloud, self.timeline, "Deploy every stack with the cdk CLI")
        self._say_what_is_only_recorded()
        with self.timeline.step("Read back what the drill relies on") as step:
            properties = read_back(self.cloud, deployment)
            step.detail = f"{sum(each.holds for each in properties)} of {len(properties)} properties hold"
        lost = [
            f"{each.name}: expected {each.expected!r}, found {each.found!r}" for each in properties if not each.holds
        ]
        if lost:
            raise LabError("the deployed cloud lacks what the drill relies on:\n  " + "\n  ".join(lost))
        self._record("deployed properties", step.detail, step.seconds)
        return deployment

    def _say_what_is_only_recorded(self) -> None:
        types = sorted({resource["type"] for resource in self.cloud.listing("recorded")})
        self.timeline.note("           recorded, not emulated, so not proven here:")
        for name in types:
            self.timeline.note(f"             {name}: {RECORDED_TYPES[name]}")

    def _fill(self, deployment: Deployment) -> str:
        with self.timeline.step("Fill the database", deployment.primary_region) as step:
            master = master_dsn(self.cloud, deployment)
            with psycopg.connect(master, autocommit=True) as connection:
                workload.create(connection)
                row = connection.execute("SELECT count(*) FROM transactions").fetchone()
            step.detail = f"{row[0] if row else 0} transactions"
        return master

    def _take_manifest(self, deployment: Deployment) -> None:
        with self.timeline.step("Take the manifest", deployment.primary_region) as step:
            machine = deployment.output("Database", "ManifestStateMachineArn")
            answer = execute(self.cloud, deployment.primary_region, machine)
            step.detail = f"{answer['rows']} rows in {answer['tables']} tables"

    def _back_up(self, deployment: Deployment) -> None:
        plan = deployment.output("Backup", "PlanId")
        backup = self.cloud.clients(deployment.primary_region).backup
        rules = [each["RuleName"] for each in backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"]]
        rule = next(name for name in rules if "weekly" in name.lower())
        with self.timeline.step(BACKUP_STEP, deployment.primary_region) as step:
            region = deployment.primary_region
            [job] = self.cloud.press("run-backup-plan", region, plan_id=plan, rule=rule)
            backed_up = wait_for("the backup job", lambda: _ended(backup.describe_backup_job(BackupJobId=job)["State"]))
            [copy] = self.cloud.press("run-copies", region, plan_id=plan, rule=rule, backup_job_id=job)
            copied = wait_for(
                "the copy job",
                lambda: _ended(backup.describe_copy_job(CopyJobId=copy)["CopyJob"].get("State", "")),
            )
            step.detail = f"rule {rule}: backup {backed_up}, copy {copied}"
        passed = backed_up == copied == "COMPLETED"
        self._record("weekly snapshot and its copy", step.detail, step.seconds, passed=passed)

    def _destroy(self, deployment: Deployment) -> datetime:
        with self.timeline.step("Destroy the primary region", deployment.primary_region) as step:
            destroyed = self.timeline.mark("disaster")
            self.cloud.press("lose-region", deployment.primary_region)
            step.detail = "servers killed, data deleted, its APIs no longer answer"
        return destroyed

    def _restore(self, deployment: Deployment, disaster: datetime) -> Restored:
        with self.timeline.step("Restore from the replicated backups", deployment.recovery_region) as step:
            restored = restore_to_latest(self.cloud, deployment, disaster)
            step.detail = restored.identifier
        if self.before_proof is not None:
            self.before_proof(restored.dsn)
        return restored

    def _prove(self, deployment: Deployment, restored: Restored, disaster: datetime) -> Evidence:
        with self.timeline.step("Prove the restored database", deployment.recovery_region) as step:
            proof = wait_for_proof(self.cloud, deployment, start_proof(self.cloud, deployment, restored, disaster))
            passed = sum(check.status == "PASS" for check in proof.checks)
            step.detail = f"{proof.verdict}: {passed} of {len(proof.checks)} checks pass"
        self.timeline.mark("proven" if proof.verdict == "PASS" else "refused")
        return proof

    def _count_lost(self, restored: Restored, ledger: list[tuple[UUID, datetime]], kept_until: datetime | None) -> None:
        """The writer's own ledger against the restored rows: what was acknowledged before ``kept_until``, the newest
        heartbeat restored, has to be there to the row.
        """
        with self.timeline.step("Compare the writer's ledger") as step:
            with psycopg.connect(restored.dsn) as connection:
                keys = [key for key, _ in ledger]
                rows = connection.execute("SELECT id FROM transactions WHERE id = ANY(%s)", (keys,)).fetchall()
            passed, step.detail = compare_ledger(ledger, {row[0] for row in rows}, kept_until)
        self._record("acknowledged purchases", step.detail, step.seconds, passed=passed)

    def _test_copied_snapshot(self, deployment: Deployment) -> None:
        with self.timeline.step("Restore test of the copied snapshot", deployment.recovery_region) as step:
            status, message = restore_test(self.cloud, deployment)
            step.detail = f"validation {status}"
        self._record(
            "restore test of the copied snapshot", f"{status}: {message}", step.seconds, passed=status == "SUCCESSFUL"
        )

    def _record(self, name: str, detail: str, seconds: float, *, passed: bool = True) -> None:
        self.checks.append(check_record(name, detail, passed=passed, seconds=seconds))


def master_dsn(cloud: Cloud, deployment: Deployment) -> str:
    """The application's way into the primary: the endpoint from RDS, the password from Secrets Manager."""
    clients = cloud.clients(deployment.primary_region)
    identifier = deployment.output("Database", "InstanceIdentifier")
    [instance] = clients.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    secret = cloud.secret(deployment.primary_region, deployment.output("Database", "MasterSecretArn"))
    endpoint = instance.get("Endpoint", {})
    return make_conninfo(
        host=endpoint.get("Address"),
        port=endpoint.get("Port"),
        dbname=instance.get("DBName"),
        user=secret["username"],
        password=secret["password"],
    )


def compare_ledger(
    ledger: list[tuple[UUID, datetime]], kept: set[UUID], kept_until: datetime | None
) -> tuple[bool, str]:
    """Whether everything acknowledged before ``kept_until`` was kept, and the finding in words.

    An empty ledger, or no heartbeat to date the copy by, proves nothing and fails.
    """
    lost = [acknowledged for key, acknowledged in ledger if key not in kept]
    detail = f"{len(lost)} of {len(ledger)} acknowledged purchases lost"
    if not ledger or kept_until is None:
        return False, f"{detail}: nothing to hold the loss against"
    unexplained = sum(acknowledged < kept_until for acknowledged in lost)
    if unexplained:
        return False, f"{detail}, {unexplained} of them older than the newest heartbeat restored"
    return True, f"{detail}, all of them after the newest heartbeat restored"


def _ended(state: str) -> str | None:
    return state if state not in {"CREATED", "PENDING", "RUNNING"} else None

"""A restore to a moment, while writers go on: everything acknowledged before it is there, and nothing sent after it.

It is asked for by ``dr restore``, as whoever is on call would, in the primary's region and in the recovery region. Both
copies have the settings of the instance they stand in for, and are proven by the checks that prove every restore.
"""

import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from lab import workload
from lab.cloud import Cloud, LabError
from lab.deployment import Deployment
from lab.drill import master_dsn
from lab.drills.record import ENVIRONMENT, check_record, evidence_of
from lab.drills.settings import COMPARED, differences
from lab.drills.stage import deploy_stage
from lab.on_call import dr
from lab.polling import wait_for
from lab.pulse import Pulse
from lab.restoration import Restored, latest_restorable_time, listed_dsn
from lab.timeline import Timeline
from lab.writers.group import Writers
from lab.writers.ledger import compare, surviving_purchases
from recovery.bootstrap import VERIFIER_ROLE
from recovery.database import connect
from recovery.evidence import CheckRecord, Evidence, judge, records
from recovery.instances import describe_instance
from recovery.manifest import Manifest
from recovery.manifest_taking import take_manifest
from recovery.names import Names
from recovery.objectives import FULL
from recovery.verification import Verification, verify

USERS, TRANSACTIONS = 500, 5_000
BEFORE_SECONDS = 3.0
# How far the backups have to reach beyond the moment: a segment of the log that is being copied counts as there.
BEYOND = timedelta(seconds=2)


@dataclass(frozen=True)
class _Proof:
    """One restored database: where, how long until it was proven, and what the checks and the rows say."""

    region: str
    seconds: float
    verification: Verification


@dataclass
class MomentDrill:
    """One run of the drill in a running cloud."""

    cloud: Cloud
    timeline: Timeline
    checks: list[CheckRecord] = field(default_factory=list[CheckRecord])

    def run(self) -> Evidence:
        """Run to the end. Raises LabError or psycopg.Error when the lab could not go on."""
        started = datetime.now(UTC)
        title = "Deploy the database, its replicated backups and its replica"
        deployment = deploy_stage(self.cloud, self.timeline, title, only=["RecoveryStandby"])
        with self.timeline.step("Fill the database", deployment.primary_region):
            master = master_dsn(self.cloud, deployment)
            with psycopg.connect(master, autocommit=True) as connection:
                workload.create(connection, users=USERS, transactions=TRANSACTIONS)
        with tempfile.TemporaryDirectory(prefix="continuity-ledgers-") as name:
            writers = Writers(master, Path(name))
            with Pulse(self.cloud, deployment), writers:
                manifest = self._take_manifest(deployment)
                moment = self._reach_moment(deployment)
                regions = (deployment.primary_region, deployment.recovery_region)
                restored: dict[str, Restored] = {}
                proofs: list[_Proof] = []
                for region in regions:
                    restored[region] = self._restore(region, moment)
                    proofs.append(self._prove(restored[region], region, manifest, moment))
                    self._compare_settings(region, restored[region])
            self._compare(writers, restored, moment)
        slowest = timedelta(seconds=max(each.seconds for each in proofs))
        return evidence_of(
            "restore",
            started,
            objectives=[judge(FULL, rto=slowest, rpo=_oldest(proofs))],
            checks=self.checks,
            region=deployment.recovery_region,
            instance=restored[deployment.recovery_region].identifier,
        )

    def _take_manifest(self, deployment: Deployment) -> Manifest:
        with self.timeline.step("Take the manifest", deployment.primary_region) as step:
            source = deployment.output("Database", "InstanceIdentifier")
            dsn = next(each["dsn"] for each in self.cloud.listing("instances") if each["identifier"] == source)
            with connect(_as_verifier(dsn), application_name="lab-manifest") as connection:
                manifest = take_manifest(connection, may_lose_rows=workload.MAY_LOSE_ROWS)
            step.detail = f"taken at {manifest.taken_at:%H:%M:%S}"
        return manifest

    def _reach_moment(self, deployment: Deployment) -> datetime:
        """Let a whole second go by under load, and wait until both regions' backups reach beyond it."""
        with self.timeline.step("Write before and after the moment", deployment.primary_region) as step:
            moment = (datetime.now(UTC) + timedelta(seconds=BEFORE_SECONDS)).replace(microsecond=0)
            time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
            self.timeline.mark("the moment")
            wait_for("both regions' backups to reach the moment", lambda: self._reaches(deployment, moment))
            step.detail = f"to be restored: {moment:%H:%M:%S}"
        return moment

    def _reaches(self, deployment: Deployment, moment: datetime) -> bool | None:
        regions = (deployment.primary_region, deployment.recovery_region)
        latest = [latest_restorable_time(self.cloud, deployment, region) for region in regions]
        return all(each is not None and each >= moment + BEYOND for each in latest) or None

    def _restore(self, region: str, moment: datetime) -> Restored:
        with self.timeline.step(f"dr restore in {region}", region) as step:
            found = dr(
                self.cloud,
                *("restore", "--environment", ENVIRONMENT, "--at", moment.isoformat(), "--region", region),
            )
            step.detail = f"{found['instance']}: {found['status']}"
            if found["status"] != "available":
                raise LabError(f"dr restore in {region} left {step.detail}:\n{self.cloud.log_tail()}")
        requested_at = datetime.fromisoformat(found["requested_at"])
        return Restored(found["instance"], requested_at, listed_dsn(self.cloud, region, found["instance"]))

    def _compare_settings(self, region: str, restored: Restored) -> None:
        """Against the instance of the same region: the source itself, or the replica, which is set up alike."""
        rds = self.cloud.clients(region).rds
        twin = Names(environment=ENVIRONMENT, account=self.cloud.account).identifier_in(region)
        original, copy = (describe_instance(rds, name) for name in (twin, restored.identifier))
        if original is None or copy is None:
            raise LabError(f"expected {twin} and {restored.identifier} in {region}, found not both")
        different = differences(original, copy)
        alike = f"all of {', '.join(COMPARED)} as {twin} has them"
        self.checks.append(check_record(f"settings, {region}", "; ".join(different) or alike, passed=not different))

    def _prove(self, restored: Restored, region: str, manifest: Manifest, moment: datetime) -> _Proof:
        with self.timeline.step(f"Prove the restored database in {region}", region) as step:
            found = verify(
                _as_verifier(restored.dsn),
                manifest,
                disaster_time=moment,
                rpo=FULL.rpo,
                restore_started_at=restored.started_at,
            )
            step.detail = f"{sum(each.status == 'passed' for each in found.checks)} of {len(found.checks)} checks pass"
        self.checks += [each.model_copy(update={"name": f"{each.name}, {region}"}) for each in records(found.checks)]
        return _Proof(region, (datetime.now(UTC) - restored.started_at).total_seconds(), found)

    def _compare(self, writers: Writers, restored: dict[str, Restored], moment: datetime) -> None:
        ledger = writers.ledger()
        for region, copy in restored.items():
            with self.timeline.step(f"Compare the ledgers with {region}", region) as step:
                with psycopg.connect(copy.dsn) as connection:
                    rows = surviving_purchases(connection)
                found = compare(ledger, rows, kept_until=moment, nothing_after=moment)
                passed = found.passed and bool(rows) and bool(found.lost)
                step.detail = (
                    f"{len(rows)} commits restored; {len(found.unexplained)} of those acknowledged before the moment"
                    f" are missing, {len(found.too_new)} sent after it are there, {len(found.lost)} acknowledged after"
                    " it are rightly not"
                )
            self.checks.append(
                check_record(
                    f"acknowledged commits, {region}",
                    step.detail if passed else f"{step.detail}: {found.sentence}",
                    passed=passed,
                    seconds=step.seconds,
                    measurements=found.measurements | {"restored": len(rows)},
                )
            )


def _as_verifier(dsn: str) -> str:
    return make_conninfo(dsn, user=VERIFIER_ROLE, password="a-token")  # noqa: S106 - the lab looks at no token


def _oldest(proofs: list[_Proof]) -> timedelta | None:
    """How much older than the moment the newest heartbeat of either copy is; None where one cannot be dated."""
    ages = [
        check.measurements.get("rpo_seconds")
        for proof in proofs
        for check in proof.verification.checks
        if check.name == "heartbeat"
    ]
    measured = [age for age in ages if isinstance(age, float)]
    return timedelta(seconds=max(measured)) if measured and len(measured) == len(proofs) else None

"""Tier 2: deployments that do not work are rolled back with ``dr rollback``, both ways, while writers go on.

No container runs in the lab: what is exercised is the command, the deployed service and its history, and that no row is
touched by a rollback of the application.
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from lab import workload
from lab.cloud import Cloud
from lab.deployment import Deployment
from lab.drill import master_dsn
from lab.drills.record import ENVIRONMENT, check_record, evidence_of
from lab.drills.stage import deploy_stage
from lab.on_call import dr
from lab.polling import wait_for
from lab.timeline import Timeline
from lab.writers.group import Writers
from lab.writers.ledger import compare, surviving_purchases
from recovery.evidence import CheckRecord, Evidence, judge
from recovery.names import CLUSTER, SERVICE
from recovery.objectives import APPLICATION

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

USERS, TRANSACTIONS = 200, 2_000


@dataclass
class RollbackDrill:
    """One run of the drill in a running cloud."""

    cloud: Cloud
    timeline: Timeline
    checks: list[CheckRecord] = field(default_factory=list[CheckRecord])
    measured: list[float | None] = field(default_factory=list[float | None])

    def run(self) -> Evidence:
        """Run to the end. Raises LabError or psycopg.Error when the lab could not go on."""
        started = datetime.now(UTC)
        title = "Deploy the application on its database"
        deployment = deploy_stage(self.cloud, self.timeline, title, only=["Application"])
        region = deployment.primary_region
        ecs = self.cloud.clients(region).ecs
        with self._under_writers(deployment):
            self._await(ecs, "SUCCESSFUL")
            good = self._revision(ecs)
            with self.timeline.step("Deploy a revision that hangs", region):
                self._deploy_revision(region, ending="hangs", status="IN_PROGRESS")
            self._roll_back("while the deployment runs", "stop", ecs, good)
            with self.timeline.step("Deploy a revision that ECS takes for good", region):
                self._deploy_revision(region, ending="succeeds", status="SUCCESSFUL")
            self._roll_back("after the deployment has ended", "update", ecs, good)
        unmeasured = len(self.measured) < 2 or None in self.measured
        rto = None if unmeasured else timedelta(seconds=max(each for each in self.measured if each is not None))
        return evidence_of(
            "rollback",
            started,
            objectives=[judge(APPLICATION, rto=rto, rpo=None)],
            checks=self.checks,
            region=region,
            instance=deployment.output("Database", "InstanceIdentifier"),
        )

    @contextmanager
    def _under_writers(self, deployment: Deployment) -> Generator[None]:
        """Write throughout; afterwards every acknowledged commit has to be there."""
        region = deployment.primary_region
        with self.timeline.step("Fill the database", region):
            master = master_dsn(self.cloud, deployment)
            with psycopg.connect(master, autocommit=True) as connection:
                workload.create(connection, users=USERS, transactions=TRANSACTIONS)
        with tempfile.TemporaryDirectory(prefix="continuity-ledgers-") as name:
            writers = Writers(master, Path(name))
            with writers:
                yield
            with self.timeline.step("Compare the ledgers", region) as step:
                with psycopg.connect(master) as connection:
                    found = compare(writers.ledger(), surviving_purchases(connection))
                step.detail = found.sentence
        self.checks.append(
            check_record(
                "acknowledged commits",
                found.sentence,
                passed=found.passed,
                seconds=step.seconds,
                measurements=found.measurements,
            )
        )

    def _deploy_revision(self, region: str, *, ending: str, status: str) -> None:
        """Release another version of the container that runs, which declares the same schema of the database."""
        ecs = self.cloud.clients(region).ecs
        self.cloud.press("next-deployments", region, ending=ending)
        known = ecs.describe_task_definition(taskDefinition=self._revision(ecs))["taskDefinition"]
        [container] = known.get("containerDefinitions", [])
        released = ecs.register_task_definition(
            family=SERVICE,
            containerDefinitions=[
                {
                    "name": container.get("name", ""),
                    "image": f"{container.get('image')}-{status.lower()}",
                    "dockerLabels": container.get("dockerLabels", {}),
                }
            ],
        )["taskDefinition"]
        ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=released.get("taskDefinitionArn", ""))
        self._await(ecs, status)
        self.cloud.press("next-deployments", region, ending="succeeds")

    def _roll_back(self, when: str, way: str, ecs: "ECSClient", good: str) -> None:
        with self.timeline.step(f"dr rollback {when}", ecs.meta.region_name) as step:
            found = dr(self.cloud, "rollback", "--environment", ENVIRONMENT)
            took = found.get("rto_measured_seconds")
            step.detail = f"{found.get('way')} to {found.get('to')}: {found.get('status')}"
        self.measured.append(took)
        arrived = self._revision(ecs) == good
        self.checks.append(
            check_record(
                f"rollback {when}",
                f"{step.detail}; the service runs {'the revision from before' if arrived else self._revision(ecs)}",
                passed=found.get("verdict") == "PASS" and found.get("way") == way and arrived,
                seconds=took,
            )
        )

    def _revision(self, ecs: "ECSClient") -> str:
        [service] = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
        return service.get("taskDefinition", "")

    def _await(self, ecs: "ECSClient", status: str) -> None:
        """Wait until the newest deployment has that status."""

        def arrived() -> bool | None:
            found = ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
            return (bool(found) and found[0].get("status") == status) or None

        wait_for(f"the deployment to be {status}", arrived)

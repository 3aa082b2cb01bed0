"""A deployed lab that fails over and back, with somebody who tries to write to both databases all the time."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from lab import workload
from lab.cloud import Cloud
from lab.deployment import Deployment, bootstrap, deploy, synthesize
from lab.drill import master_dsn
from lab.executions import execute
from lab.failover import Desk
from recovery.heartbeat import write_heartbeat
from recovery.names import Names

PRIMARY, RECOVERY = "ap-south-1", "ap-southeast-1"
PROBES = """
CREATE TABLE probes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL DEFAULT now())
"""
# The lab's clock for state machines: waits of minutes become seconds.
CLOCK = 0.02


@dataclass
class Switching:
    """One lab, and what both its databases answered to a writer."""

    cloud: Cloud
    deployment: Deployment
    desk: Desk
    names: Names

    def beat(self, region: str) -> None:
        """One heartbeat, as the schedule writes it each minute."""
        with psycopg.connect(self.master(region), autocommit=True) as connection:
            write_heartbeat(connection)

    def guard(self, region: str, **payload: Any) -> dict[str, Any]:
        """Ask a region's guard."""
        functions = self.cloud.clients(region).functions
        answer = functions.invoke(FunctionName=self.names.guard_name, Payload=json.dumps(payload).encode())
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def instance(self, region: str) -> dict[str, Any]:
        """The instance that has the region's name now, as the lab knows it."""
        identifier = self.names.identifier_in(region)
        [found] = [
            each for each in self.cloud.listing("instances")
            if (each["region"], each["identifier"]) == (region, identifier)
        ]  # fmt: skip
        return found

    def master(self, region: str) -> str:
        """The application's way into a region's database."""
        secret = self.cloud.secret(PRIMARY, self.deployment.output("Database", "MasterSecretArn"))
        return make_conninfo(
            host="127.0.0.1",
            port=self.instance(region)["port"],
            dbname="duskspendr",
            user=secret["username"],
            password=secret["password"],
            connect_timeout=2,
        )

    def inject(self, *faults: dict[str, Any]) -> None:
        self.cloud.press("inject-faults", RECOVERY, faults=list(faults))

    def run(self, execution: str, *, approve: bool = True) -> Any:
        """Approve, when it asks, and wait for the end."""
        if approve:
            self.desk.approve()
        return self.desk.wait(execution)

    def tasks(self, region: str) -> int:
        """How many tasks the region's service wants."""
        found = self.cloud.clients(region).ecs.describe_services(
            cluster="DuskSpendr-cluster", services=["DuskSpendr-api"]
        )
        return found["services"][0].get("desiredCount", 0)

    def rule(self, region: str) -> str:
        """Whether the region's pulse is ENABLED."""
        found = self.cloud.clients(region).events.describe_rule(Name=self.names.heartbeat_rule_name)
        return found.get("State", "")


def deploy_switching(cloud: Cloud) -> Switching:
    """Deploy everything, fill the database, take its manifest."""
    assembly = synthesize(cloud)
    bootstrap(cloud, assembly)
    deployment = deploy(cloud, assembly, lambda _: None)
    with psycopg.connect(master_dsn(cloud, deployment), autocommit=True) as connection:
        workload.create(connection)
        connection.execute(PROBES)
    execute(cloud, PRIMARY, deployment.output("Database", "ManifestStateMachineArn"))
    names = Names(environment="local", account=cloud.account, primary_region=PRIMARY, recovery_region=RECOVERY)
    switching = Switching(cloud, deployment, Desk.open(cloud, deployment), names)
    switching.beat(PRIMARY)
    return switching


@dataclass
class Prober:
    """Writes to both databases, over and over, as an application would that knows nothing of any failover."""

    switching: Switching
    accepted: dict[str, list[float]] = field(default_factory=lambda: {PRIMARY: [], RECOVERY: []})
    refused: dict[str, set[str]] = field(default_factory=lambda: {PRIMARY: set(), RECOVERY: set()})
    both: int = 0
    rounds: int = 0

    def newest(self, region: str) -> float:
        """When a region's database took the last write, by the monotonic clock; 0 for never."""
        return max(self.accepted[region], default=0.0)

    def __enter__(self) -> "Prober":
        self._stop = threading.Event()
        self._ports: dict[str, str] = {region: self.switching.master(region) for region in (PRIMARY, RECOVERY)}
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            wrote = [region for region in (PRIMARY, RECOVERY) if self._write(region)]
            self.rounds += 1
            self.both += len(wrote) == 2

    def _write(self, region: str) -> bool:
        try:
            with psycopg.connect(self._ports[region], autocommit=True) as connection:
                connection.execute("INSERT INTO probes DEFAULT VALUES")
        except psycopg.Error as error:
            self.refused[region].add(type(error).__name__)
            return False
        self.accepted[region].append(time.monotonic())
        return True

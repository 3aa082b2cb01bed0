"""Amazon RDS in the lab: every DB instance is a real PostgreSQL cluster.

A template's instance gets a cluster of its own, a replica streams from its source, automated backups are a base backup
and a WAL archive in each region they are kept in, and a point-in-time restore replays them. What the instances look
like to DescribeDBInstances stays the emulator's own record.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Identifier, Literal

from lab.archive import base_backup, replay
from lab.emulator import hooks
from lab.emulator.automated_backups import AutomatedBackups, archiving_to
from lab.emulator.extensions import extension_settings
from lab.emulator.restore_parameters import asked_of
from lab.postgres import HOST, Cluster, free_port
from lab.server import make_run_folder

log = logging.getLogger("lab.rds")

RECOVERY_TIMEOUT_SECONDS = 120

# What an RDS master user has and a plain role has not (rds_superuser's memberships).
_RDS_ROLES = SQL("""
CREATE ROLE rds_iam;
CREATE ROLE rds_superuser;
CREATE ROLE {master} LOGIN CREATEDB CREATEROLE PASSWORD {password};
GRANT pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data, rds_iam
    TO rds_superuser WITH ADMIN OPTION;
GRANT rds_superuser TO {master};
""")


class Instances:
    """The clusters behind the emulator's DB instances, by region and identifier."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_run_folder(folder)
        self._clusters: dict[tuple[str, str], Cluster] = {}
        self._automated = AutomatedBackups(folder.parent / "automated-backups")
        self._ports: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def install(self) -> None:
        """Take over the CloudFormation type and the API actions."""
        own = hooks.handlers_of("AWS::RDS::DBInstance")
        hooks.handle_type(
            "AWS::RDS::DBInstance",
            own | {"create": self._created_by(own["create"]), "delete": self._deleted_by(own["delete"])},
        )
        hooks.handle_on_worker_threads({"AWS::RDS::DBInstance"})
        hooks.handle_rds_action("RestoreDBInstanceToPointInTime", self._restore_to_point_in_time)
        hooks.handle_rds_action("DescribeDBInstanceAutomatedBackups", self._automated.describe)

    def cluster(self, region: str, identifier: str) -> Cluster:
        """The cluster of an instance. Raises KeyError when there is none."""
        return self._clusters[region, identifier]

    def listing(self) -> list[dict[str, Any]]:
        """Every instance with its cluster, as JSON values. ``dsn`` is the superuser's."""
        return [
            {
                "region": region,
                "identifier": identifier,
                "folder": str(cluster.folder),
                "port": cluster.port,
                "pid": cluster.pid,
                "dsn": cluster.dsn(str(self._record(region, identifier).get("DBName") or "postgres")),
            }
            for (region, identifier), cluster in list(self._clusters.items())
        ]

    def destroy_region(self, region: str) -> list[str]:
        """Kill a region's servers and delete their data and the backups kept there; returns the identifiers."""
        lost = [identifier for found, identifier in self._clusters if found == region]
        for identifier in lost:
            self._clusters.pop((region, identifier)).destroy()
        self._automated.destroy_region(region)
        return lost

    def destroy_all(self) -> None:
        """Kill every server."""
        for cluster in self._clusters.values():
            cluster.destroy()

    def restore(
        self,
        identifier: str,
        source: dict[str, Any],
        prepare: Callable[[Cluster], None],
        asked: dict[str, Any] | None = None,
    ) -> None:
        """Bring up an instance from a copy of its data, in the current region, as a copy of ``source``'s record.

        ``asked`` is what the caller wants otherwise than the source has it. ``prepare`` fills the cluster's data
        folder. The record reads ``creating`` until the server answers and has left recovery, then ``available``;
        ``failed`` when it does not come up.
        """
        region = hooks.region()
        record: dict[str, Any] = source | {
            "DBInstanceIdentifier": identifier,
            "DBInstanceArn": f"arn:aws:rds:{region}:{hooks.account()}:db:{identifier}",
            "DBInstanceStatus": "creating",
            "InstanceCreateTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ReadReplicaDBInstanceIdentifiers": [],
            "ReadReplicaSourceDBInstanceIdentifier": "",
            "DeletionProtection": False,
            "MultiAZ": False,
            **(asked or {}),
        }
        hooks.rds._instances[identifier] = record
        cluster = self._new_cluster(region, identifier)
        cluster.iam_authentication = bool(record.get("IAMDatabaseAuthenticationEnabled"))
        try:
            prepare(cluster)
            cluster.start()
            _wait_until_primary(cluster)
        except Exception:
            record["DBInstanceStatus"] = "failed"
            raise
        self._point_at(record, cluster)
        record["DBInstanceStatus"] = "available"

    def make_replica(self, identifier: str, source_arn: str, record: dict[str, Any]) -> None:
        """Bring up a standby of a source, in the current region, under a record that is there already."""
        self._point_at(record, self._create_replica(identifier, source_arn, record))

    def rename(self, identifier: str, new_identifier: str) -> None:
        """Give an instance of the current region another name, and with it another endpoint."""
        region = hooks.region()
        record = hooks.rds._instances.pop(identifier)
        with self._lock:
            cluster = self._clusters.pop((region, identifier))
        cluster.stop()
        cluster.folder = cluster.folder.rename(self.folder / f"{region}-{new_identifier}")
        cluster.port = self._ports.setdefault((region, new_identifier), free_port())
        cluster.configure()
        cluster.start()
        with self._lock:
            self._clusters[region, new_identifier] = cluster
        record |= {
            "DBInstanceIdentifier": new_identifier,
            "DBInstanceArn": f"arn:aws:rds:{region}:{hooks.account()}:db:{new_identifier}",
        }
        self._point_at(record, cluster)
        self._automated.rename(record)
        hooks.rds._instances[new_identifier] = record

    def replicate_backups(self, region: str, identifier: str, key: str) -> None:
        """Keep the automated backups of a region's instance in the current region, too, under its ``key``."""
        self._automated.replicate(self.cluster(region, identifier), self._record(region, identifier), key)

    def source_record(self, region: str, identifier: str) -> dict[str, Any]:
        """A copy of the emulator's record of an instance."""
        return dict(self._record(region, identifier))

    def _record(self, region: str, identifier: str) -> dict[str, Any]:
        with hooks.in_region(region):
            return hooks.rds._instances.get(identifier) or {}

    def _new_cluster(self, region: str, identifier: str, settings: dict[str, str] | None = None) -> Cluster:
        # Whether a server archives is fixed when it starts; where to may be said at any time.
        archiving = {"archive_mode": "on", "archive_command": "/bin/true"}
        settings = archiving | (settings or {})
        cluster = Cluster(self.folder / f"{region}-{identifier}", superuser="rdsadmin", settings=settings)
        # An endpoint belongs to its name: whoever connects by it reaches the instance that has the name now.
        cluster.port = self._ports.setdefault((region, identifier), cluster.port)
        if self._clusters:  # copies of one another's data share the superuser's password
            cluster.password = next(iter(self._clusters.values())).password
        with self._lock:
            self._clusters[region, identifier] = cluster
        return cluster

    def _created_by(self, create_record: hooks.Create) -> hooks.Create:
        def create(logical_id: str, properties: hooks.Properties, stack: str) -> tuple[str, dict[str, Any]]:
            identifier, _ = create_record(logical_id, properties, stack)
            record = hooks.rds._instances[identifier]
            source = str(properties.get("SourceDBInstanceIdentifier") or "")
            if source:
                cluster = self._create_replica(identifier, source, record)
            else:
                cluster = self._create_primary(identifier, properties)
            self._point_at(record, cluster)
            return identifier, {
                "Endpoint.Address": HOST,
                "Endpoint.Port": str(cluster.port),
                "DbiResourceId": record["DbiResourceId"],
                "DBInstanceArn": record["DBInstanceArn"],
            }

        return create

    def _create_primary(self, identifier: str, properties: hooks.Properties) -> Cluster:
        backups = self._automated.asked_for(hooks.rds._instances[identifier], properties)
        settings = archiving_to(backups) | extension_settings(self.folder.parent / "extensions")
        cluster = self._new_cluster(hooks.region(), identifier, settings)
        cluster.create()
        cluster.start()
        master = str(properties["MasterUsername"])
        with cluster.connect() as connection:
            connection.execute(
                _RDS_ROLES.format(master=Identifier(master), password=Literal(str(properties["MasterUserPassword"])))
            )
            connection.execute(
                SQL("CREATE DATABASE {} OWNER {}").format(
                    Identifier(str(properties.get("DBName") or "postgres")), Identifier(master)
                )
            )
        self._automated.keep(cluster, backups)
        return cluster

    def _create_replica(self, identifier: str, source_arn: str, record: dict[str, Any]) -> Cluster:
        source_region, source_identifier = _region_and_identifier(source_arn)
        source = self._clusters[source_region, source_identifier]
        source_record = self._record(source_region, source_identifier)
        cluster = self._new_cluster(hooks.region(), identifier, {"primary_conninfo": source.dsn("replication")})
        standby = self.folder / f"{identifier}-base"
        base_backup(source, standby)
        cluster.adopt(standby)
        shutil.rmtree(standby)
        (cluster.data / "standby.signal").touch()
        cluster.start()
        for name in ("MasterUsername", "_MasterUserPassword", "DBName", "StorageEncrypted", "AllocatedStorage"):
            record[name] = source_record[name]
        record["ReadReplicaSourceDBInstanceIdentifier"] = source_arn
        source_record["ReadReplicaDBInstanceIdentifiers"].append(record["DBInstanceArn"])
        return cluster

    def _deleted_by(self, delete_record: hooks.Delete) -> hooks.Delete:
        def delete(identifier: str, properties: hooks.Properties) -> None:
            delete_record(identifier, properties)
            with self._lock:
                cluster = self._clusters.pop((hooks.region(), identifier), None)
            if cluster is not None:
                cluster.destroy()

        return delete

    def _point_at(self, record: dict[str, Any], cluster: Cluster) -> None:
        record["Endpoint"] = {"Address": HOST, "Port": cluster.port, "HostedZoneId": "LAB"}
        with cluster.connect() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        record["EngineVersion"] = str(row[0]).split(" ")[0] if row else "unknown"

    def _restore_to_point_in_time(self, parameters: hooks.Properties) -> hooks.Response:
        identifier = hooks.parameter(parameters, "TargetDBInstanceIdentifier")
        arn = hooks.parameter(parameters, "SourceDBInstanceAutomatedBackupsArn")
        resource = hooks.parameter(parameters, "SourceDbiResourceId")
        found = [each for each in self._automated.here() if each.arn == arn or each.resource_id == resource]
        if not found:
            return hooks.rds._error("DBInstanceAutomatedBackupNotFound", f"no automated backup {arn or resource}", 404)
        [backup] = found
        if identifier in hooks.rds._instances:
            return hooks.rds._error("DBInstanceAlreadyExists", f"DB instance {identifier} already exists", 400)
        record = self.source_record(backup.source_region, backup.source_identifier)
        record["KmsKeyId"] = backup.kms_key_id
        restore_time = hooks.parameter(parameters, "RestoreTime")
        moment = datetime.fromisoformat(restore_time) if restore_time else None
        if moment is not None and not backup.earliest_time <= moment <= backup.latest_time:
            return hooks.rds._error("InvalidRestoreFault", f"{moment} is not within the restore window", 400)
        asked = asked_of(parameters)
        done = record | asked | {"DBInstanceIdentifier": identifier, "DBInstanceStatus": "creating"}
        hooks.rds._instances[identifier] = done  # it is listed from the answer on

        def work() -> None:
            self.restore(identifier, record, lambda cluster: replay(cluster, backup.base, backup.wal, moment), asked)

        hooks.in_background(work, name=f"restore-{identifier}")
        action = "RestoreDBInstanceToPointInTime"
        return hooks.rds._single_instance_response(f"{action}Response", f"{action}Result", done)


def _wait_until_primary(cluster: Cluster) -> None:
    deadline = time.monotonic() + RECOVERY_TIMEOUT_SECONDS
    with cluster.connect() as connection:
        while True:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row == (False,):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"still in recovery after {RECOVERY_TIMEOUT_SECONDS} s:\n{cluster.log_tail()}")
            time.sleep(0.05)


def _region_and_identifier(arn: str) -> tuple[str, str]:
    parts = arn.split(":")
    return parts[3], parts[-1]

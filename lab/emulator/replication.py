"""Replicas as RDS changes them: promoted, renamed, made anew. The servers behind are real standbys."""

import time
from typing import Any
from uuid import uuid4

from lab.emulator import hooks
from lab.emulator.instances import Instances
from lab.emulator.restore_parameters import asked_of

# RDS shows a replica as available and replicating for a while after it was asked to promote it: peers were fooled.
PROMOTION_UNSEEN_SECONDS = 0.5


class Replication:
    """The API actions on replicas. ``promotions`` are those that were really begun, for a drill to count."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self.promotions: list[dict[str, str]] = []
        self._promoting: set[tuple[str, str]] = set()

    def install(self) -> None:
        """Take over the API actions."""
        self._modify = hooks.rds_action("ModifyDBInstance")
        hooks.handle_rds_action("PromoteReadReplica", self._promote)
        hooks.handle_rds_action("ModifyDBInstance", self._rename_or_modify)
        hooks.handle_rds_action("CreateDBInstanceReadReplica", self._create)
        hooks.handle_rds_action("StartDBInstanceAutomatedBackupsReplication", self._replicate_backups)

    def _promote(self, parameters: hooks.Properties) -> hooks.Response:
        region, identifier = hooks.region(), hooks.parameter(parameters, "DBInstanceIdentifier")
        record = hooks.rds._instances.get(identifier)
        if record is None:
            return hooks.rds._error("DBInstanceNotFound", f"no DB instance {identifier}", 404)
        if not record.get("ReadReplicaSourceDBInstanceIdentifier") or (region, identifier) in self._promoting:
            return hooks.rds._error("InvalidDBInstanceState", f"{identifier} is no replica that can be promoted", 400)
        self._promoting.add((region, identifier))
        self.promotions.append({"region": region, "identifier": identifier})

        def work() -> None:
            time.sleep(PROMOTION_UNSEEN_SECONDS)
            record["DBInstanceStatus"] = "modifying"
            with self._instances.cluster(region, identifier).connect() as connection:
                connection.execute("SELECT pg_promote(wait => true, wait_seconds => 60)")
            self._forget_replica(record)
            record["ReadReplicaSourceDBInstanceIdentifier"] = ""
            record["DBInstanceStatus"] = "available"
            self._promoting.discard((region, identifier))

        hooks.in_background(work, name=f"promote-{identifier}")
        return _answer("PromoteReadReplica", record)

    def _rename_or_modify(self, parameters: hooks.Properties) -> hooks.Response:
        identifier = hooks.parameter(parameters, "DBInstanceIdentifier")
        renamed = hooks.parameter(parameters, "NewDBInstanceIdentifier")
        record = hooks.rds._instances.get(identifier)
        if not renamed or record is None:
            return self._modify(parameters)
        record["DBInstanceStatus"] = "renaming"

        def work() -> None:
            self._instances.rename(identifier, renamed)
            record["DBInstanceStatus"] = "available"

        hooks.in_background(work, name=f"rename-{identifier}")
        return _answer("ModifyDBInstance", record)

    def _create(self, parameters: hooks.Properties) -> hooks.Response:
        region, identifier = hooks.region(), hooks.parameter(parameters, "DBInstanceIdentifier")
        source_arn = hooks.parameter(parameters, "SourceDBInstanceIdentifier")
        source_region, source_identifier = source_arn.split(":")[3], source_arn.split(":")[-1]
        if identifier in hooks.rds._instances:
            return hooks.rds._error("DBInstanceAlreadyExists", f"DB instance {identifier} already exists", 400)
        record: dict[str, Any] = self._instances.source_record(source_region, source_identifier)
        if not record:
            return hooks.rds._error("DBInstanceNotFound", f"no DB instance {source_arn}", 404)
        record |= asked_of(parameters) | {
            "DBInstanceIdentifier": identifier,
            "DbiResourceId": f"db-{uuid4().hex[:20].upper()}",
            # RDS makes every replica without backups.
            "BackupRetentionPeriod": 0,
            "DBInstanceArn": f"arn:aws:rds:{region}:{hooks.account()}:db:{identifier}",
            "DBInstanceStatus": "creating",
            "ReadReplicaDBInstanceIdentifiers": [],
            "ReadReplicaSourceDBInstanceIdentifier": source_arn,
        }
        if not hooks.parameter(parameters, "DBParameterGroupName"):
            # Of a source in another region no group is taken over.
            record["DBParameterGroups"] = [{"DBParameterGroupName": "default.postgres18"}]
        hooks.rds._instances[identifier] = record

        def work() -> None:
            self._instances.make_replica(identifier, source_arn, record)
            record["DBInstanceStatus"] = "available"

        hooks.in_background(work, name=f"replicate-{identifier}")
        return _answer("CreateDBInstanceReadReplica", record)

    def _replicate_backups(self, parameters: hooks.Properties) -> hooks.Response:
        arn = hooks.parameter(parameters, "SourceDBInstanceArn")
        region, identifier = arn.split(":")[3], arn.split(":")[-1]
        record = self._instances.source_record(region, identifier)
        if not int(record.get("BackupRetentionPeriod") or 0):
            return hooks.rds._error("InvalidDBInstanceState", f"{identifier} has no automated backups", 400)
        self._instances.replicate_backups(region, identifier, hooks.parameter(parameters, "KmsKeyId"))
        action = "StartDBInstanceAutomatedBackupsReplication"
        return hooks.rds._xml(200, f"{action}Response", f"<{action}Result></{action}Result>")

    def _forget_replica(self, record: dict[str, Any]) -> None:
        source = str(record["ReadReplicaSourceDBInstanceIdentifier"])
        with hooks.in_region(source.split(":")[3]):
            known = hooks.rds._instances.get(source.split(":")[-1], {}).get("ReadReplicaDBInstanceIdentifiers", [])
        if record["DBInstanceArn"] in known:
            known.remove(record["DBInstanceArn"])


def _answer(action: str, record: dict[str, Any]) -> hooks.Response:
    return hooks.rds._single_instance_response(f"{action}Response", f"{action}Result", record)

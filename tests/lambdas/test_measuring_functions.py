"""What is measured because no service does: each measurement, and what is published when one cannot be had."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas.canary.handler import handler as canary
from lambdas.measure_region.handler import UnmeasuredError
from lambdas.measure_region.handler import handler as measure_region
from lambdas.measure_replica.handler import handler as measure_replica
from lambdas.review_evidence.handler import handler as review_evidence
from recovery.database import Connection
from recovery.evidence import Evidence
from tests.emitters import EMITTERS, emitted_by
from tests.recovery.evidence_files import FolderStore, a_record, store_record

Stub = Callable[..., Stubber]
Capture = pytest.CaptureFixture[str]
NOW = datetime.now(UTC)
KEYS = ["arn:aws:kms:ap-southeast-1:123456789012:key/1", "arn:aws:kms:ap-southeast-1:123456789012:key/2"]
VAULT = {"BackupVaultName": "v", "Locked": True, "MinRetentionDays": 7}


def service(running: int, *, status: str = "ACTIVE") -> dict[str, Any]:
    return {"services": [{"status": status, "desiredCount": 3, "runningCount": running}]}


class Region:
    """AWS as the measurement of a region asks it."""

    def __init__(self, stubbed: Stub) -> None:
        self.ecs, self.kms, self.backup, self.rds = (
            stubbed(name, "ap-southeast-1") for name in ("ecs", "kms", "backup", "rds")
        )

    def answer(
        self,
        *,
        running: int = 3,
        states: tuple[str, str] = ("Enabled", "Enabled"),
        vault: dict[str, Any] = VAULT,
        latest: datetime | None = None,
    ) -> None:
        self.ecs.add_response("describe_services", service(running))
        for state in states:
            self.kms.add_response("describe_key", {"KeyMetadata": {"KeyId": "k", "KeyState": state}})
        self.backup.add_response("describe_backup_vault", vault)
        self.answer_backups(latest)

    def answer_backups(self, latest: datetime | None) -> None:
        found = {
            "DBInstanceIdentifier": "duskspendr-test",
            "DBInstanceArn": "arn:aws:rds:ap-south-1:123456789012:db:duskspendr-test",
            "RestoreWindow": {"EarliestTime": NOW - timedelta(days=1), "LatestTime": latest},
        }
        backups = {"DBInstanceAutomatedBackups": [found] if latest else []}
        self.rds.add_response("describe_db_instance_automated_backups", backups)
        self.rds.add_response("describe_db_instance_automated_backups", {"DBInstanceAutomatedBackups": []})


@pytest.fixture
def region(stubbed: Stub, monkeypatch: pytest.MonkeyPatch) -> Region:
    for name, value in {
        "ENVIRONMENT": "test",
        "METRIC_NAMESPACE": "DuskSpendr/Continuity",
        "ACCOUNT": "123456789012",
        "PRIMARY_REGION": "ap-south-1",
        "RECOVERY_REGION": "ap-southeast-1",
        "VAULT_NAME": "v",
        "KEY_ARNS": ",".join(KEYS),
    }.items():
        monkeypatch.setenv(name, value)
    return Region(stubbed)


def test_region_in_order_measures_nothing_missing(region: Region, context: Any, capsys: Capture) -> None:
    region.answer(latest=NOW - timedelta(minutes=6))
    measure_region({}, context)
    found = emitted_by("measure_region", capsys.readouterr().out)
    assert set(found) == EMITTERS["measure_region"]
    assert (found["TasksMissing"], found["KeysEndangered"], found["VaultsUnlocked"]) == (0, 0, 0)
    assert found["ReplicatedBackupAgeSeconds"] == pytest.approx(360, abs=3_600)


@pytest.mark.parametrize(
    ("wrong", "metric", "value"),
    [
        ({"running": 1}, "TasksMissing", 2),
        ({"states": ("Enabled", "PendingDeletion")}, "KeysEndangered", 1),
        ({"states": ("Disabled", "PendingDeletion")}, "KeysEndangered", 2),
        ({"vault": {"BackupVaultName": "v"}}, "VaultsUnlocked", 1),
        ({"vault": VAULT | {"MinRetentionDays": 0}}, "VaultsUnlocked", 1),
    ],
)
def test_what_is_wrong_is_counted(
    region: Region, context: Any, capsys: Capture, wrong: dict[str, Any], metric: str, value: float
) -> None:
    region.answer(**wrong)
    measure_region({}, context)
    assert emitted_by("measure_region", capsys.readouterr().out)[metric] == value


def test_backups_that_are_not_there_have_no_age(region: Region, context: Any, capsys: Capture) -> None:
    region.answer(latest=None)
    measure_region({}, context)
    assert "ReplicatedBackupAgeSeconds" not in emitted_by("measure_region", capsys.readouterr().out)


def test_what_cannot_be_measured_is_silence_and_keeps_nothing_else_back(
    region: Region, context: Any, capsys: Capture
) -> None:
    region.ecs.add_response("describe_services", service(3, status="INACTIVE"))
    region.kms.add_client_error("describe_key", "NotFoundException")
    region.backup.add_response("describe_backup_vault", VAULT)
    region.answer_backups(NOW)
    with pytest.raises(UnmeasuredError, match=r"TasksMissing: expected the service .*; KeysEndangered: .*NotFound"):
        measure_region({}, context)
    assert set(emitted_by("measure_region", capsys.readouterr().out)) == {
        "RegionMeasured",
        "VaultsUnlocked",
        "ReplicatedBackupAgeSeconds",
    }


def test_look_that_measures_nothing_was_a_look(region: Region, context: Any, capsys: Capture) -> None:
    for stub, method in (
        (region.ecs, "describe_services"),
        (region.kms, "describe_key"),
        (region.backup, "describe_backup_vault"),
        (region.rds, "describe_db_instance_automated_backups"),
    ):
        stub.add_client_error(method, "AccessDeniedException")
    with pytest.raises(UnmeasuredError):
        measure_region({}, context)
    assert emitted_by("measure_region", capsys.readouterr().out) == {"RegionMeasured": 1}


def test_copy_is_as_old_as_its_newest_heartbeat(database: Connection, context: Any, capsys: Capture) -> None:
    database.execute("ALTER TABLE continuity.heartbeat DISABLE TRIGGER ALL")
    database.execute("UPDATE continuity.heartbeat SET written_at = now() - interval '20 minutes'")
    assert measure_replica({}, context)["age_seconds"] == pytest.approx(1200, abs=300)
    found = emitted_by("measure_replica", capsys.readouterr().out)
    assert found["ReplicaHeartbeatAgeSeconds"] == pytest.approx(1200, abs=300)


def test_copy_without_a_heartbeat_has_no_age(database: Connection, context: Any, capsys: Capture) -> None:
    database.execute("ALTER TABLE continuity.heartbeat DISABLE TRIGGER ALL")
    database.execute("TRUNCATE continuity.heartbeat")
    assert measure_replica({}, context) == {"age_seconds": None}
    assert emitted_by("measure_replica", capsys.readouterr().out) == {}


@pytest.fixture
def evidence(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """A store of evidence in place of the bucket."""
    del bucket
    store = FolderStore(tmp_path)
    monkeypatch.setenv("DATABASE_IDENTIFIER", "money")
    monkeypatch.setenv("EXPLAINED_FAULTS", "[]")

    def found(_: object) -> FolderStore:
        return store

    monkeypatch.setattr("lambdas.review_evidence.handler.evidence_bucket", found)
    return store


def test_proofs_are_as_old_as_the_newest_that_passed(evidence: FolderStore, context: Any, capsys: Capture) -> None:
    store_record(evidence, 1)
    store_record(evidence, 2)
    store_record(evidence, 3, passed=False)
    review_evidence({}, context)
    found = emitted_by("review_evidence", capsys.readouterr().out)
    expected = (datetime.now(UTC) - a_record(2).finished_at).total_seconds()
    assert found == {"EvidenceFaults": 0, "RestoreProofAgeSeconds": pytest.approx(expected, abs=3_600)}


def test_what_was_never_proven_has_no_age(evidence: FolderStore, context: Any, capsys: Capture) -> None:
    del evidence
    review_evidence({}, context)
    assert emitted_by("review_evidence", capsys.readouterr().out) == {"EvidenceFaults": 0}


def test_restores_of_the_other_region_prove_nothing_here(
    evidence: FolderStore, context: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_record(evidence, 1)
    monkeypatch.setenv("AWS_REGION", "ap-southeast-1")
    review_evidence({}, context)
    assert "RestoreProofAgeSeconds" not in emitted_by("review_evidence", capsys.readouterr().out)


def test_failover_that_passed_is_the_test_of_the_region(
    evidence: FolderStore, context: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_failover(number: int, *, passed: bool) -> Evidence:
        return a_record(number, passed=passed).model_copy(update={"drill": "failover"})

    monkeypatch.setattr("tests.recovery.evidence_files.a_record", a_failover)
    store_record(evidence, 1)
    review_evidence({}, context)
    found = emitted_by("review_evidence", capsys.readouterr().out)
    assert set(found) == {"EvidenceFaults", "RegionTestAgeSeconds"}


def test_chain_that_is_broken_is_a_fault(evidence: FolderStore, context: Any, capsys: Capture) -> None:
    key = store_record(evidence, 1)
    path = evidence.root / key
    path.write_text(path.read_text().replace("of 50 rows", "of 99 rows"))
    review_evidence({}, context)
    assert emitted_by("review_evidence", capsys.readouterr().out)["EvidenceFaults"] == 1


def test_fault_that_is_explained_is_none_and_its_record_proves_nothing(
    evidence: FolderStore, context: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = evidence.root / store_record(evidence, 1)
    path.write_text(path.read_text().replace("of 50 rows", "of 99 rows"))
    fault = review_evidence({}, context)["fault"]
    monkeypatch.setenv("EXPLAINED_FAULTS", json.dumps([fault]))
    capsys.readouterr()
    review_evidence({}, context)
    assert emitted_by("review_evidence", capsys.readouterr().out) == {"EvidenceFaults": 0}


@pytest.mark.usefixtures("bucket")
def test_canary_sings(context: Any, capsys: Capture) -> None:
    canary({}, context)
    assert emitted_by("canary", capsys.readouterr().out) == {"CanarySung": 1.0}

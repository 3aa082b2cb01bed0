"""``dr recovery-points``, against stubbed answers of AWS Backup and RDS."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from operations import recovery_points as command
from operations.cli import app

VAULT = "duskspendr-prod-primary"
POINT = {"RecoveryPointArn": "arn:point-1", "Status": "COMPLETED", "CreationDate": datetime.now(UTC)}


@pytest.fixture
def backup(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """AWS Backup, whose next answers a test queues; RDS has no instances."""
    stubbers: dict[str, Stubber] = {}
    clients: dict[str, Any] = {}
    for name in ("backup", "rds"):
        clients[name] = Session().create_client(
            name, region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        stubbers[name] = Stubber(clients[name])
        stubbers[name].activate()
    stubbers["rds"].add_response("describe_db_instances", {"DBInstances": []})

    def client(name: str, region: str | None) -> Any:
        assert region == "ap-south-1"
        return clients[name]

    monkeypatch.setattr(command, "client", client)
    return stubbers["backup"]


def holds(backup: Stubber, *points: dict[str, Any]) -> None:
    created = datetime.now(UTC) - timedelta(days=30)
    backup.add_response("describe_backup_vault", {"BackupVaultArn": "arn:vault", "CreationDate": created})
    backup.add_response("list_recovery_points_by_backup_vault", {"RecoveryPoints": list(points)})
    backup.add_response("list_backup_jobs", {"BackupJobs": []})
    backup.add_response("list_copy_jobs", {"CopyJobs": []})


def dr(*more: str) -> Result:
    return CliRunner().invoke(app, ["recovery-points", "--vault", VAULT, "--region", "ap-south-1", *more])


def test_vault_in_order_exits_with_zero(backup: Stubber) -> None:
    holds(backup, POINT)
    result = dr()
    assert result.exit_code == 0, result.output
    assert result.stdout == f"all 1 recovery points of {VAULT} are as they should be\n"


def test_finding_is_one_line_and_exits_with_one(backup: Stubber) -> None:
    holds(backup, POINT, POINT | {"Status": "EXPIRED"})
    result = dr()
    assert result.exit_code == 1
    assert result.stdout.startswith("expired    arn:point-1 could not be deleted")
    assert len(result.stdout.splitlines()) == 1


def test_json_counts_every_kind(backup: Stubber) -> None:
    holds(backup, POINT, POINT | {"Status": "PARTIAL"})
    facts = json.loads(dr("--json").stdout)
    assert (facts["vault"], facts["points"], facts["counts"]["incomplete"]) == (VAULT, 2, 1)
    assert facts["findings"][0]["kind"] == "incomplete"


def test_vault_that_cannot_be_read_is_one_error_and_exits_with_two(backup: Stubber) -> None:
    backup.add_client_error("describe_backup_vault", "AccessDeniedException", "no")
    result = dr()
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: expected to read the vault {VAULT}, found: ")

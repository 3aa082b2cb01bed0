"""``dr drill``: a real server behind the emulated RDS is rebooted with failover, under the pulse."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from lab.cloud import Cloud, running_cloud
from operations import aws
from operations import drill as command
from operations.cli import app
from recovery.bootstrap import bootstrap
from recovery.database import connect
from recovery.evidence import Evidence
from recovery.instances import Instance
from recovery.outage import BeatThrough, measure_outage

REGION, RECOVERY = "ap-south-1", "ap-southeast-1"
IDENTIFIER = "duskspendr-staging"


@pytest.fixture(scope="module")
def staging() -> Iterator[Cloud]:
    """A cloud with a Multi-AZ instance of staging and a single one of dev."""
    with running_cloud() as cloud:
        cloudformation = cloud.clients(REGION).cloudformation
        common = {"Engine": "postgres", "DBName": "duskspendr", "MasterUsername": "owner"}
        instances = {
            name: {
                "Type": "AWS::RDS::DBInstance",
                "Properties": common
                | {
                    "DBInstanceIdentifier": f"duskspendr-{name.lower()}",
                    "MultiAZ": name == "Staging",
                    "AvailabilityZone": f"{REGION}a",
                    "MasterUserPassword": "not-a-secret-of-anyone",
                },
            }
            for name in ("Staging", "Dev")
        }
        cloudformation.create_stack(StackName="staging", TemplateBody=json.dumps({"Resources": instances}))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="staging", WaiterConfig={"Delay": 1})
        yield cloud


@pytest.fixture
def dsn(staging: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bootstrapped database of staging; the process has the environment of an operator who is signed in."""
    for name, value in staging.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    dsn = next(each["dsn"] for each in staging.listing("instances") if each["identifier"] == IDENTIFIER)
    with connect(dsn, application_name="test") as connection:
        bootstrap(connection)
    return dsn


@pytest.fixture(scope="module")
def bucket(staging: Cloud) -> str:
    """The evidence bucket of staging."""
    name = f"{IDENTIFIER}-evidence-{staging.account}"
    configuration = {"LocationConstraint": RECOVERY}
    staging.clients(RECOVERY).s3.create_bucket(Bucket=name, CreateBucketConfiguration=configuration)  # type: ignore[arg-type]
    return name


def drill(dsn: str, *more: str, environment: str = "staging") -> Result:
    return CliRunner().invoke(app, ["drill", "instance", "--environment", environment, "--dsn", dsn, *more])


def started_at(dsn: str) -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


def test_failover_is_measured_by_the_pulse_and_left_as_evidence(dsn: str, bucket: str, tmp_path: Path) -> None:
    before = started_at(dsn)
    result = drill(dsn, "--confirm", IDENTIFIER, "--output", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert started_at(dsn) != before
    evidence = Evidence.model_validate_json((tmp_path / "out" / "evidence.json").read_text())
    assert (evidence.drill, evidence.verdict, evidence.lab) == ("instance", "PASS", True)
    [objective] = evidence.objectives
    assert objective.rto_measured_seconds is not None
    assert objective.rto_measured_seconds >= 1.0  # as long as the emulated instance is away, at least
    assert objective.rpo_measured_seconds == 0
    assert "from ap-south-1a to ap-south-1b" in evidence.checks[0].detail
    assert (tmp_path / "out" / "report.html").exists()
    place = ["--bucket", bucket, "--region", RECOVERY, "--database", IDENTIFIER, "--json"]
    [kept] = json.loads(CliRunner().invoke(app, ["evidence", "list", *place]).stdout)["records"]
    assert result.stdout.splitlines()[-1] == f"evidence {kept['name']}"
    assert (kept["objectives"][0]["tier"], kept["objectives"]) == (1, evidence.model_dump(mode="json")["objectives"])


@pytest.mark.parametrize(
    ("environment", "confirm", "status", "said"),
    [
        ("staging", "duskspendr-prod", 1, "nothing was rebooted"),
        ("staging", None, 2, f"expected --confirm {IDENTIFIER} where nobody can be asked"),
        ("dev", "duskspendr-dev", 1, "expected duskspendr-dev to be Multi-AZ"),
        ("nowhere", "duskspendr-nowhere", 2, "expected the instance duskspendr-nowhere in ap-south-1"),
    ],
)
def test_nothing_is_rebooted_when_something_speaks_against_it(
    dsn: str, tmp_path: Path, environment: str, confirm: str | None, status: int, said: str
) -> None:
    before = started_at(dsn)
    more = () if confirm is None else ("--confirm", confirm)
    result = drill(dsn, *more, "--output", str(tmp_path), environment=environment)
    assert result.exit_code == status
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert started_at(dsn) == before
    assert list(tmp_path.iterdir()) == []


def test_unreachable_database_is_said_before_anything_is_rebooted(dsn: str, tmp_path: Path) -> None:
    before = started_at(dsn)
    nowhere = "host=127.0.0.1 port=1 dbname=duskspendr user=heartbeat password=hush"
    result = drill(nowhere, "--confirm", IDENTIFIER, "--output", str(tmp_path), "--json")
    assert result.exit_code == 2
    assert "127.0.0.1" in json.loads(result.stdout)["error"]
    assert "hush" not in result.output
    assert started_at(dsn) == before


def test_acknowledged_heartbeat_that_is_gone_counts_as_lost(dsn: str) -> None:
    with BeatThrough(dsn) as pulse:
        while len(pulse.beats) < 3:
            assert not pulse.wait_for_another_server(timedelta(seconds=0.2))
    with connect(dsn, application_name="test") as connection:
        newest = pulse.beats[-1].heartbeat.sequence
        connection.execute("DELETE FROM continuity.heartbeat WHERE sequence = %s", (newest,))
        found = measure_outage(connection, pulse.beats)
    assert found.lost == (newest,)
    assert found.duration is None  # nobody took over: nothing was measured
    assert found.loss is None


def test_lab_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_name: str) -> None:
        return None

    monkeypatch.setattr(command, "find_spec", absent)
    result = CliRunner().invoke(app, ["drill", "restore"])
    assert result.exit_code == 2
    assert "run `make install`" in result.stderr


def test_options_that_only_the_lab_has_are_refused_on_aws(dsn: str, tmp_path: Path) -> None:
    result = drill(dsn, "--confirm", IDENTIFIER, "--output", str(tmp_path), "--kills", "3")
    assert result.exit_code == 2
    assert "found --kills 3" in result.stderr


def test_region_that_is_neither_is_refused(dsn: str, tmp_path: Path) -> None:
    result = drill(dsn, "--confirm", IDENTIFIER, "--output", str(tmp_path), "--region", "eu-west-1")
    assert result.exit_code == 2
    assert "--region: expected ap-south-1 or ap-southeast-1, found 'eu-west-1'" in result.stderr


def test_after_a_failover_the_instance_that_serves_is_the_one(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promoted(*_: object) -> Instance:
        return Instance(identifier=f"{IDENTIFIER}-replica", status="available", source=None)

    monkeypatch.setattr(aws, "find_instance", promoted)
    result = drill(dsn, "--confirm", IDENTIFIER, "--output", str(tmp_path))
    assert result.exit_code == 2
    assert f"expected the instance {IDENTIFIER}-replica in {RECOVERY}" in result.stderr


def test_lab_s_own_command_answers_for_the_lab(capfd: pytest.CaptureFixture[str]) -> None:
    result = CliRunner().invoke(app, ["drill", "instance", "--kills", "0"])
    assert result.exit_code == 2
    assert "--kills" in capfd.readouterr().err

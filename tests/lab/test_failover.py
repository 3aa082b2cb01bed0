"""The deployed failover machine, forth and back, killed at every step; then with a primary that does not answer."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from lab.cloud import running_cloud
from recovery.failover.reconciliation import Reconciliation
from recovery.heartbeat import Heartbeat
from recovery.objectives import AUTOMATED_BACKUP_RETENTION_DAYS, BACKUP_WINDOW, MAINTENANCE_WINDOW
from tests.lab import passages
from tests.lab.passages import STEPS, STEPS_BACK, Passage, command
from tests.lab.switching import CLOCK, PRIMARY, RECOVERY, Switching, deploy_switching


@pytest.fixture(scope="module")
def lab() -> Iterator[Switching]:
    with running_cloud(waits=CLOCK) as cloud:
        yield deploy_switching(cloud)


@pytest.fixture(scope="module")
def failed_over(lab: Switching) -> Passage:
    return passages.killed_at_every_step(lab, "failover", list(STEPS.values()))


@pytest.fixture(scope="module")
def released(lab: Switching, failed_over: Passage) -> Passage:
    assert failed_over.ended.succeeded, failed_over.ended
    return passages.released(lab)


@pytest.fixture(scope="module")
def failed_back(lab: Switching, released: Passage) -> Passage:
    assert not released.ended.succeeded
    return passages.killed_at_every_step(lab, "failback", list(STEPS_BACK.values()))


@pytest.fixture(scope="module")
def restored(lab: Switching, failed_back: Passage) -> tuple[Heartbeat | None, Heartbeat | None]:
    assert failed_back.ended.succeeded, failed_back.ended
    return passages.restored_from_the_other_region(lab)


@pytest.fixture(scope="module")
def silent(lab: Switching, restored: object) -> Passage:
    del restored  # from the primary that is left now
    return passages.silenced(lab)


@pytest.fixture(scope="module")
def cut_off(lab: Switching, silent: Passage) -> Passage:
    assert silent.ended.succeeded, silent.ended
    back = lab.run(lab.desk.start("failback"))
    assert back.succeeded, back
    return passages.cut_off(lab)


def stopped_where_it_was_killed(passage: Passage, steps: dict[str, str], direction: str) -> bool:
    """Each stop names the step, and the command that goes on."""
    return all(
        f"stopped at {state}: States.Timeout" in cause and f"dr {direction} --environment local --resume" in cause
        for state, cause in zip(steps, passage.stops, strict=True)
    )


def test_failover_that_is_killed_at_every_step_goes_on_to_its_end(failed_over: Passage) -> None:
    assert stopped_where_it_was_killed(failed_over, STEPS, "failover"), failed_over.stops
    assert failed_over.ended.succeeded, failed_over.ended


def test_failback_that_is_killed_at_every_step_goes_on_to_its_end(failed_back: Passage) -> None:
    assert stopped_where_it_was_killed(failed_back, STEPS_BACK, "failback"), failed_back.stops
    assert failed_back.ended.succeeded, failed_back.ended


def test_machine_that_is_killed_while_it_explains_ends_with_the_bare_cause(released: Passage) -> None:
    assert released.stops[0] == "the lab lets lambda:failover-step go wrong"


def test_failback_whose_copy_falls_behind_takes_the_freeze_of_writes_back(released: Passage) -> None:
    assert "stopped at Release" in released.stops[1]
    assert released.ended.error == "NotCaughtUpError"
    assert "begin anew with: dr failback" in (released.ended.cause or "")
    taken = released.prober.accepted
    frozen = [each for each in taken[RECOVERY] if released.found["frozen"] < each < released.found["frozen"] + 1]
    assert not frozen  # nobody could write while the copy was waited for
    assert "ReadOnlySqlTransaction" in released.prober.refused[RECOVERY]
    assert max(taken[RECOVERY]) > released.found["frozen"] + 1
    assert not taken[PRIMARY]


def test_failback_that_was_released_leaves_no_record(released: Passage) -> None:
    assert released.records == []


def test_two_databases_never_take_writes_at_a_time(
    failed_over: Passage, released: Passage, failed_back: Passage, silent: Passage
) -> None:
    for passage in (failed_over, released, failed_back, silent):
        assert passage.prober.both == 0
    for passage in (failed_over, failed_back, silent):
        assert min(len(times) for times in passage.prober.accepted.values()) > 0, passage.prober.refused


def test_what_is_promoted_is_promoted_once(lab: Switching, silent: Passage) -> None:
    del silent
    promoted = [each["region"] for each in lab.cloud.listing("promotions")]
    assert promoted == [RECOVERY, PRIMARY, RECOVERY]


def test_every_operation_leaves_one_record(failed_over: Passage, failed_back: Passage, silent: Passage) -> None:
    for passage in (failed_over, failed_back, silent):
        [record] = passage.records
        assert record.verdict == "PASS", record.summary
        assert record.lab


def test_fenced_primary_loses_nothing(failed_over: Passage, failed_back: Passage) -> None:
    for passage in (failed_over, failed_back):
        assert passage.records[0].objectives[0].rpo_measured_seconds == 0
        assert "no row is only there" in passage.records[0].summary


def test_writer_that_still_talks_to_the_old_primary_gets_an_error(failed_over: Passage) -> None:
    assert "ReadOnlySqlTransaction" in failed_over.prober.refused[PRIMARY]


def test_failback_makes_the_region_that_was_left_a_standby_again(lab: Switching, failed_back: Passage) -> None:
    assert failed_back.ended.succeeded, failed_back.ended
    identifiers = {each["identifier"] for each in lab.cloud.listing("instances")}
    assert {"duskspendr-local-retired-2", "duskspendr-local-replica-retired-3"} <= identifiers


def test_new_primary_has_the_settings_of_the_one_it_replaced(lab: Switching, failed_back: Passage) -> None:
    del failed_back
    rds = lab.cloud.clients(PRIMARY).rds
    names = (lab.names.instance_identifier, f"{lab.names.instance_identifier}-retired-2")
    new, old = (rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0] for name in names)
    for setting in ("DBParameterGroups", "MaxAllocatedStorage", "CACertificateIdentifier", "MultiAZ"):
        assert new.get(setting) == old.get(setting), setting
    assert new.get("BackupRetentionPeriod") == AUTOMATED_BACKUP_RETENTION_DAYS
    assert new.get("PreferredBackupWindow") == BACKUP_WINDOW
    assert new.get("PreferredMaintenanceWindow") == MAINTENANCE_WINDOW


def test_new_primary_can_be_restored_from_its_backups_in_the_other_region(
    restored: tuple[Heartbeat | None, Heartbeat | None],
) -> None:
    wanted, found = restored
    assert wanted is not None
    assert found == wanted


def test_service_and_pulse_are_where_the_primary_is(lab: Switching, silent: Passage) -> None:
    del silent
    assert lab.tasks(RECOVERY) == 1
    assert (lab.rule(PRIMARY), lab.rule(RECOVERY)) == ("ENABLED", "ENABLED")  # nobody could be told in Mumbai
    assert lab.tasks(PRIMARY) == 0  # its guard did it


def test_silent_primary_is_fenced_by_its_own_guard(lab: Switching, silent: Passage) -> None:
    assert silent.ended.succeeded, silent.ended
    assert lab.guard(PRIMARY)["epoch"] == 4
    assert lab.guard(PRIMARY, action="look")["database"]["fenced"]


def test_rows_that_only_the_old_primary_has_are_reported_to_the_row(silent: Passage) -> None:
    assert silent.found["unreported"] == 1
    answer = silent.found["report"]
    assert answer.exit_code == 0, answer.output
    report = Reconciliation.model_validate(json.loads(answer.output)["report"])
    [users] = [table for table in report.tables if table.table.endswith("users")]
    assert {UUID(key) for (key,) in users.missing} == set(silent.lost)
    assert users.different == ()


def test_dry_run_tells_what_stands_against_it(lab: Switching, silent: Passage) -> None:
    del silent
    answer = command(lab, "failover", "--environment", "local", "--dry-run", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.output)
    assert told["blocked"]
    assert any("no replica" in finding["sentence"] for finding in told["findings"])


def test_nothing_is_resumed_after_an_operation_that_succeeded(lab: Switching, silent: Passage) -> None:
    del silent
    answer = command(lab, "failover", "--environment", "local", "--resume")
    assert answer.exit_code == 2
    assert "succeeded" in answer.output


def test_unknown_environment_is_one_clear_line(lab: Switching) -> None:
    answer = command(lab, "failover", "--environment", "nowhere")
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
    assert "RecoveryStandby is deployed" in answer.output


def rows_only_in(lab: Switching, table: str) -> set[UUID]:
    """Keys that the first region's database has and the other has not."""
    found: list[set[Any]] = []
    for region in (PRIMARY, RECOVERY):
        with psycopg.connect(lab.instance(region)["dsn"]) as connection:
            found.append({key for (key,) in connection.execute(SQL("SELECT id FROM {}").format(Identifier(table)))})
    return found[0] - found[1]


def test_primary_that_is_cut_off_takes_writes_until_its_guard_has_had_a_turn(lab: Switching, cut_off: Passage) -> None:
    assert cut_off.ended.succeeded, cut_off.ended
    assert cut_off.prober.both > 0  # which decision 21 says is not prevented
    assert cut_off.prober.newest(PRIMARY) > cut_off.found["returned"]
    assert cut_off.prober.newest(PRIMARY) < cut_off.found["fenced"]
    assert "ReadOnlySqlTransaction" in cut_off.prober.refused[PRIMARY]
    assert lab.guard(PRIMARY, action="look")["database"]["fenced"]


def test_guard_of_a_region_that_is_back_needs_seconds(cut_off: Passage) -> None:
    assert cut_off.found["turn_seconds"] < 10


def test_what_was_acknowledged_while_cut_off_is_reported_to_the_row(lab: Switching, cut_off: Passage) -> None:
    assert cut_off.found["unreported"] == 1
    report = Reconciliation.model_validate(json.loads(cut_off.found["report"].output)["report"])
    missing = {table.table.rpartition(".")[2]: {UUID(key) for (key,) in table.missing} for table in report.tables}
    assert missing["users"] == set(cut_off.lost)
    assert missing["probes"] == rows_only_in(lab, "probes") > set()

"""Tier 1's drill: short here, and as long as it has to be in `make drill-all`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab import workload
from lab.drills.instance import Failover, outages_of, spread, turns_of
from lab.drills.pair import Pair
from lab.polling import wait_for
from lab.server import make_run_folder
from lab.writers.group import Writers
from lab.writers.ledger import Acknowledgement, Ledger, Write, compare, surviving_purchases
from tests.lab.runs import Run, begin

KILLS = 3
NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
A, B = 15_001, 15_002


@pytest.fixture(scope="module")
def run(folder_in_reach: Path) -> Run:
    """The drill as a person runs it, ended."""
    run = begin(folder_in_reach, "drill", "instance", "--kills", str(KILLS), "--output", str(folder_in_reach / "out"))
    run.finish()
    return run


class TestInstanceDrill:
    """One run with a few kills."""

    def test_passes_and_exits_with_zero(self, run: Run) -> None:
        assert run.process.returncode == 0, run.printed
        assert run.evidence()["verdict"] == "PASS"

    def test_loses_no_acknowledged_commit(self, run: Run) -> None:
        [check] = [each for each in run.evidence()["checks"] if each["name"] == "acknowledged commits"]
        assert check["measurements"]["acknowledged"] > 0
        assert check["measurements"]["lost"] == 0

    def test_measures_every_failover(self, run: Run) -> None:
        [check] = [each for each in run.evidence()["checks"] if each["name"] == "failovers"]
        assert check["measurements"]["kills"] == KILLS
        assert check["detail"].startswith(f"{KILLS} of {KILLS} measured")
        [objective] = run.evidence()["objectives"]
        assert objective["rto_measured_seconds"] == pytest.approx(check["measurements"]["max_seconds"], abs=0.001)
        assert objective["rpo_measured_seconds"] == 0

    def test_shows_aws_s_range_with_its_source_beside_the_figures_of_the_lab(self, run: Run) -> None:
        page = (run.output / "report.html").read_text()
        assert "typically 60-120 s" in page
        assert "Concepts.MultiAZ.Failover.html" in page
        assert "none of them is a duration of AWS" in page.replace("\n", " ")

    def test_leaves_nothing_behind(self, run: Run) -> None:
        assert run.leftovers() == []


@pytest.fixture
def pair(open_folder: Path) -> Iterator[Pair]:
    """A primary and a standby that streams, for which no commit waits."""
    pair = Pair(make_run_folder(open_folder / "run") / "pair")
    try:
        pair.start()
        with pair.primary.connect() as connection:
            workload.create(connection, users=50, transactions=100)
        yield pair
    finally:
        pair.destroy()


def test_standby_that_nothing_waits_for_loses_commits_and_the_ledgers_show_it(pair: Pair, tmp_path: Path) -> None:
    wait_for("the standby to have the tables", lambda: _has_tables(pair) or None)
    _cut_off(pair)
    with Writers(pair.dsn(), tmp_path, count=2) as writers:
        pair.primary.kill()
        pair.promote()
    with pair.primary.connect() as connection:
        found = compare(writers.ledger(), surviving_purchases(connection))
    assert not found.passed
    assert found.lost


def test_no_commit_goes_without_the_standby_once_synchronized(pair: Pair, tmp_path: Path) -> None:
    pair.synchronize()
    with Writers(pair.dsn(), tmp_path, count=2) as writers:
        pair.standby.kill()
        before = len(writers.ledger().acknowledged)
        wait_for("the end of the standby", lambda: not pair.is_synchronous or None)
        pair.primary.kill()
    # One that was acknowledged as the standby died may have been noted afterwards; a writer has one under way.
    assert len(writers.ledger().acknowledged) <= before + 2


def _has_tables(pair: Pair) -> bool:
    with pair.standby.connect() as connection:
        return connection.execute("SELECT to_regclass('transactions') IS NOT NULL").fetchone() == (True,)


def _cut_off(pair: Pair) -> None:
    pair.standby.settings["primary_conninfo"] = ""
    pair.standby.configure()
    with pair.standby.connect() as connection:
        connection.execute("SELECT pg_reload_conf()")
        wait_for(
            "the end of the streaming",
            lambda: connection.execute("SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").fetchone(),
        )


def ledger_of(*acknowledged: tuple[float, int]) -> Ledger:
    """A ledger of writes that servers acknowledged, so many seconds after NOW."""
    times = [(NOW + timedelta(seconds=seconds), server) for seconds, server in acknowledged]
    return Ledger({str(n): Write(str(n), "", at, Acknowledgement(at, server)) for n, (at, server) in enumerate(times)})


def failover(lost: int, promoted: int, seconds: float) -> Failover:
    return Failover(lost, promoted, NOW + timedelta(seconds=seconds), was_synchronous=True, writable=(promoted,))


def test_outage_is_from_the_lost_servers_last_acknowledgement_to_the_promoted_ones_first() -> None:
    ledger = ledger_of((0, A), (1, A), (3.5, B), (4, B), (9, A))
    assert outages_of(ledger, [failover(A, B, 1.5), failover(B, A, 5)]) == [2.5, 5.0]


def test_failover_after_which_nobody_wrote_is_unmeasured() -> None:
    assert outages_of(ledger_of((0, A)), [failover(A, B, 1)]) == [None]
    assert spread([])["max_seconds"] is None


def test_lost_server_that_goes_on_acknowledging_is_a_turn_too_many() -> None:
    assert turns_of(ledger_of((0, A), (1, A), (2, B))) == 1
    assert turns_of(ledger_of((0, A), (1, B), (2, A), (3, B))) == 3

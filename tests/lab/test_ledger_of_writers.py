"""The writers' ledgers, and what holding them against a database finds: each fault is made once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab import workload
from lab.polling import wait_for
from lab.postgres import Cluster
from lab.server import make_run_folder
from lab.writers.group import Writers
from lab.writers.ledger import (
    Ledger,
    LedgerError,
    LedgerFile,
    Purchase,
    compare,
    read_ledgers,
    surviving_purchases,
)

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


def purchase(number: int, amount: int = 4200) -> Purchase:
    return Purchase(f"ledger:w/1/{number}", "a-user", "an-account", amount, "food")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The ledger of a writer with three acknowledged writes and one in doubt."""
    path = tmp_path / "writer-1.jsonl"
    file = LedgerFile(path)
    for number in range(3):
        file.sent(purchase(number))
        file.acknowledged(purchase(number), 5432)
    file.sent(purchase(3))
    return path


@pytest.fixture
def ledger(path: Path) -> Ledger:
    return read_ledgers([path])


def test_database_with_every_acknowledged_write_passes(ledger: Ledger) -> None:
    assert compare(ledger, [purchase(each) for each in range(3)]).passed


def test_lost_row_is_found(ledger: Ledger) -> None:
    found = compare(ledger, [purchase(0), purchase(2)])
    assert not found.passed
    assert [each.key for each in found.lost] == ["ledger:w/1/1"]
    assert "1 of 3 acknowledged commits lost" in found.sentence


def test_changed_row_is_found(ledger: Ledger) -> None:
    found = compare(ledger, [purchase(0), purchase(1, amount=1), purchase(2)])
    assert not found.passed
    assert found.changed == ("ledger:w/1/1",)


def test_row_that_is_there_twice_is_found(ledger: Ledger) -> None:
    found = compare(ledger, [purchase(each) for each in (0, 1, 1, 2)])
    assert not found.passed
    assert found.duplicated == ("ledger:w/1/1",)


def test_row_that_nobody_wrote_is_found(ledger: Ledger) -> None:
    found = compare(ledger, [purchase(each) for each in (0, 1, 2, 7)])
    assert not found.passed
    assert found.unknown == ("ledger:w/1/7",)


@pytest.mark.parametrize("present", [True, False])
def test_write_in_doubt_may_be_there_or_not(ledger: Ledger, *, present: bool) -> None:
    found = compare(ledger, [purchase(each) for each in range(4 if present else 3)])
    assert found.passed
    assert (found.in_doubt, found.in_doubt_present) == (1, int(present))


def test_write_that_a_read_only_server_refused_is_not_in_doubt(path: Path) -> None:
    file = LedgerFile(path)
    file.refused(5432, "25006", "cannot execute INSERT in a read-only transaction", purchase(3))
    found = compare(read_ledgers([path]), [purchase(each) for each in range(3)])
    assert found.passed
    assert (found.refused, found.in_doubt) == (1, 0)


def test_write_that_was_refused_and_is_there_all_the_same_is_found(path: Path) -> None:
    LedgerFile(path).refused(5432, "25006", "cannot execute INSERT in a read-only transaction", purchase(3))
    found = compare(read_ledgers([path]), [purchase(each) for each in range(4)])
    assert not found.passed
    assert found.contradicted == ("ledger:w/1/3",)


def test_write_that_lost_its_server_stays_in_doubt(path: Path) -> None:
    LedgerFile(path).refused(None, "57P01", "terminating connection due to administrator command", purchase(3))
    found = compare(read_ledgers([path]), [purchase(each) for each in range(3)])
    assert (found.refused, found.in_doubt) == (0, 1)


def test_loss_after_the_time_until_which_all_was_to_be_kept_is_explained(ledger: Ledger) -> None:
    found = compare(ledger, [purchase(0)], kept_until=datetime.now(UTC) - timedelta(hours=1))
    assert found.passed
    assert len(found.lost) == 2


def test_row_that_was_sent_after_the_moment_of_a_restore_is_found(ledger: Ledger) -> None:
    rows = [purchase(each) for each in range(3)]
    assert not compare(ledger, rows, nothing_after=datetime.now(UTC) - timedelta(hours=1)).passed
    assert compare(ledger, rows, nothing_after=datetime.now(UTC)).passed


def test_ledger_without_an_acknowledged_write_proves_nothing() -> None:
    assert not compare(Ledger(), []).passed


def test_line_that_a_killed_writer_had_only_begun_is_left_out(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"event": "acknowledged", "key": "ledger:w/1/3"')
    assert len(read_ledgers([path]).acknowledged) == 3


def test_damaged_line_is_named(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"at"', b'"ta"', 1))
    with pytest.raises(LedgerError, match=r"line 1 of .*writer-1\.jsonl"):
        read_ledgers([path])


def test_acknowledgement_of_what_was_never_sent_is_refused(path: Path) -> None:
    line = {"event": "acknowledged", "at": NOW.isoformat(), "key": "ledger:w/1/9", "server": 5432}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(LedgerError, match="ledger:w/1/9"):
        read_ledgers([path])


def all_wrote(writers: Writers, moment: datetime) -> bool:
    return all(each is not None and each.at > moment for each in writers.newest_acknowledgements())


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory, folder_in_reach: Path) -> Iterator[tuple[Cluster, Ledger]]:
    """A server that was killed and came back while two writers wrote, and their ledgers."""
    cluster = Cluster(make_run_folder(folder_in_reach / "run") / "primary")
    try:
        cluster.create()
        cluster.start()
        with cluster.connect() as connection:
            workload.create(connection, users=50, transactions=100)
        with Writers(cluster.dsn(), tmp_path_factory.mktemp("ledgers"), count=2) as writers:
            cluster.kill()
            cluster.start()
            again = datetime.now(UTC)
            wait_for("writes after the kill", lambda: all_wrote(writers, again) or None)
        yield cluster, writers.ledger()
    finally:
        cluster.destroy()


class TestWritersOnARealServer:
    """Processes that write to a server which is killed under them, and whose rows are tampered with afterwards."""

    def test_writers_reconnect_and_tell_the_error(self, struck: tuple[Cluster, Ledger]) -> None:
        cluster, ledger = struck
        assert any(each.server in (None, cluster.port) and each.message for each in ledger.refusals)
        assert {each.key.split("/")[0] for each in ledger.acknowledged} == {"ledger:writer-1", "ledger:writer-2"}

    def test_rows_are_what_the_ledgers_say(self, struck: tuple[Cluster, Ledger]) -> None:
        cluster, ledger = struck
        with cluster.connect() as connection:
            found = compare(ledger, surviving_purchases(connection))
        assert found.passed, found.sentence

    def test_tampering_shows(self, struck: tuple[Cluster, Ledger]) -> None:
        cluster, ledger = struck
        gone, changed, twice = (each.key for each in ledger.acknowledged[:3])
        with cluster.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("DELETE FROM transactions WHERE description = %s", (gone,))
            connection.execute("UPDATE transactions SET amount_paisa = 1 WHERE description = %s", (changed,))
            connection.execute(
                "INSERT INTO transactions (user_id, account_id, kind, amount_paisa, category, description, occurred_at)"
                " SELECT user_id, account_id, kind, amount_paisa, category, description, occurred_at"
                " FROM transactions WHERE description = %s",
                (twice,),
            )
            rows = surviving_purchases(connection)
        found = compare(ledger, rows)
        assert [each.key for each in found.lost] == [gone]
        assert (found.changed, found.duplicated) == ((changed,), (twice,))

    def test_writer_of_a_read_only_server_is_told_so(self, struck: tuple[Cluster, Ledger], tmp_path: Path) -> None:
        cluster, _ = struck
        with cluster.connect() as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
        with Writers(cluster.dsn(), tmp_path, count=1) as writers:
            refused = wait_for("the refusal", lambda: writers.ledger().refusals or None)
        assert refused[0].sqlstate == "25006"
        ledger = writers.ledger()  # they have ended, so that none is under way
        assert ledger.acknowledged == []
        assert all(each.refused for each in ledger.writes.values())

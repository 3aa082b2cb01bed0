"""The writer's ledger against what was restored: a loss counts as explained only where the pulse dates it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from lab.drill import compare_ledger

NEWEST_HEARTBEAT = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


def ledger(*seconds_after_the_heartbeat: float) -> list[tuple[UUID, datetime]]:
    return [(uuid4(), NEWEST_HEARTBEAT + timedelta(seconds=each)) for each in seconds_after_the_heartbeat]


def test_loss_after_the_newest_heartbeat_is_explained() -> None:
    entries = ledger(-1, 1)
    assert compare_ledger(entries, {entries[0][0]}, NEWEST_HEARTBEAT)[0]


def test_loss_before_the_newest_heartbeat_fails() -> None:
    passed, detail = compare_ledger(ledger(-1, 1), set(), NEWEST_HEARTBEAT)
    assert not passed
    assert "1 of them older than the newest heartbeat restored" in detail


def test_empty_ledger_proves_nothing() -> None:
    assert not compare_ledger([], set(), NEWEST_HEARTBEAT)[0]


def test_copy_without_a_date_proves_nothing() -> None:
    entries = ledger(1)
    assert not compare_ledger(entries, {entries[0][0]}, None)[0]

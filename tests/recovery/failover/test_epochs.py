"""Who is primary, and that only one operation can change it."""

from datetime import UTC, datetime

import pytest

from recovery.failover.epochs import ClaimedError, Epoch, claim_epoch, current_epoch
from tests.recovery.failover.memory import MemoryStore

FIRST_REGION = "ap-south-1"


def epoch(number: int, operation: str) -> Epoch:
    return Epoch(number=number, region="ap-southeast-1", since=datetime(2026, 11, 1, tzinfo=UTC), operation=operation)


def test_first_region_is_primary_until_an_epoch_is_claimed() -> None:
    assert current_epoch(MemoryStore(), "db", first_region=FIRST_REGION) == Epoch(number=1, region=FIRST_REGION)


def test_newest_claim_says_who_is_primary() -> None:
    store = MemoryStore()
    for number in (2, 3, 11):
        claim_epoch(store, "db", epoch(number, f"operation-{number}"))
    assert current_epoch(store, "db", first_region=FIRST_REGION).number == 11


def test_second_operation_cannot_begin_the_same_epoch() -> None:
    store = MemoryStore()
    claim_epoch(store, "db", epoch(2, "first"))
    with pytest.raises(ClaimedError, match="begun by the operation first"):
        claim_epoch(store, "db", epoch(2, "second"))


def test_operation_that_claims_again_finds_its_own_claim() -> None:
    store = MemoryStore()
    claimed = claim_epoch(store, "db", epoch(2, "first"))
    later = claimed.model_copy(update={"since": datetime(2026, 11, 2, tzinfo=UTC)})
    assert claim_epoch(store, "db", later) == claimed


def test_epochs_of_another_database_do_not_count() -> None:
    store = MemoryStore()
    claim_epoch(store, "db-two", epoch(5, "other"))
    assert current_epoch(store, "db", first_region=FIRST_REGION).number == 1

"""Evidence on disk, for tests: a store of real files, and a few sealed records in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from recovery.check_results import CheckResult
from recovery.evidence import Evidence, RanBy, judge, records
from recovery.evidence.chain import keep, record_key, seal
from recovery.evidence.folder import EvidenceFolder
from recovery.evidence.page import page_of
from recovery.objectives import FULL

DATABASE = "money"


class FolderStore(EvidenceFolder):
    """A folder that is written to as a bucket is: a key once."""

    def write_once(self, key: str, content: bytes, content_type: str) -> bool:
        del content_type
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.root / uuid4().hex
        whole.write_bytes(content)
        try:
            path.hardlink_to(whole)  # whole or not at all, and never over another
        except FileExistsError:
            return False
        finally:
            whole.unlink()
        return True


def a_record(number: int = 1, *, passed: bool = True) -> Evidence:
    """One restore a day."""
    finished = datetime(2026, 1, number, 7, tzinfo=UTC)
    check = CheckResult(
        name="content", status="passed" if passed else "failed", detail="of 50 rows", duration_seconds=1
    )
    return Evidence(
        drill="restore-test",
        environment="test",
        region="ap-south-1",
        started_at=finished - timedelta(minutes=20),
        finished_at=finished,
        restore_job_id=f"job-{number}",
        instance=f"restored-{number}",
        ran_by=RanBy(execution="arn:execution"),
        objectives=(judge(FULL, rto=timedelta(minutes=20), rpo=timedelta(seconds=30)),),
        checks=records([check]),
        versions={"postgresql": "18.6"},
    )


def store_record(store: FolderStore, number: int, *, passed: bool = True, database: str = DATABASE) -> str:
    """Keep and seal a record as the judge does; returns its key."""
    key = record_key(database, f"job-{number}")
    evidence, _ = keep(store, key, a_record(number, passed=passed))
    seal(store, database, key, lambda: page_of(evidence))
    return key


def sealed_folder(root: Path, count: int = 3) -> FolderStore:
    """A store with as many records."""
    store = FolderStore(root)
    for number in range(1, count + 1):
        store_record(store, number)
    return store

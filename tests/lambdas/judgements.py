"""What the judge is handed, and the clients that fail it, for tests."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from recovery.check_results import CheckResult
from recovery.evidence.bucket import EvidenceBucket
from recovery.evidence.chain import is_record

REGION, IDENTIFIER = "ap-south-1", "duskspendr-test"
SOURCE = f"arn:aws:rds:{REGION}:123456789012:db:{IDENTIFIER}"
STARTED = (datetime.now(UTC) - timedelta(minutes=20)).isoformat()
PASSED = CheckResult(name="content", status="passed", detail="fine", duration_seconds=1.0)
FAILED = CheckResult(name="content", status="failed", detail="1 row lost", duration_seconds=1.0)
UNPROVEN = CheckResult(name="storage", status="not_proven", detail="no amcheck")
Validation = Callable[[str], str | None]
Found = Callable[..., None]


def records(store: EvidenceBucket) -> list[str]:
    return [key for key in store.written("evidence/") if is_record(key)]


def event(job: str, source: str | None = SOURCE) -> dict[str, Any]:
    detail = {"restoreJobId": job, "status": "COMPLETED", "sourceResourceArn": source}
    return {"source": "aws.backup", "detail-type": "Restore Job State Change", "detail": detail}


def judgement(job: str, **restore: Any) -> dict[str, Any]:
    """As the state machine hands it over, but for the results."""
    known = {"ours": True, "restore_job_id": job, "restore_test": True, "restore_started_at": STARTED}
    arn = f"arn:aws:states:{REGION}:123456789012:execution:machine:execution-1"
    return {
        "execution": "execution-1",
        "execution_arn": arn,
        "input": event(job),
        "restore": known | restore,
    }


def direct(execution: str, instance: str = "restored") -> dict[str, Any]:
    """A restore that AWS Backup has no job of."""
    host = {"identifier": instance, "host": "127.0.0.1", "port": 1, "engine_version": "18.6"}
    return {
        "execution": execution,
        "input": {"dbInstanceIdentifier": instance, "restoreStartedAt": STARTED},
        "restore": {"ours": True, "restore_started_at": STARTED, "instance": host},
    }


def stopped(job: str, status: str = "TIMED_OUT", source: str | None = SOURCE) -> dict[str, Any]:
    """The event of an execution that did not end by itself."""
    detail = {"name": "execution-1", "status": status, "input": json.dumps(event(job, source)), "cause": None}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


class Faulty:
    """A client whose one operation goes wrong once, before or after it has worked."""

    def __init__(self, client: Any, operation: str, fault: Exception, *, works: bool = False, of: str = "") -> None:
        self._client, self._operation, self._works, self._of = client, operation, works, of
        self._faults = [fault]

    def of_region(self, _region: str) -> "Faulty":
        return self

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name != self._operation:
            return real

        def call(**arguments: Any) -> Any:
            if not self._faults or self._of not in arguments.get("Key", ""):
                return real(**arguments)
            fault = self._faults.pop()
            if self._works:
                real(**arguments)
            raise fault

        return call


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


LOST_ANSWER = ConnectionClosedError(endpoint_url="https://aws")

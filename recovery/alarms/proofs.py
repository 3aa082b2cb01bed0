"""Alarms and events of what is proven: restores, evidence, drills, failovers (tier 3)."""

from datetime import timedelta

from recovery import objectives
from recovery.alarms.model import Alarm, Cause, Event, Metric, Missing
from recovery.objectives import FULL

_FIVE = timedelta(minutes=5)
_DAY = timedelta(days=1)
_CHAIN = "--bucket {bucket} --region {evidence_region} --database {database}"
_LIST = f"dr evidence list {_CHAIN}"
_VERIFY = f"dr evidence verify {_CHAIN}"
_ENDED = ("FAILED", "TIMED_OUT", "ABORTED")
_PROVEN = "`dr evidence list` begins with a new record that says PASS"

CAUSES = (
    Cause(name="restore-proof", happened="A restore in {region} is not proven"),
    Cause(name="restore-event", happened="An event about a restore in {region} was lost"),
    Cause(name="proof-overdue", happened="No restore in {region} was proven for too long"),
    Cause(name="region-test-overdue", happened="The loss of a region was not exercised for too long", shared=True),
    Cause(
        name="evidence",
        happened="The chain of evidence is broken",
        because_of=("guard",),  # which reads the same bucket, each minute
        shared=True,
    ),
    Cause(name="switch", happened="A failover or failback stopped", shared=True),
)

ALARMS = (
    Alarm(
        subject="restore-not-verified",
        happened="A restored copy in {region} failed its verification: with it no objective can be kept",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="restore-proof",
        stands="both",
        metric=Metric.own("RestoreVerified", statistic="Minimum", period=_FIVE),
        below=1,
        periods=1,
        missing=Missing.fine("a verdict comes once a month; its absence is another alarm's"),
        commands=(_LIST, "dr status --environment {environment}"),
        proof=_PROVEN,
    ),
    Alarm(
        subject="restore-event-lost",
        happened="An event about a restore in {region} could not be delivered: its verification did not start or end",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="restore-event",
        stands="both",
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            statistic="Maximum",
            period=_FIVE,
            dimensions=(("QueueName", "{restore_queue}"),),
        ),
        above=0,
        periods=1,
        missing=Missing.fine("SQS stops reporting of a queue that is empty and unused"),
        commands=(
            _LIST,
            "aws sqs list-queues --region {region} --query \"QueueUrls[?contains(@, 'LostEvents')]\"",
            "aws sqs receive-message --region {region} --queue-url URL",
        ),
        proof=f"{_PROVEN}, and the queue is empty",
    ),
    Alarm(
        subject="restore-proof-overdue",
        happened=f"No restore in {{region}} was proven for {objectives.RESTORE_PROOF_MAX_AGE.days} days",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="proof-overdue",
        stands="both",
        metric=Metric.own("RestoreProofAgeSeconds", statistic="Minimum", period=_DAY),
        above=objectives.RESTORE_PROOF_MAX_AGE.total_seconds(),
        periods=1,
        missing=Missing.alarming("where nothing was ever proven, or nobody looks, nothing is proven"),
        commands=(_LIST, "aws backup list-restore-testing-plans --region {region}"),
        proof=_PROVEN,
    ),
    Alarm(
        subject="region-test-overdue",
        happened="The last failover that was proven is more than"
        f" {objectives.REGION_TEST_MAX_AGE.days} days ago, or there was none",
        tier=FULL,
        severity="ticket",
        clock="proof",
        cause="region-test-overdue",
        stands="recovery",
        metric=Metric.own("RegionTestAgeSeconds", statistic="Minimum", period=_DAY),
        above=objectives.REGION_TEST_MAX_AGE.total_seconds(),
        periods=1,
        missing=Missing.alarming("a failover that was never exercised is not proven"),
        commands=(
            "dr failover --environment {environment} --dry-run",
            "dr failover --environment {environment}",
            "dr failback --environment {environment}",
        ),
        proof="`dr evidence list` shows a new failover that says PASS",
    ),
    Alarm(
        subject="evidence-chain-broken",
        happened="Records of evidence are missing or were changed, although the bucket is locked: somebody was at work",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="evidence",
        stands="recovery",
        metric=Metric.own("EvidenceFaults", statistic="Maximum", period=_DAY),
        above=0,
        periods=1,
        missing=Missing.alarming("evidence that cannot be read proves nothing"),
        commands=(
            _VERIFY,
            "aws cloudtrail lookup-events --region {evidence_region} --lookup-attributes"
            " AttributeKey=ResourceName,AttributeValue={bucket}",
        ),
        proof="`dr evidence verify` exits 0, or tells of nothing but what `explained_faults` name",
    ),
)

EVENTS = (
    Event(
        subject="restore-not-proven",
        happened="A restore in {region} is not proven, or the month's restore test did not happen",
        tier=FULL,
        severity="page",
        clock="proof",
        cause="restore-proof",
        stands="both",
        source="aws.states",
        detail_type="Step Functions Execution Status Change",
        detail={"stateMachineArn": ("{proof_machines}",), "status": _ENDED},
        facts={"what": "error", "why": "cause", "execution": "executionArn"},
        commands=(_LIST, "dr status --environment {environment}"),
        proof=_PROVEN,
    ),
    Event(
        subject="failover-stopped",
        happened="The failover or failback stopped; what was done is kept",
        tier=FULL,
        severity="page",
        clock="rto",
        cause="switch",
        stands="recovery",
        source="aws.states",
        detail_type="Step Functions Execution Status Change",
        detail={"stateMachineArn": ("{failover_machine}",), "status": _ENDED},
        facts={"what": "error", "why": "cause", "execution": "executionArn"},
        commands=(
            "dr status --environment {environment}",
            "dr failover --environment {environment} --resume",
            "dr failback --environment {environment} --resume",
        ),
        proof="the resumed operation ends, and its record says PASS",
    ),
)

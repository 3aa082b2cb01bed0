"""What a person is told: the facts to approve by, and where an operation stands when it stopped."""

from recovery.failover.preflight import Preflight, plan
from recovery.names import RELEASED
from recovery.objectives import APPROVAL_TIMEOUT, FULL, FULL_RPO

_RPO_SECONDS = FULL_RPO.total_seconds()


def approval_message(environment: str, operation: str, preflight: Preflight, token: str) -> str:
    """The facts, the plan, and the two commands to paste."""
    loss = preflight.expected_loss
    if preflight.old is not None:
        losing = "expected data loss: 0 s, for the old primary answers and is fenced before the copy is promoted"
    elif loss is None:
        losing = "expected data loss: unmeasured, the copy has no heartbeat"
    else:
        losing = f"expected data loss: {loss.total_seconds():.0f} s (RPO of {FULL.label}: {_RPO_SECONDS:.0f} s)"
    findings = [f"  ! {finding.sentence}" for finding in preflight.findings]
    steps = [f"  {number}. {step}" for number, step in enumerate(plan(preflight), start=1)]
    return "\n".join(
        [
            f"[{environment}] {preflight.direction} from {preflight.old_region} to {preflight.new_region} waits for"
            f" approval (operation {operation}).",
            losing,
            *(["What to know:", *findings] if findings else []),
            "What will be done:",
            *steps,
            "",
            "Approve:",
            f"  dr {preflight.direction} approve --environment {environment} {token}",
            "Cancel:",
            f"  dr {preflight.direction} cancel --environment {environment} {token}",
            f"Without an answer it ends in {APPROVAL_TIMEOUT.total_seconds() / 60:.0f} minutes and changes nothing.",
        ]
    )


def stopped_message(environment: str, direction: str, step: str, error: str, cause: str) -> str:
    """Where it stands, why, and how to go on. An operation that RELEASED the old primary ends there."""
    stopped = f"{direction} of {environment} stopped at {step}: {error}: {cause}."
    if step == RELEASED:
        return (
            f"{stopped} The application goes on where it was, and writes are taken again. Once the copy keeps up, begin"
            f" anew with: dr {direction} --environment {environment}"
        )
    return f"{stopped} What was done is kept; go on with: dr {direction} --environment {environment} --resume"

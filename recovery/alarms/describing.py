"""What an alarm says by itself: in AWS's console, and by e-mail when it goes around the notifier."""

from collections.abc import Sequence

from recovery.alarms.model import Alarm
from recovery.alarms.values import Values, fill

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
DESCRIPTION_CHARACTERS = 1024


def described(alarm: Alarm, values: Values, *, runbooks_url: str) -> str:
    """An alarm's description: what happened, what is at stake, the next command, and what silence means."""
    return (
        f"{fill(alarm.happened, values)}. At stake: {alarm.tier.label}. Next: {_next(alarm, values)}."
        f" It worked when {fill(alarm.proof, values)}. Runbook: {runbooks_url}/{alarm.runbook}/."
        f" Without data: {alarm.missing.reason}."
    )


def described_together(happened: str, members: Sequence[Alarm], values: Values, *, runbooks_url: str) -> str:
    """A composite's description: each of its members with its next command."""
    lines = [f"{member.subject}: {_next(member, values)}; {runbooks_url}/{member.runbook}/" for member in members]
    return "\n".join([f"{fill(happened, values)}. At stake: {members[0].tier.label}. One of:", *lines])


def _next(alarm: Alarm, values: Values) -> str:
    return fill(alarm.commands[0], values)

"""One message for a person: what happened, what is at stake, what is known, what to do, and how to know it worked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from recovery.alarms.model import Severity, Signal
from recovery.objectives import Tier

# India has one time zone and no summer time.
IST = timezone(timedelta(hours=5, minutes=30), "IST")


@dataclass(frozen=True, kw_only=True)
class Message:
    """``incident`` is the same for all that has one cause. ``over`` says that it has ended. ``began`` is UTC."""

    environment: str
    region: str
    subject: str
    severity: Severity
    incident: str
    over: bool
    happened: str
    at_stake: str
    known: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    proof: str
    runbook: str
    began: datetime
    text: str | None = None
    """What somebody of ours wrote for a person already; it is passed on as it is."""
    is_canary: bool = False
    quiet: bool = False
    """No news: nothing was wrong before, and only an incident that may be open is to be closed."""

    @property
    def kind(self) -> Literal["OVER", "PAGE", "TICKET"]:
        """The word that a message begins with."""
        if self.over:
            return "OVER"
        return "PAGE" if self.severity == "page" else "TICKET"

    @property
    def headline(self) -> str:
        """One line: severity, place, and what happened."""
        return f"{self.kind} [{self.environment} {self.region}] {self.happened}"


def moment(time: datetime) -> str:
    """A time as both halves of the team read it, to the second."""
    here = time.astimezone(IST)
    there = time.astimezone(UTC)
    date = "" if here.date() == there.date() else f"{there:%Y-%m-%d} "
    return f"{here:%Y-%m-%d %H:%M:%S} IST ({date}{there:%H:%M:%S} UTC)"


def span(time: timedelta) -> str:
    """A duration in its two largest units, never rounded up."""
    minutes = int(time.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def at_stake(signal: Signal, *, began: datetime, now: datetime, loss: timedelta | None = None) -> str:
    """The objective, with the time or the data that is left. ``loss`` is what a lost region would cost at ``began``."""
    tier = signal.tier
    passed = max(now - began, timedelta(0))
    match signal.clock:
        case "rto":
            deadline = began + tier.rto
            left = (
                f"{span(deadline - now)} left, until" if deadline > now else f"missed for {span(now - deadline)}, since"
            )
            return f"{tier.label}: RTO {span(tier.rto)}, {left} {moment(deadline)}"
        case "rpo":
            return _data(tier, (loss or timedelta(0)) + passed)
        case "proof":
            promise = f"{tier.label}: RTO {span(tier.rto)}{_rpo(tier)}"
            return f"{promise}. No time and no data are lost yet; until this is mended the promise is unproven"


def _data(tier: Tier, loss: timedelta) -> str:
    rpo = tier.rpo or timedelta(0)
    left = f"{span(rpo - loss)} are left" if loss < rpo else f"{span(loss - rpo)} more than it allows"
    return f"{tier.label}: RPO {span(rpo)}. A region lost now would cost at least {span(loss)} of data; {left}"


def _rpo(tier: Tier) -> str:
    return "" if tier.rpo is None else f", RPO {span(tier.rpo)}"

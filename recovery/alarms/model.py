"""What a row of the table says. Texts may hold the names of :mod:`recovery.alarms.values` in braces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from recovery.names import METRIC_NAMESPACE
from recovery.objectives import Tier

Severity = Literal["page", "ticket"]
"""A page wakes a person; a ticket is for the next working day."""
Stands = Literal["primary", "recovery", "both", "serving", "standby"]
"""In which regions: the first two whatever serves; ``serving`` where the application serves; ``standby`` in the
recovery region while it does not."""
Clock = Literal["rto", "rpo", "proof"]
"""What runs out: the time to recover, the data a lost region would cost, or nothing, for a promise that is unproven."""
Mode = Literal["breaching", "notBreaching", "ignore"]
"""CloudWatch's words for what missing data means to an alarm."""


@dataclass(frozen=True)
class Missing:
    """What the absence of data means, with the reason why."""

    mode: Mode
    reason: str

    @classmethod
    def alarming(cls, reason: str) -> "Missing":
        """Silence is the fault that is looked for."""
        return cls("breaching", reason)

    @classmethod
    def fine(cls, reason: str) -> "Missing":
        """The metric is only reported when something happened."""
        return cls("notBreaching", reason)

    @classmethod
    def unchanged(cls, reason: str) -> "Missing":
        """Between reports the last known state holds."""
        return cls("ignore", reason)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A series of CloudWatch: ``statistic`` over ``period``. Of the dimensions, the values are templates."""

    namespace: str
    name: str
    statistic: str
    period: timedelta
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def own(cls, name: str, *, statistic: str, period: timedelta) -> "Metric":
        """One of our functions' metrics. Its one dimension is theirs: another would never see a value."""
        dimensions = (("Environment", "{environment}"),)
        return cls(namespace=METRIC_NAMESPACE, name=name, statistic=statistic, period=period, dimensions=dimensions)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What is wrong behind one alarm or several: one incident. It does not speak while one of ``because_of`` is on.

    ``shared`` causes are one incident whichever region tells of them, and several that look at one thing from different
    sides have one ``incident``. ``bypasses`` the notifier, for it is about it.
    """

    name: str
    happened: str
    because_of: tuple[str, ...] = ()
    shared: bool = False
    incident: str | None = None
    bypasses: bool = False


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What alarms and events have in common: what they mean for a person.

    ``happened`` is one line. ``commands`` are to be pasted, the first at once; ``proof`` tells how to know it worked.
    ``subject`` names it in AWS, in messages and as its runbook's page.
    """

    subject: str
    happened: str
    tier: Tier
    severity: Severity
    clock: Clock
    cause: str
    stands: Stands
    commands: tuple[str, ...]
    proof: str

    @property
    def runbook(self) -> str:
        """The page's name below docs/runbooks/, without a suffix."""
        return self.subject


@dataclass(frozen=True, kw_only=True)
class Alarm(Signal):
    """A metric that was ``above`` or ``below`` its limit for ``periods`` periods in a row.

    With ``share_of`` the limit is a share of that value, which the place of the alarm knows. ``home`` is the part of
    the templates that makes it: the ``service`` needs its own alarms to roll a deployment back. ``limit_is_loss`` says
    that a copy is as many seconds old as the metric says, which a lost region would cost.
    """

    metric: Metric
    above: float | None = None
    below: float | None = None
    share_of: str | None = None
    periods: int
    missing: Missing
    home: Literal["region", "service"] = "region"
    limit_is_loss: bool = False
    is_canary: bool = False

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"alarm {self.subject}: expected either above or below, found {self.above}, {self.below}")

    @property
    def limit(self) -> float:
        """The threshold, in the metric's unit, or the share."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def delay(self) -> timedelta:
        """From the beginning of the trouble to the alarm."""
        return self.metric.period * self.periods


@dataclass(frozen=True, kw_only=True)
class Event(Signal):
    """An event of EventBridge that no metric shows. ``detail`` and ``resource_suffix`` are what its rule matches.

    A value of ``detail`` that is all one name in braces stands for the list of that name. ``over`` events tell the end
    of their cause. ``facts`` are paths into the detail that a person is shown.
    """

    source: str
    detail_type: str
    detail: Mapping[str, tuple[str, ...]]
    resource_suffix: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    over: bool = False

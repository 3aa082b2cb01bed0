"""Schedules start when AWS starts them, in their time zone."""

import pytest

from recovery.guards.schedules import start_windows
from recovery.windows import MINUTES_A_DAY

SATURDAY = 6 * MINUTES_A_DAY


def test_a_weekday_starts_once_a_week() -> None:
    assert start_windows("cron(0 18 ? * SAT *)", 60) == [(SATURDAY + 18 * 60, SATURDAY + 19 * 60)]


def test_a_day_of_the_month_can_be_any_weekday() -> None:
    assert len(start_windows("cron(0 21 1 * ? *)", 60)) == 7


@pytest.mark.parametrize(
    ("schedule", "count"),
    [
        ("cron(0/30 * ? * MON *)", 48),
        ("cron(0 1,13 ? * MON-FRI *)", 10),
        ("cron(15 3 ? * 6L *)", 1),
        ("cron(0 0 ? * 2#1 *)", 1),
        ("cron(0 5 ? * * *)", 7),
    ],
)
def test_lists_ranges_steps_and_named_weeks_are_understood(schedule: str, count: int) -> None:
    assert len(start_windows(schedule, 60)) == count


def test_a_time_zone_moves_the_start() -> None:
    assert start_windows("cron(30 5 ? * SUN *)", 60, "Asia/Kolkata") == [(0, 60)]


def test_a_start_before_the_weeks_beginning_is_in_the_week_before() -> None:
    assert start_windows("cron(0 0 ? * SUN *)", 60, "Asia/Kolkata") == [
        (SATURDAY + 18 * 60 + 30, SATURDAY + 19 * 60 + 30)
    ]


def test_summer_time_makes_two_starts() -> None:
    assert len(start_windows("cron(0 12 ? * MON *)", 60, "Europe/Berlin")) == 2


@pytest.mark.parametrize(
    "schedule", ["rate(1 day)", "cron(99 1 ? * MON *)", "cron(0 1 ? * XYZ *)", "cron(a b ? * MON *)", ""]
)
def test_what_is_no_cron_expression_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"cron|number|outside|field"):
        start_windows(schedule, 60)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        start_windows("cron(0 1 ? * MON *)", 60, "Nowhere/Land")

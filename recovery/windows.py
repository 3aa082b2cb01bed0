"""Windows and schedules as minutes of a week, to see which of them collide."""

import re
from collections.abc import Sequence
from datetime import timedelta

MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

Minutes = tuple[int, int]


def _clock(text: str) -> int:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise ValueError(f"window: expected times of the form 03:00, found {text!r}. Correct it.")
    return int(match[1]) * 60 + int(match[2])


def occurrences(text: str) -> list[Minutes]:
    """The window's occurrences in a week, as (start, end) in minutes since Sunday 00:00 UTC."""
    daily = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", text)
    if daily:
        start, end = _clock(daily[1]), _clock(daily[2])
        length = (end - start) % MINUTES_A_DAY
        return [(day * MINUTES_A_DAY + start, day * MINUTES_A_DAY + start + length) for day in range(7)]
    weekly = re.fullmatch(r"([a-z]{3}):(\d\d:\d\d)-([a-z]{3}):(\d\d:\d\d)", text)
    if weekly is None or weekly[1] not in DAYS or weekly[3] not in DAYS:
        raise ValueError(f"window: expected hh:mm-hh:mm or ddd:hh:mm-ddd:hh:mm in UTC, found {text!r}. Correct it.")
    start = DAYS.index(weekly[1]) * MINUTES_A_DAY + _clock(weekly[2])
    end = DAYS.index(weekly[3]) * MINUTES_A_DAY + _clock(weekly[4])
    return [(start, start + (end - start) % MINUTES_A_WEEK)]


def starts(schedule: str, window: timedelta) -> list[Minutes]:
    """When jobs of ``schedule`` may start, as :func:`occurrences` does; a day of the month can be any weekday."""
    match = re.fullmatch(r"cron\((\d+) (\d+) (\?|\d+) \* (\?|[A-Z]{3}) \*\)", schedule)
    if match is None or (match[3] == "?") == (match[4] == "?"):
        raise ValueError(
            "schedule: expected cron(minute hour day-of-month * ? *) or cron(minute hour ? * DAY *), found"
            f" {schedule!r}. Correct it."
        )
    minute = int(match[2]) * 60 + int(match[1])
    days = [DAYS.index(match[4].lower())] if match[3] == "?" else range(7)
    length = int(window.total_seconds() // 60)
    return [(day * MINUTES_A_DAY + minute, day * MINUTES_A_DAY + minute + length) for day in days]


def overlap(left: Sequence[Minutes], right: Sequence[Minutes]) -> bool:
    """Whether any occurrence on the left shares a minute with one on the right, over the end of the week too."""
    shifts = (-MINUTES_A_WEEK, 0, MINUTES_A_WEEK)  # a window may run over the end of the week
    return any(a < d + shift and c + shift < b for a, b in left for c, d in right for shift in shifts)

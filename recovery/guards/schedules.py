"""When schedules of AWS may start, as minutes of a week in UTC.

Cron fields as in https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html. A day of the
month can be any weekday, and a time zone with summer time has two offsets: every start that can happen is taken.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recovery.windows import DAYS, MINUTES_A_DAY, MINUTES_A_WEEK, Minutes

# Far enough apart that a time zone with summer time shows both of its offsets, on either hemisphere.
_SEASONS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))


def start_windows(schedule: str, minutes: int, zone: str = "UTC") -> list[Minutes]:
    """Every (start, end) in minutes since Sunday 00:00 UTC at which a job with a start window may begin.

    Raises ValueError for what is no cron expression of AWS or no time zone.
    """
    match = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+)(?: (\S+))?\)", schedule.strip())
    if match is None:
        raise ValueError(f"{schedule!r} is no cron expression, so nobody can tell when it starts")
    clock_minutes = _field(match[1], 0, 59)
    hours = _field(match[2], 0, 23)
    weekdays = range(7) if match[5] in ("?", "*") or match[3] not in ("?", "*") else _weekdays(match[5])
    found: set[Minutes] = set()
    for offset in _offsets(zone):
        for day in weekdays:
            for hour in hours:
                for minute in clock_minutes:
                    start = (day * MINUTES_A_DAY + hour * 60 + minute - offset) % MINUTES_A_WEEK
                    found.add((start, start + minutes))
    return sorted(found)


def _offsets(zone: str) -> set[int]:
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{zone!r} is no time zone") from error
    return {int((season.astimezone(place).utcoffset() or timedelta()).total_seconds() // 60) for season in _SEASONS}


def _field(text: str, low: int, high: int, names: Iterable[str] = ()) -> list[int]:
    order = {name: index for index, name in enumerate(names, start=low)}
    found: set[int] = set()
    for part in text.upper().split(","):
        match = re.fullmatch(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if match is None:
            raise ValueError(f"{text!r} is no field of a cron expression")
        step = int(match[3] or 1)
        if match[1] in ("*", "?"):
            first, last = low, high
        else:
            first = _number(match[1], order)
            last = _number(match[2], order) if match[2] else (high if match[3] else first)
        found |= set(range(first, last + 1, step))
    if not found or min(found) < low or max(found) > high:
        raise ValueError(f"{text!r} is outside {low} to {high}")
    return sorted(found)


def _number(text: str, order: dict[str, int]) -> int:
    if text in order:
        return order[text]
    if not text.isdigit():
        raise ValueError(f"{text!r} is no number")
    return int(text)


def _weekdays(text: str) -> list[int]:
    # `6L` and `2#1` are some Friday and some Monday: take the day, whichever week it is.
    plain = re.sub(r"(?:L|#\d)$", "", text.upper()) or "7"
    return [day - 1 for day in _field(plain, 1, 7, (day.upper() for day in DAYS))]

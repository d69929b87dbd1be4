"""When a cron schedule is due: pg_cron's dialect, in its time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice

from cronsim import CronSim, CronSimError

SECONDS = re.compile(r"(\d+)\s+seconds?", re.IGNORECASE)
STEPS_COMPARED = 400
"""Due times that two schedules must share to be called the same; enough for every minute of six hours."""


def _simulation(schedule: str, start: datetime, *, back: bool = False) -> CronSim:
    # pg_cron writes the month's last day as $, the library as L.
    return CronSim(schedule.strip().replace("$", "L"), start, reverse=back)


def next_due(schedule: str, after: datetime, zone: tzinfo = UTC) -> datetime:
    """The first time after ``after`` at which the schedule is due.

    Raises:
        CronSimError: it is no schedule.
    """
    if match := SECONDS.fullmatch(schedule.strip()):
        return after + timedelta(seconds=int(match[1]))
    return next(_simulation(schedule, after.astimezone(zone)))


def last_due(schedule: str, before: datetime, zone: tzinfo = UTC) -> datetime:
    """The latest time before ``before`` at which the schedule was due."""
    if match := SECONDS.fullmatch(schedule.strip()):
        return before - timedelta(seconds=int(match[1]))
    return next(_simulation(schedule, before.astimezone(zone), back=True))


def interval(schedule: str, at: datetime, zone: tzinfo = UTC) -> timedelta:
    """The time between the two due times before ``at``."""
    last = last_due(schedule, at, zone)
    return last - last_due(schedule, last, zone)


def same_schedule(one: str, other: str) -> bool:
    """Whether two schedules are due at the same times, however they are written."""
    if " ".join(one.split()).lower() == " ".join(other.split()).lower():
        return True
    start = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)
    try:
        ours, theirs = (list(islice(_simulation(text, start), STEPS_COMPARED)) for text in (one, other))
    except CronSimError:
        return False
    return ours == theirs

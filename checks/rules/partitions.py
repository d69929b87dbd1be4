"""Rules of check 13: this month and the next ones have their partition, and rows go where they belong."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from checks.judge import Cell, Judge
from checks.rules.words import ago, clock, counted
from fixtures.partitions import EVENTS, SUCCESSOR, EventsTable, Partition, Partitioning
from fixtures.settings.model import Settings
from reports.outcome import NotApplicable

KEY = "RANGE (created_at)"
WHY = "from the first of a month without its partition, no event can be written"
CREATE = "SELECT create_wa_events_partition(), which creates the partition three months ahead"
MONTH_IN_NAME = re.compile(r"_(\d{4})_(\d{2})$")


def enabled_table(judge: Judge, found: Partitioning) -> EventsTable | None:
    """The partitioned table that is judged, or None where only lookalikes are there.

    Raises:
        NotApplicable: partitioning is not enabled.
    """
    partitioned = [table for name in (EVENTS, SUCCESSOR) if (table := found.table(name)) and table.key]
    if not partitioned and not found.lookalikes:
        raise NotApplicable("partitioning is not enabled: wa_events is an ordinary table")
    names = ", ".join(found.lookalikes)
    judge.requires(
        not found.lookalikes,
        f"{names} {'is' if len(found.lookalikes) == 1 else 'are'} named like a partition but attached to nothing",
        expected="partitions that are attached",
        why="rows never go there, and create_wa_events_partition() does nothing where the name is taken",
        advice="ALTER TABLE wa_events ATTACH PARTITION … FOR VALUES FROM … TO …, or drop it if it is empty",
    )
    return partitioned[0] if partitioned else None


def is_the_one_in_use(judge: Judge, table: EventsTable, found: Partitioning, settings: Settings) -> None:
    """Require that the partitioned table receives the rows, where it is only the successor of another one."""
    if table.name != SUCCESSOR:
        return
    window = timedelta(seconds=settings.windows.daily_seconds)
    old = found.table(EVENTS)
    for one in (table, old):
        if one is not None and one.rows_unread:
            judge.cannot_tell(f"where events are written cannot be seen: {one.rows_unread}")
            return
    used = [_lately(one, found.read_at, window) for one in (table, old)]
    if not any(used):
        judge.cannot_tell(
            f"neither {SUCCESSOR} nor {EVENTS} has received a row for a day", "traffic, which shows where rows go"
        )
        return
    latest = f"latest row {ago(found.read_at, table.latest_row)}" if table.latest_row else "it has no row"
    judge.requires(
        used[0],
        f"{SUCCESSOR} is partitioned, but nothing writes to it ({latest}) while {EVENTS} grows",
        expected="the partitioned table receives the events",
        why="the table that grows is still the one without partitions",
        advice=f"swap the two: ALTER TABLE {EVENTS} RENAME TO {EVENTS}_old; ALTER TABLE {SUCCESSOR} "
        f"RENAME TO {EVENTS}, in one transaction, after copying the rows",
    )


def _lately(table: EventsTable | None, now: datetime, window: timedelta) -> bool:
    return table is not None and table.latest_row is not None and now - table.latest_row <= window


def is_ranged_by_time(judge: Judge, table: EventsTable) -> bool:
    """Require that it is partitioned by ranges of ``created_at`` alone."""
    return judge.requires(
        table.key == KEY,
        f"{table.name} is partitioned by {table.key}",
        expected=KEY,
        why="its partitions are not the months that the functions and the retention expect",
        advice="apply the migration that partitions it (`supabase db push`)",
    )


def months_have_partitions(
    judge: Judge, partitions: tuple[Partition, ...], table: str, now: datetime, settings: Settings
) -> None:
    """Require a partition with exactly its bounds for this month and each of the next ones."""
    zone = ZoneInfo(settings.names.partition_time_zone)
    ahead = settings.thresholds.partitions_ahead
    for number in range(ahead + 1):
        _month_has_its_partition(judge, partitions, table, *month(now, number, zone))
    for one in partitions:
        label = MONTH_IN_NAME.search(one.name)
        if one.lower is None or label is None:
            continue
        begins = one.lower.astimezone(zone)
        judge.requires(
            (begins.year, begins.month) == (int(label[1]), int(label[2])),
            f"{one.name} begins at {clock(one.lower)}, in another month than its name says",
            expected="names that say the month",
            why="create_wa_events_partition() does nothing where the name is taken, though the month is not",
            advice=f"ALTER TABLE {one.name} RENAME TO {table}_{begins:%Y_%m}",
        )


def month(now: datetime, ahead: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Begin and end of the month so many months after that of ``now``, in a time zone."""
    local = now.astimezone(zone)

    def first(number: int) -> datetime:
        months = local.year * 12 + local.month - 1 + number
        return datetime(months // 12, months % 12 + 1, 1, tzinfo=zone)

    return first(ahead), first(ahead + 1)


def _month_has_its_partition(
    judge: Judge, partitions: tuple[Partition, ...], table: str, begin: datetime, end: datetime
) -> None:
    label = f"{begin:%Y-%m}"
    create = (
        f"CREATE TABLE {table}_{begin:%Y_%m} PARTITION OF {table} FOR VALUES FROM ('{begin.isoformat(' ')}') "
        f"TO ('{end.isoformat(' ')}'), with the storage parameters of the others; {CREATE}"
    )
    own = [one for one in partitions if _holds_some_of(one, begin, end)]
    whole = next((one for one in own if (one.lower, one.upper) == (begin, end)), None)
    if not judge.requires(
        bool(own), f"no partition of {table} for {label}", expected=label, why=WHY, advice=create
    ):
        return
    bounds = ", ".join(f"{one.name} from {_bound(one.lower)} to {_bound(one.upper)}" for one in own)
    if not judge.requires(
        whole is not None,
        f"{label} is held by {bounds}",
        expected=f"one partition from {clock(begin)} to {clock(end)}",
        why="rows of a gap are refused or fall into the default partition, and a month cannot be dropped whole",
        advice=create,
    ):
        return
    assert whole is not None
    faults = {
        "is being detached": whole.detaching,
        "is partitioned itself and has no partition": whole.empty_shell,
        "is unlogged: its rows are lost when the server crashes": whole.unlogged,
    }
    for fault, holds in faults.items():
        judge.requires(
            not holds, f"{whole.name} {fault}", expected="an attached, logged table", why=WHY, advice=create
        )


def _bound(moment: datetime | None) -> str:
    return "no bound" if moment is None else clock(moment)


def _holds_some_of(one: Partition, begin: datetime, end: datetime) -> bool:
    if one.is_default or not one.readable:
        return False
    return (one.lower is None or one.lower < end) and (one.upper is None or one.upper > begin)


def nothing_is_astray(judge: Judge, table: EventsTable) -> None:
    """Require that the default partition, if there is one, is empty."""
    if table.rows_unread:
        judge.cannot_tell(f"rows of a default partition cannot be seen: {table.rows_unread}")
        return
    judge.requires(
        not table.default_rows,
        f"{counted(table.default_rows, 'row')} in the default partition of {table.name}",
        expected="none: each row is in its month's partition",
        why="a month whose rows are there already cannot get a partition of its own",
        advice=f"SELECT min(created_at), max(created_at) of the default partition of {table.name}; move the rows "
        "into a partition of their own in one transaction",
    )


def nothing_is_past_retention(
    judge: Judge, partitions: tuple[Partition, ...], now: datetime, settings: Settings
) -> None:
    """Require that no partition ended before the months that are kept."""
    months = settings.thresholds.partition_retention_months
    oldest, _ = month(now, -months, ZoneInfo(settings.names.partition_time_zone))
    past = [one.name for one in partitions if one.upper is not None and one.upper <= oldest]
    judge.requires(
        not past,
        f"{counted(len(past), 'partition')} past the retention: {', '.join(past)}",
        expected=f"nothing that ended before {clock(oldest)} ({months} months)",
        why="they hold personal data that should be gone, and cost space",
        advice="; ".join(f"DROP TABLE {name}" for name in past) + " after a backup",
    )


def by_partition(partitions: tuple[Partition, ...]) -> list[dict[str, Cell]]:
    """The partitions with their bounds, for the report."""
    return [
        {
            "partition": one.name,
            "from": "default" if one.is_default else _bound(one.lower),
            "to": "default" if one.is_default else _bound(one.upper),
        }
        for one in partitions
    ]

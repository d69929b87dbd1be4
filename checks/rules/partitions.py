"""Rules of check 13: this month and the next ones have their partition, and rows go where they belong."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from checks.judge import Cell, Judge
from checks.rules.partition_commands import MONTH_IN_NAME, Commands, months
from fixtures.advice import for_each
from fixtures.database.contract import PARTITION_FUNCTION
from fixtures.database.partitions import (
    EVENTS,
    MOST_ROWS,
    SUCCESSOR,
    EventsTable,
    Partition,
    Partitioning,
    key_of,
)
from fixtures.outcome import NotApplicable
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, table_name
from fixtures.wording import ago, clock, counted, listed

LATER = "once the commands above have run, the next run has those for this month"
WHY = "from the first of a month without its partition, no event can be written"


def commands_for(found: Partitioning, table: EventsTable | None, settings: Settings) -> Commands:
    """What works on the partitions of a table; of the table with the events where none is partitioned."""
    names, events = settings.names, table or EventsTable(table_name(settings, EVENTS), "")
    at = column_name(settings, EVENTS, "created_at")
    return Commands(found, events, names.schema, ZoneInfo(names.partition_time_zone), at)


def _taken_name(settings: Settings) -> str:
    """What a table does that has the name of a month's partition and is none."""
    if any(job.function == PARTITION_FUNCTION for job in settings.jobs):
        return f"{PARTITION_FUNCTION}() does nothing where the name is taken"
    return "a job that creates partitions may take it for the month's"


def enabled_table(judge: Judge, found: Partitioning, settings: Settings) -> EventsTable | None:
    """The partitioned table that is judged, or None where only lookalikes are there.

    Raises:
        NotApplicable: partitioning is not enabled.
    """
    events, successor = (table_name(settings, name) for name in (EVENTS, SUCCESSOR))
    partitioned = [table for name in (events, successor) if (table := found.table(name)) and table.key]
    if not partitioned and not found.lookalikes:
        raise NotApplicable(f"partitioning is not enabled: {events} is an ordinary table")
    table, names = partitioned[0] if partitioned else None, listed(found.lookalikes, separator=", ")
    judge.requires(
        not found.lookalikes,
        f"{names} {'is' if len(found.lookalikes) == 1 else 'are'} named like a partition but attached to nothing",
        expected="partitions that are attached",
        why=f"rows never go there, and {_taken_name(settings)}",
        advice=commands_for(found, table, settings).use_lookalikes(),
    )
    return table


def is_the_one_in_use(judge: Judge, table: EventsTable, found: Partitioning, settings: Settings) -> None:
    """Require that the partitioned table receives the rows, where it is only the successor of another one."""
    events, successor = (table_name(settings, name) for name in (EVENTS, SUCCESSOR))
    if table.name != successor:
        return
    window = timedelta(seconds=settings.windows.daily_seconds)
    old = found.table(events)
    for one in (table, old):
        if one is not None and one.rows_unread:
            judge.cannot_tell(f"where events are written cannot be seen: {one.rows_unread}", one.rows_grant)
            return
    used = [_lately(one, found.read_at, window) for one in (table, old)]
    if not any(used):
        judge.cannot_tell(
            f"neither {successor} nor {events} has received a row for a day", "traffic, which shows where rows go"
        )
        return
    latest = f"latest row {ago(found.read_at, table.latest_row)}" if table.latest_row else "it has no row"
    judge.requires(
        used[0],
        f"{successor} is partitioned, but nothing writes to it ({latest}) while {events} grows",
        expected="the partitioned table receives the events",
        why="the table that grows is still the one without partitions",
        advice=commands_for(found, table, settings).swap(old or EventsTable(events, ""), settings.names.schema),
    )


def _lately(table: EventsTable | None, now: datetime, window: timedelta) -> bool:
    return table is not None and table.latest_row is not None and now - table.latest_row <= window


def is_ranged_by_time(judge: Judge, table: EventsTable, settings: Settings) -> bool:
    """Require that it is partitioned by ranges of ``created_at`` alone."""
    key = key_of(column_name(settings, EVENTS, "created_at"))
    return judge.requires(
        table.key == key,
        f"{table.name} is partitioned by {table.key}",
        expected=key,
        why="its partitions are not the months that the functions and the retention expect",
        advice="look in the application's repository for a migration that partitions it in another way and was "
        "not applied here",
    )


def months_have_partitions(judge: Judge, table: EventsTable, found: Partitioning, settings: Settings) -> None:
    """Require a partition with exactly its bounds for this month and each of the next ones."""
    commands = commands_for(found, table, settings)
    replaced: set[str] = set()
    for number in range(settings.thresholds.partitions_ahead + 1):
        _month_has_its_partition(judge, commands, *month(found.read_at, number, commands.zone), replaced)
    misnamed = [
        (one, one.lower)
        for one in found.of(table.name)
        if one.lower is not None and _says_another_month(one.name, one.lower.astimezone(commands.zone))
    ]
    judge.requires(
        not misnamed,
        lambda: listed(
            f"{one.name} begins at {clock(begins)}, in another month than its name says"
            for one, begins in misnamed
        ),
        expected="names that say the month",
        why=f"{_taken_name(settings)}, though the month is not",
        advice=for_each(commands.rename(one, begins) for one, begins in misnamed),
    )


def _says_another_month(name: str, begins: datetime) -> bool:
    label = MONTH_IN_NAME.search(name)
    return label is not None and (begins.year, begins.month) != (int(label[1]), int(label[2]))


def month(now: datetime, ahead: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Begin and end of the month so many months after that of ``now``, in a time zone."""
    local = now.astimezone(zone)
    return months(local.year, local.month + ahead, zone)


def _month_has_its_partition(
    judge: Judge, commands: Commands, begin: datetime, end: datetime, replaced: set[str]
) -> None:
    """Require one partition with the month's bounds; ``replaced`` names those that earlier commands detach."""
    table, label = commands.table.name, f"{begin:%Y-%m}"
    partitions = commands.found.of(table)
    own = [one for one in partitions if one.holds_some_of(begin, end)]
    whole = next((one for one in own if (one.lower, one.upper) == (begin, end)), None)
    unread = [f"{one.name} {one.bounds}" for one in partitions if not one.readable]
    if not judge.requires(
        bool(own),
        lambda: (
            f"no partition of {table} for {label}"
            + (f"; the bounds of others cannot be read: {listed(unread)}" if unread else "")
        ),
        expected=label,
        why=WHY,
        advice=commands.create(begin, end),
    ):
        return
    held = {one.name for one in own}
    advice = LATER if held & replaced else commands.create(begin, end, own)
    if not judge.requires(
        whole is not None,
        lambda: (
            f"{label} is held by "
            + listed(
                (f"{one.name} from {_bound(one.lower)} to {_bound(one.upper)}" for one in own), separator=", "
            )
        ),
        expected=f"one partition from {clock(begin)} to {clock(end)}",
        why="rows of a gap are refused or fall into the default partition, and a month cannot be dropped whole",
        advice=advice,
    ):
        replaced |= held
        return
    assert whole is not None
    faults = {
        "is being detached": (whole.detaching, commands.finish_detaching(whole, begin, end)),
        "is partitioned itself and has no partition": (
            whole.empty_shell,
            commands.fill_shell(whole, begin, end),
        ),
        "is unlogged: its rows are lost when the server crashes": (whole.unlogged, commands.log(whole)),
    }
    for fault, (holds, command) in faults.items():
        judge.requires(
            not holds, f"{whole.name} {fault}", expected="an attached, logged table", why=WHY, advice=command
        )


def _bound(moment: datetime | None) -> str:
    return "no bound" if moment is None else clock(moment)


def nothing_is_astray(judge: Judge, table: EventsTable, found: Partitioning, settings: Settings) -> None:
    """Require that the default partition, if there is one, is empty."""
    commands = commands_for(found, table, settings)
    if commands.fallback is None:
        return
    if table.rows_unread:
        judge.cannot_tell(
            f"rows of the default partition {commands.fallback.name} cannot be seen: {table.rows_unread}",
            table.rows_grant,
        )
        return
    rows = counted(table.default_rows, "row") + (" or more" if table.default_rows >= MOST_ROWS else "")
    judge.requires(
        not table.default_rows,
        f"{rows} in the default partition of {table.name}, {commands.fallback.name}",
        expected="none: each row is in its month's partition",
        why="a month whose rows are there already cannot get a partition of its own",
        advice=commands.empty_default(),
    )


def nothing_is_past_retention(judge: Judge, table: EventsTable, found: Partitioning, settings: Settings) -> None:
    """Require that no partition ended before the months that are kept."""
    commands, kept = commands_for(found, table, settings), settings.thresholds.partition_retention_months
    oldest, _ = month(found.read_at, -kept, commands.zone)
    past = [one for one in found.of(table.name) if one.upper is not None and one.upper <= oldest]
    judge.requires(
        not past,
        lambda: (
            f"{counted(len(past), 'partition')} past the retention: "
            + listed((one.name for one in past), separator=", ")
        ),
        expected=f"nothing that ended before {clock(oldest)} ({kept} months)",
        why="they hold personal data that should be gone, and cost space",
        advice="after a backup" + commands.drop(past),
    )


def by_partition(partitions: tuple[Partition, ...]) -> list[dict[str, Cell]]:
    """The partitions with their bounds, for the report."""
    return [
        {
            "partition": one.name,
            "from": "default" if one.is_default else one.bounds or _bound(one.lower),
            "to": "default" if one.is_default else one.bounds or _bound(one.upper),
        }
        for one in partitions
    ]

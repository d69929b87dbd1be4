"""Rules of check 16: the database stays below its size limit, and no table grows too fast."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from fixtures.advice import Help, together
from fixtures.database.sizes import PARTITIONED, DatabaseSizes, TableSize
from fixtures.history.model import SizeHistory
from fixtures.history.projection import Growth
from fixtures.history.series import GONE, NEW
from fixtures.history.trend import (
    Trend,
    days_until,
    size_a_week_ago,
    what_is_missing,
)
from fixtures.wording import clock, counted, in_bytes, listed

SHOWN = 20
NAMED = 3
"""Tables that a sentence about the whole database names."""

CRON_RUNS = ("cron", "job_run_details")
ANSWERS = ("net", "_http_response")
LARGE_PERCENT = 10.0
"""Share of the database from which a table that grows without end by itself is named."""


def is_below_the_limit(judge: Judge, growth: Growth) -> bool:
    """Require that the database is below the share of its size limit that it may have."""
    weekly, size = growth.settings.weekly, growth.sizes.database
    share = f"{100 * size / weekly.database_bytes:.1f} % of its limit of {in_bytes(weekly.database_bytes)}"
    judge.finds(f"the database has {in_bytes(size)}, {share}; largest tables: {_largest(growth.sizes)}")
    return judge.requires(
        size < growth.limit,
        lambda: f"the database has {in_bytes(size)}, {share}; largest tables: {_largest(growth.sizes)}",
        expected=_allowed(growth),
        why=FULL,
        advice=_make_room(growth.sizes.tables[:NAMED]),
    )


FULL = "when its disk is full the database refuses to write, and every message is lost"


def _allowed(growth: Growth) -> str:
    return f"less than {growth.settings.weekly.database_percent:g} % of the limit, {in_bytes(growth.limit)}"


def stays_below_the_limit(judge: Judge, growth: Growth, history: SizeHistory) -> None:
    """Require that the growth so far does not lead to the limit within the days that are looked ahead."""
    trend, days = growth.trend, growth.settings.weekly.growth_days
    if trend is None:
        _is_not_known(judge, growth, history)
        return
    size = growth.sizes.database
    ahead = (
        f"it grows by {_a_day(trend.per_day)} ({in_bytes(trend.low)} to {in_bytes(trend.high)}), by "
        f"{_source(trend, history)}: in {counted(days, 'day')} it has {in_bytes(trend.after(days, size))} "
        f"({in_bytes(trend.after(days, size, trend.low))} to {in_bytes(trend.after(days, size, trend.high))})"
    )
    judge.finds(f"the database: {ahead}")
    if history.note:
        judge.finds(f"the history of earlier runs: {history.note}")
    _names_steps(judge, growth)
    reached = days_until(size, growth.limit, trend.per_day)
    at_worst = days_until(size, growth.limit, trend.high)
    holds = judge.requires(
        reached is None or reached > days,
        lambda: (
            f"the database has {in_bytes(size)} and reaches {in_bytes(growth.limit)} on "
            f"{_date(growth, reached or 0)}, at the earliest on {_date(growth, at_worst or 0)}: {ahead}; "
            f"most growth: {_growing(growth)}"
        ),
        expected=f"{_allowed(growth)}, for the next {counted(days, 'day')}",
        why=FULL,
        advice=_make_room(_fastest(growth)),
    )
    if holds and at_worst is not None and at_worst <= days:
        judge.finds(
            f"at the upper end of its growth it reaches {in_bytes(growth.limit)} on {_date(growth, at_worst)}"
        )


def _source(trend: Trend, history: SizeHistory) -> str:
    seeded = "seeded " if history.seeded else ""
    return f"{counted(trend.points - 1, f'{seeded}snapshot')} since {clock(trend.since)} and this run"


def _a_day(per_day: float) -> str:
    return f"{in_bytes(per_day)} a day"


def _date(growth: Growth, days: float) -> str:
    return f"{growth.sizes.read_at + timedelta(days=min(days, 36_500)):%Y-%m-%d}"


def _is_not_known(judge: Judge, growth: Growth, history: SizeHistory) -> None:
    """Report that the growth is not known yet, and from when it will be."""
    number = len(growth.points) - 1
    earlier = counted(number, "earlier snapshot") if number else "no earlier snapshot"
    since = f", since {clock(growth.points[0].read_at)} (those within 12 h count as one)" if number else ""
    because = f": {history.note}" if history.note else ""
    judge.cannot_tell(
        f"growth is not known: {earlier} of this database{since}{because}",
        f"{what_is_missing(growth.points)}; any run of check 12 or 16 with the same --history-dir counts",
    )


def _names_steps(judge: Judge, growth: Growth) -> None:
    names = {table.id: table.label for table in growth.sizes.tables}
    words = {NEW: "is new", GONE: "was dropped"}
    texts = [
        f"{names.get(step.table, 'a table')} {words.get(step.kind, 'was rebuilt or emptied')} "
        f"({in_bytes(step.change)}, seen {clock(step.at)})"
        for step in growth.taken_out
    ]
    if texts:
        judge.finds(f"not counted as growth: {listed(texts)}")


def everything_is_counted(judge: Judge, growth: Growth) -> None:
    """Report what the sizes cover, what they leave out, and tables that grow without end by themselves."""
    sizes = growth.sizes
    beside = [f"the server's own catalogues have {in_bytes(sizes.system)}"]
    if sizes.large_objects >= growth.settings.weekly.table_bytes:
        beside[0] += f", of it large objects {in_bytes(sizes.large_objects)}"
    if sizes.temporary:
        beside.append(f"temporary tables {in_bytes(sizes.temporary)}")
    judge.finds(
        f"{counted(sizes.count, 'table')} of all other schemas have {in_bytes(sizes.all_tables)} with indexes and "
        f"TOAST; {', '.join(beside)}"
    )
    for table in sizes.tables:
        if (table.schema, table.name) == CRON_RUNS and _is_large(table, growth):
            share = 100 * table.total / max(sizes.database, 1)
            judge.finds(
                f"{table.label} has {in_bytes(table.total)}, {share:.0f} % of the database: pg_cron never deletes "
                "the record of a run; a job that deletes old rows of it would keep it small"
            )


def _is_large(table: TableSize, growth: Growth) -> bool:
    share = 100 * table.total / max(growth.sizes.database, 1)
    return table.total >= growth.settings.weekly.table_bytes or share >= LARGE_PERCENT


def tables_grow_slowly(judge: Judge, growth: Growth, history: SizeHistory) -> None:
    """Require of each large table that it grew by no more than the factor in a week."""
    weekly = growth.settings.weekly
    large = [table for table in growth.sizes.tables if table.total >= weekly.table_bytes and not table.locked]
    judge.finds(
        f"{counted(len(large), 'table')} of {in_bytes(weekly.table_bytes)} or more; "
        f"the largest: {_largest(growth.sizes)}"
    )
    if growth.trend is None:
        _is_not_known(judge, growth, history)
        return
    seeded = "seeded snapshots" if history.seeded else "snapshots"
    judge.finds(f"compared with {seeded} since {clock(growth.points[0].read_at)}")
    fast = [(table, text) for table in large if (text := _too_fast(judge, growth, table))]
    judge.requires(
        not fast,
        lambda: listed(text for _, text in fast),
        expected=f"at most {weekly.table_growth_factor:g} times as large as a week before, from "
        f"{in_bytes(weekly.table_bytes)} on",
        why="a table that multiplies in a week fills the disk, and its queries get slower",
        advice=_make_room(tuple(table for table, _ in fast)),
    )
    _locked_tables_are_small(judge, growth)


def _too_fast(judge: Judge, growth: Growth, table: TableSize) -> str:
    """Describe a table that grew too fast; empty if it did not."""
    week_ago = growth.sizes.read_at - timedelta(days=7)
    series = growth.of(table)
    if series[0][0] > max(week_ago, growth.points[0].read_at):
        judge.finds(
            f"{table.label} is new or was small before {clock(series[0][0])}: its growth in a week is not judged"
        )
        return ""
    found = size_a_week_ago(series[:-1], growth.sizes.read_at)
    if found is None:
        return ""
    since, before = found
    factor = table.total / max(before, 1)
    if factor <= growth.settings.weekly.table_growth_factor:
        return ""
    trend = growth.trend_of(table)
    speed = f", by {_a_day(trend.per_day)}" if trend else ""
    return (
        f"{table.label} grew from {in_bytes(before)} to {in_bytes(table.total)} since {clock(since)} "
        f"({factor:.1f} times as large){speed}"
    )


def _locked_tables_are_small(judge: Judge, growth: Growth) -> None:
    """Report tables whose size is an estimate; one that may be large leaves the check unproven."""
    locked = [table for table in growth.sizes.tables if table.locked]
    weekly = growth.settings.weekly
    if not locked:
        return
    known = {table: max(table.total, *(size for _, size in growth.of(table)), 0) for table in locked}
    unknown = [table for table in locked if known[table] >= weekly.table_bytes / weekly.table_growth_factor]
    judge.finds(f"locked by another session, so that the size is an estimate: {_names(locked)}")
    if unknown:
        judge.cannot_tell(
            f"the growth of {_names(unknown)} is not known: another session has it locked",
            "run the check again when the lock is gone; check 12 names sessions that hold locks for long",
        )


def _names(tables: list[TableSize]) -> str:
    return listed((table.label for table in tables), separator=", ")


def _largest(sizes: DatabaseSizes) -> str:
    return listed((_in_words(table) for table in sizes.tables[:NAMED]), separator=", ") or "none"


def _in_words(table: TableSize) -> str:
    parts = f" in {counted(table.partitions, 'partition')}" if table.partitions else ""
    estimate = ", an estimate" if table.locked else ""
    return f"{table.label} {in_bytes(table.total)}{parts}{estimate}"


def _fastest(growth: Growth) -> tuple[TableSize, ...]:
    """The tables that grow most a day, of the largest ones."""
    speeds = {table: trend.per_day for table in growth.sizes.tables[:SHOWN] if (trend := growth.trend_of(table))}
    growing = [table for table in speeds if speeds[table] > 0]
    return tuple(sorted(growing, key=lambda table: (-speeds[table], table.label))[:NAMED])


def _growing(growth: Growth) -> str:
    found = ((table.label, growth.trend_of(table)) for table in _fastest(growth))
    texts = [f"{name} {_a_day(trend.per_day)}" for name, trend in found if trend]
    return listed(texts, separator=", ") or "in no single table"


def _make_room(tables: tuple[TableSize, ...]) -> Help:
    """What keeps these tables small, or gives the database more room."""
    return together(
        [
            *(_keep_small(table) for table in tables),
            "raise the size of the disk, and weekly.database_bytes with it, if this growth is wanted",
        ]
    )


def _keep_small(table: TableSize) -> str:
    if (table.schema, table.name) == CRON_RUNS:
        return f"schedule a job that deletes old rows of {table.label}: pg_cron never deletes the record of a run"
    if (table.schema, table.name) == ANSWERS:
        return f"look whether pg_net's worker runs: it deletes old rows of {table.label}"
    if table.kind == PARTITIONED:
        return f"archive and drop the partitions of {table.label} that are past their retention"
    if table.kind == "materialized view":
        return f"look whether {table.label} needs all its rows"
    return f"look whether old rows of {table.label} are deleted, and whether auto-vacuum reaches it (check 14)"


def by_table(growth: Growth) -> list[dict[str, Cell]]:
    """The largest tables with their parts and their growth, for the report."""
    return [_row(growth, table) for table in growth.sizes.tables[:SHOWN]]


def _row(growth: Growth, table: TableSize) -> dict[str, Cell]:
    trend = growth.trend_of(table)
    found = size_a_week_ago(growth.of(table)[:-1], growth.sizes.read_at)
    return {
        "table": table.label,
        "kind": f"unlogged {table.kind}" if table.unlogged else table.kind,
        "partitions": table.partitions or None,
        "size": f"about {in_bytes(table.total)}" if table.locked else in_bytes(table.total),
        "indexes": _share(table.indexes, table.total),
        "TOAST": _share(table.toast, table.total),
        "a week ago": in_bytes(found[1]) if found else None,
        "a day": in_bytes(trend.per_day) if trend else None,
    }


def _share(part: int | None, whole: int) -> str | None:
    return None if part is None else f"{100 * part / max(whole, 1):.0f} %"

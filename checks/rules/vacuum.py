"""Rules of check 14: auto-vacuum is on, has the contract's settings, and runs when it is due.

The trigger points are computed as ``relation_needs_vacanalyze()`` of the server's version does it; see
https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from checks.judge import Cell, Judge
from checks.rules.missing_table import is_there
from fixtures.advice import Help, for_each, sql
from fixtures.database.catalogue import Catalogue
from fixtures.database.identifiers import quoted
from fixtures.database.table_statistics import TablesStatistics, TableStatistics
from fixtures.settings.model import Settings
from fixtures.wording import ago, clock, counted, duration, listed

SERVER = "server"
"""Name of the case about the whole server's settings."""

WHY = "tables grow and slow down, and in the end the server refuses writes to avoid a wraparound"
DEFAULTS = {
    "autovacuum_vacuum_threshold": 50.0,
    "autovacuum_vacuum_scale_factor": 0.2,
    "autovacuum_vacuum_insert_threshold": 1000.0,
    "autovacuum_vacuum_insert_scale_factor": 0.2,
    "autovacuum_vacuum_max_threshold": -1.0,
    "autovacuum_analyze_threshold": 50.0,
    "autovacuum_analyze_scale_factor": 0.1,
}
"""Defaults for settings that this server version lacks."""


@dataclass(frozen=True)
class Trigger:
    """A count that makes auto-vacuum due, with the point from which it does."""

    work: str
    """``vacuum`` or ``analyze``."""
    what: str
    count: int
    point: float

    @property
    def passed(self) -> bool:
        """Whether the count is past the point, so that auto-vacuum is due."""
        return self.count > self.point


def triggers(table: TableStatistics, server: Mapping[str, str]) -> tuple[Trigger, ...]:
    """The trigger points of a table, by its storage parameters and the server's settings.

    Args:
        table: counters and storage parameters.
        server: settings of the server by name, in the units of ``pg_settings``.
    """

    def setting(name: str) -> float:
        return in_force(table, server, f"autovacuum_{name}")

    rows = max(table.estimated_rows, 0.0)
    dead = setting("vacuum_threshold") + setting("vacuum_scale_factor") * rows
    highest = setting("vacuum_max_threshold")
    found = [
        Trigger("vacuum", "dead tuples", table.dead, min(dead, highest) if highest >= 0 else dead),
        Trigger(
            "analyze",
            "changed rows",
            table.changed,
            setting("analyze_threshold") + setting("analyze_scale_factor") * rows,
        ),
    ]
    inserts = setting("vacuum_insert_threshold")
    if inserts >= 0:
        point = inserts + setting("vacuum_insert_scale_factor") * rows * _unfrozen(table)
        found.append(Trigger("vacuum", "inserted rows", table.inserted, point))
    return tuple(found)


def in_force(table: TableStatistics, server: Mapping[str, str], name: str) -> float:
    """The value of a setting that holds for a table: its own storage parameter, else the server's."""
    return float(table.options.get(name) or server.get(name) or DEFAULTS[name])


def _unfrozen(table: TableStatistics) -> float:
    """Share of the pages that are not frozen, by which PostgreSQL 18 lowers the insert trigger; 1 before."""
    if not table.frozen_pages or table.pages <= 0:
        return 1.0
    return 1.0 - min(table.frozen_pages, table.pages) / table.pages


def server_is_set(judge: Judge, catalogue: Catalogue) -> None:
    """Require that the server runs auto-vacuum, and keeps the counts that it needs."""
    for name in ("autovacuum", "track_counts"):
        value = catalogue.settings.get(name)
        if value is None:
            judge.cannot_tell(
                f"role {catalogue.role} does not see the setting {name}",
                sql(f"GRANT pg_monitor TO {quoted(catalogue.role)}"),
            )
            continue
        judge.requires(
            value == "on",
            f"{name} is {value}",
            expected="on",
            why=WHY,
            advice=f"set {name} to on in the server's or the platform's settings, and reload them",
        )
    if catalogue.in_recovery:
        judge.cannot_tell("this server is a standby, where auto-vacuum never runs", "the primary's address")
    judge.finds(
        f"autovacuum_naptime {catalogue.settings.get('autovacuum_naptime')} s, "
        f"autovacuum_max_workers {catalogue.settings.get('autovacuum_max_workers')}"
    )


def table_holds_rows(
    judge: Judge, name: str, statistics: TablesStatistics, catalogue: Catalogue, settings: Settings
) -> tuple[TableStatistics, ...]:
    """Require that a hot table exists; return its partitions or itself, and those of ``<table>_new``.

    Partitions whose time has ended are left out: nobody writes to them, and check 12 judges their dead tuples.
    """
    if not is_there(judge, catalogue, name, settings):
        return ()
    tables = statistics.of(name) + statistics.of(f"{name}_new")
    judge.requires(
        bool(tables),
        f"{name} is partitioned and has no partition",
        why="no row can be written",
        advice="check 13 has the commands that create the partitions of this and the next months",
    )
    ended = [table for table in tables if table.ended]
    if ended:
        judge.finds(f"{counted(len(ended), 'partition')} of a time that has ended, not judged")
    return tuple(table for table in tables if not table.ended)


def settings_are_in_force(
    judge: Judge, tables: tuple[TableStatistics, ...], catalogue: Catalogue, settings: Settings
) -> None:
    """Require that each table or partition has the contract's settings, and auto-vacuum enabled."""
    wanted = {name: float(value) for name, value in asdict(settings.vacuum).items()}
    wrong = {table.sql_name: _deviations(table, wanted, catalogue) for table in tables}
    judge.requires(
        not any(wrong.values()),
        lambda: listed(
            f"{table.name}: {', '.join(found)}" for table in tables if (found := wrong[table.sql_name].values())
        ),
        expected=", ".join(f"{name} = {value:g}" for name, value in wanted.items()),
        why="the table is vacuumed and analysed too seldom for its traffic; a new partition inherits nothing",
        advice=for_each(
            sql(f"ALTER TABLE {name} SET ({', '.join(f'{option} = {wanted[option]:g}' for option in found)})")
            for name, found in wrong.items()
            if found
        ),
    )
    off = [(table, which) for table in tables for which in ("", "toast.") if not _vacuums(table, which)]
    judge.requires(
        not off,
        lambda: listed(
            f"auto-vacuum is disabled on {'the TOAST table of ' if which else ''}{table.name}"
            for table, which in off
        ),
        expected="auto-vacuum on every hot table",
        why=WHY,
        advice=for_each(
            sql(f"ALTER TABLE {table.sql_name} RESET ({which}autovacuum_enabled)") for table, which in off
        ),
    )


def _vacuums(table: TableStatistics, which: str) -> bool:
    options = table.toast_options if which else table.options
    return _is_on(options.get("autovacuum_enabled", "on"))


def _deviations(table: TableStatistics, wanted: Mapping[str, float], catalogue: Catalogue) -> dict[str, str]:
    """Setting → what is wrong, for settings in force with another value than the contract's."""
    found = {name: _found(table, catalogue, name) for name in wanted}
    return {
        name: _deviation(name, value) for name, value in found.items() if value is None or value[0] != wanted[name]
    }


def _found(table: TableStatistics, catalogue: Catalogue, name: str) -> tuple[float, str] | None:
    """A setting's value in force, and its source; None if the role cannot see it."""
    for source, values in (("its own", table.options), ("the server's", catalogue.settings)):
        if name in values:
            return float(values[name]), source
    return None


def _deviation(name: str, found: tuple[float, str] | None) -> str:
    return f"{name} not known" if found is None else f"{name} is {found[0]:g} ({found[1]})"


def _is_on(value: str) -> bool:
    """A boolean storage parameter as Postgres parses it: any unique prefix of its words."""
    text = value.strip().lower()
    return text in ("on", "1") or "true".startswith(text) or "yes".startswith(text)


def vacuum_comes_when_due(
    judge: Judge,
    tables: tuple[TableStatistics, ...],
    statistics: TablesStatistics,
    catalogue: Catalogue,
    settings: Settings,
) -> None:
    """Require that each table past a trigger point was vacuumed or analysed within a day, or is being vacuumed."""
    allowed, now = timedelta(seconds=settings.windows.vacuum_seconds), catalogue.read_at
    late: list[tuple[TableStatistics, Trigger, datetime | None]] = []
    unknown: list[tuple[str, str, Help]] = []
    for table in tables:
        reason, advice = statistics.why_unknown(table)
        if reason:
            unknown.append((table.name, reason, advice))
            continue
        for trigger in triggers(table, catalogue.settings):
            last = table.vacuumed_at if trigger.work == "vacuum" else table.analysed_at
            if trigger.passed and not table.being_vacuumed and (last is None or now - last > allowed):
                late.append((table, trigger, last))
    if unknown:
        judge.cannot_tell(
            listed(
                f"whether {name} is past its trigger point is not known: {reason}" for name, reason, _ in unknown
            ),
            for_each(advice for _, _, advice in unknown),
        )
    told = listed(_past(table, trigger, last, now) for table, trigger, last in late)
    if late and not statistics.sees_vacuums:
        judge.cannot_tell(
            f"{told}; whether it is being vacuumed is hidden from role {catalogue.role}",
            sql(f"GRANT pg_read_all_stats TO {quoted(catalogue.role)}"),
        )
        return
    commands = {f"{COMMANDS[trigger.work]} {table.sql_name}": None for table, trigger, _ in late}
    judge.requires(
        not late,
        lambda: told + _young(catalogue, allowed),
        expected=f"a vacuum or analyze within the last {duration(allowed)} of what is past its trigger point",
        why=WHY,
        advice=for_each(map(sql, commands))
        + "then look for what holds auto-vacuum back: locks, idle transactions, too few "
        "workers",
    )


COMMANDS = {"vacuum": "VACUUM", "analyze": "ANALYZE"}


def _past(table: TableStatistics, trigger: Trigger, last: datetime | None, now: datetime) -> str:
    word = "vacuumed" if trigger.work == "vacuum" else "analysed"
    when = f"last {word} {ago(now, last)}" if last else f"never {word}"
    return (
        f"{table.name} has {trigger.count} {trigger.what}, past its trigger point of {trigger.point:.0f}, {when}"
    )


def _young(catalogue: Catalogue, allowed: timedelta) -> str:
    up = catalogue.read_at - catalogue.started_at
    return f" (the server was started {duration(up)} ago)" if up < allowed else ""


def by_table(tables: tuple[TableStatistics, ...], catalogue: Catalogue) -> list[dict[str, Cell]]:
    """Counts and trigger points of each table, for the report."""
    return [
        {
            "table": table.name,
            **{
                f"{trigger.what} / trigger": f"{trigger.count} / {trigger.point:.0f}"
                for trigger in triggers(table, catalogue.settings)
            },
            "last vacuumed": clock(table.vacuumed_at) if table.vacuumed_at else "never",
            "last analysed": clock(table.analysed_at) if table.analysed_at else "never",
        }
        for table in tables
    ]

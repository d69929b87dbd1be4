"""Rules of check 12 about tables: dead tuples are few, or a small share of their table."""

from __future__ import annotations

from fractions import Fraction

from checks.judge import Cell, Judge
from checks.rules.missing_table import is_there
from fixtures.advice import for_each, sql
from fixtures.database.catalogue import Catalogue
from fixtures.database.table_statistics import (
    NOT_COUNTING,
    SWITCH_ON,
    TablesStatistics,
    TableStatistics,
    measured_tables,
)
from fixtures.settings.model import Settings
from fixtures.wording import clock, counted, listed

OTHERS = "other-tables"
"""Case of the tables that have none of their own."""


def tables_of(
    judge: Judge, case: str, statistics: TablesStatistics, catalogue: Catalogue, settings: Settings
) -> tuple[TableStatistics, ...]:
    """What holds the rows of a case's table, which must be there; of the other tables, those with dead tuples."""
    if case == OTHERS:
        others = statistics.beside(measured_tables(settings))
        judge.finds(f"{counted(len(others), 'other table')} with more dead tuples than a case of its own allows")
        return others
    return statistics.of(case) if is_there(judge, catalogue, case, settings) else ()


def tables_are_not_bloated(
    judge: Judge, tables: tuple[TableStatistics, ...], statistics: TablesStatistics, settings: Settings
) -> None:
    """Require of each table, and of each partition, that its dead tuples are few or a small share."""
    known = [table for table in tables if not statistics.why_unknown(table)[0]]
    many, share = settings.thresholds.dead_tuples, settings.thresholds.dead_tuples_percent
    bloated = [table for table in known if table.dead > many and _dead_percent(table) > Fraction(share)]
    judge.requires(
        not bloated,
        lambda: listed(_in_words(table) for table in bloated),
        expected=f"at most {many} dead tuples in a table, or at most {share:g} % of it",
        why="every scan reads the dead tuples too, and the table grows",
        advice=for_each(sql(f"VACUUM (ANALYZE) {table.sql_name}") for table in bloated)
        + "check 14 tells why auto-vacuum did not come",
    )
    if not statistics.tracking:
        judge.cannot_tell(f"dead tuples are not known: {NOT_COUNTING}", SWITCH_ON)
        return
    unknown = [(table.name, *statistics.why_unknown(table)) for table in tables if table not in known]
    if unknown:
        judge.cannot_tell(
            listed(f"dead tuples of {name} are not known: {reason}" for name, reason, _ in unknown),
            for_each(advice for _, _, advice in unknown),
        )


def _dead_percent(table: TableStatistics) -> Fraction:
    return Fraction(100 * table.dead, max(table.live + table.dead, 1))


def _in_words(table: TableStatistics) -> str:
    share = f"{float(_dead_percent(table)):.1f} %"
    vacuumed = clock(table.vacuumed_at) if table.vacuumed_at else "never"
    counts = f"{table.dead} dead tuples beside {table.live} live ones ({share})"
    return f"{table.name}: {counts}, last vacuumed: {vacuumed}"


def dead_by_table(tables: tuple[TableStatistics, ...]) -> list[dict[str, Cell]]:
    """Dead and live tuples, most dead first, for the report."""
    ordered = sorted(tables, key=lambda table: (-table.dead, table.name))
    return [
        {
            "table": table.name,
            "dead tuples": table.dead,
            "live tuples": table.live,
            "last vacuumed": clock(table.vacuumed_at) if table.vacuumed_at else "never",
            "last analysed": clock(table.analysed_at) if table.analysed_at else "never",
        }
        for table in ordered
    ]

"""Commands about partitions, for the tables as they were found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from checks.rules.partition_names import name_of_month
from checks.rules.partition_rights import BARE, protect, storage
from fixtures import advice
from fixtures.advice import Advice, Help, for_each, sql
from fixtures.database.identifiers import quoted
from fixtures.database.partition_family import Family
from fixtures.database.partitions import EventsTable, Partition, Partitioning
from fixtures.wording import listed

MONTH_IN_NAME = re.compile(r"_(\d{4})_(\d{2})$")
DETACHED = "_detached"
"""Suffix for the name of a partition that is replaced."""
OTHER_MONTHS = "then a partition for each other month that a detached table has rows of"
MOST_MONTHS = 36
"""Months that one advice creates partitions for."""


@dataclass(frozen=True)
class Commands:
    """The commands for the partitions of one table."""

    found: Partitioning
    table: EventsTable
    schema: str
    zone: tzinfo
    """The time zone whose months they are."""
    at: str = "created_at"
    """The column that the table is partitioned by."""

    @property
    def parent(self) -> str:
        """The partitioned table's name, quoted for SQL."""
        return quoted(self.schema, self.table.name)

    @property
    def family(self) -> Family:
        """What a new partition gets from its siblings."""
        return self.table.family or BARE

    def create(self, begin: datetime, end: datetime, held_by: Iterable[Partition] = ()) -> Help:
        """Create a month's partition.

        Partitions with a part of the month, and a default partition with rows, are detached first, since Postgres
        refuses the month's partition beside them; the month's rows are moved.

        Args:
            begin: first moment of the month.
            end: first moment of the next one.
            held_by: the partitions that hold a part of it.
        """
        held, name = list(held_by), self.name_of(begin)
        unread = [one.name for one in self.found.of(self.table.name) if not one.readable]
        if unread:
            return (
                f"look at the bounds of {listed(unread, separator=', ')} first, by \\d+ in psql: the month's "
                "partition must not overlap them"
            )
        fallback = self.fallback if self.table.default_rows or self.table.rows_unread else None
        if not held and fallback is None and name in self.found.lookalikes:
            return f"attach {self.schema}.{name}, as said above"
        if name not in {one.name for one in held if one.schema == self.home}:
            name = self.free(name)
        steps = []
        for one in held:
            steps.append(f"ALTER TABLE {self.parent} DETACH PARTITION {_name(one)}")
            steps.append(f"ALTER TABLE {_name(one)} RENAME TO {quoted(one.name + DETACHED)}")
        steps += self.beside_default(
            [(name, begin, end)], fallback, [(one.schema, one.name + DETACHED) for one in held]
        )
        commands = sql("BEGIN", *steps, "COMMIT")
        return commands + OTHER_MONTHS if held else commands

    def beside_default(
        self,
        wanted: Iterable[tuple[str, datetime, datetime]],
        fallback: Partition | None,
        sources: Iterable[tuple[str, str]] = (),
    ) -> list[str]:
        """The steps that create partitions and move their rows out of other tables and the default partition.

        Args:
            wanted: name, begin and end of each new partition.
            fallback: the default partition, which is detached meanwhile; None if it is not in the way.
            sources: schema and name of detached tables with rows of these months.
        """
        steps, tables = [], list(sources)
        if fallback is not None:
            steps.append(f"ALTER TABLE {self.parent} DETACH PARTITION {_name(fallback)}")
            tables.append((fallback.schema, fallback.name))
        for name, begin, end in wanted:
            steps += self.making(quoted(self.home, name), begin, end)
            steps += [self._move(schema, table, begin, end) for schema, table in tables]
        if fallback is not None:
            steps.append(f"ALTER TABLE {self.parent} ATTACH PARTITION {_name(fallback)} DEFAULT")
        return steps

    def making(self, table: str, begin: datetime, end: datetime) -> list[str]:
        """The steps that create a partition with what its siblings have; its name is quoted."""
        create = f"CREATE TABLE {table} PARTITION OF {self.parent} {_bounds(begin, end)}{storage(self.family)}"
        return [create, *protect(table, self.family)]

    def attach(self, name: str, begin: datetime, end: datetime) -> Help:
        """Attach an existing table as a month's partition, after it has got what its siblings have."""
        if not self.fits(name):
            return (
                f"compare {self._of(name)} with {self.parent}: with other columns or checks it cannot be attached"
            )
        steps = [*protect(self._of(name), self.family, existing=True)]
        steps.append(f"ALTER TABLE {self.parent} ATTACH PARTITION {self._of(name)} {_bounds(begin, end)}")
        return sql("BEGIN", *steps, "COMMIT")

    def fits(self, name: str) -> bool:
        """Whether a lookalike has the columns and checks of the others."""
        return self.found.fitting is None or name in self.found.fitting

    def finish_detaching(self, one: Partition, begin: datetime, end: datetime) -> Advice:
        """Finish an interrupted DETACH, and attach the partition again."""
        return sql(
            f"ALTER TABLE {self.parent} DETACH PARTITION {_name(one)} FINALIZE",
            f"ALTER TABLE {self.parent} ATTACH PARTITION {_name(one)} {_bounds(begin, end)}",
        )

    def fill_shell(self, one: Partition, begin: datetime, end: datetime) -> Advice:
        """Replace a partition that is partitioned itself and has no partition by an ordinary one."""
        making = self.making(_name(one), begin, end)
        return sql("BEGIN", f"DROP TABLE {_name(one)}", *making, "COMMIT")

    def log(self, one: Partition) -> Advice:
        """Make a partition logged, so that its rows survive a crash."""
        return sql(f"ALTER TABLE {_name(one)} SET LOGGED")

    def rename(self, one: Partition, begins: datetime) -> Advice:
        """Rename a partition after the month that it begins in, with a suffix if that name is taken."""
        name = self.free(self.name_of(begins.astimezone(self.zone)))
        return sql(f"ALTER TABLE {_name(one)} RENAME TO {quoted(name)}")

    def drop(self, partitions: Iterable[Partition]) -> Advice:
        """Drop partitions."""
        return for_each(sql(f"DROP TABLE {_name(one)}") for one in partitions)

    def use_lookalikes(self) -> Advice:
        """Attach or drop the tables that are named like a partition but attached to nothing."""
        return for_each(
            advice.of(self._use(name)) + f"or drop {self.schema}.{name}, if it is empty"
            for name in self.found.lookalikes
        )

    def _use(self, name: str) -> Help:
        own = self.found.of(self.table.name)
        numbers = MONTH_IN_NAME.search(name)
        known = numbers is not None and 1970 <= int(numbers[1]) < 9999 and 1 <= int(numbers[2]) <= 12
        if self.table.key and numbers is not None and known:
            begin, end = months(int(numbers[1]), int(numbers[2]), self.zone)
            if not any(one.holds_some_of(begin, end) for one in own):
                return self.attach(name, begin, end)
        table = self._of(name)
        if not self.fits(name):
            return f"compare {table} with {self.parent}, whose columns or checks differ, and move its rows by hand"
        return sql("BEGIN", self.copy(table), f"DROP TABLE {table}", "COMMIT")

    def copy(self, table: str, end: str = "") -> str:
        """Insert every row of a table into the partitioned one."""
        return f"INSERT INTO {self.into} SELECT {self.columns} FROM {table}{end}"

    def empty_default(self) -> Help:
        """Move the rows of the default partition into partitions of their months."""
        fallback = self.fallback
        if fallback is None:
            return ""
        wanted = [
            (self.free(self.name_of(begin)), begin, end)
            for label in self.table.default_months[:MOST_MONTHS]
            if label[4:5] == "-"
            for begin, end in [months(int(label[:4]), int(label[5:]), self.zone)]
            if not any(one.holds_some_of(begin, end) for one in self.found.of(self.table.name))
        ]
        if not wanted:
            return (
                f"look at the rows of {_name(fallback)}: no month can get a partition for them, since they have "
                "no time, an infinite one, or a month that another partition holds in part"
            )
        return sql("BEGIN", *self.beside_default(wanted, fallback), "COMMIT")

    def swap(self, old: EventsTable, schema: str) -> Help:
        """Let the partitioned successor take the place of the table with the events, with its rows."""
        differ = self.found.differences
        if differ is None or differ:
            what = f": {listed(differ, separator=', ')}" if differ else ""
            return (
                f"before the two can be swapped, make them alike; they differ in what only one of them has{what}"
            )
        first = old.first_row or self.found.read_at
        begin, end = months(first.astimezone(self.zone).year, first.astimezone(self.zone).month, self.zone)
        steps: list[str] = []
        while begin <= self.found.read_at and len(steps) < MOST_MONTHS * 10:
            if not any(one.holds_some_of(begin, end) for one in self.found.of(self.table.name)):
                steps += self.making(quoted(self.home, self.free(self.name_of(begin))), begin, end)
            begin, end = end, months(end.year, end.month + 1, self.zone)[0]
        source = quoted(schema, old.name)
        commands = sql(
            "BEGIN",
            f"LOCK TABLE {source}, {self.parent} IN ACCESS EXCLUSIVE MODE",
            *steps,
            self.copy(source, " ON CONFLICT DO NOTHING"),
            f"ALTER TABLE {source} RENAME TO {quoted(f'{old.name}_old')}",
            f"ALTER TABLE {self.parent} RENAME TO {quoted(old.name)}",
            "COMMIT",
        )
        return commands + "then look at the webhooks: writing waits while the rows are copied"

    @property
    def columns(self) -> str:
        """The columns that rows are moved with, by name: the order may differ between tables."""
        return ", ".join(map(quoted, self.family.columns)) or "*"

    @property
    def into(self) -> str:
        """The partitioned table with these columns, as INSERT takes it."""
        return f"{self.parent} ({self.columns})" if self.family.columns else self.parent

    @property
    def home(self) -> str:
        """The schema of new partitions: that of their siblings."""
        return self.family.schema or self.schema

    def name_of(self, begin: datetime) -> str:
        """The name of a month's partition, as the others are named."""
        return name_of_month(begin, self.table.name, self.found.of(self.table.name), self.zone)

    @property
    def fallback(self) -> Partition | None:
        """The default partition, or None."""
        return next((one for one in self.found.of(self.table.name) if one.is_default), None)

    def free(self, name: str) -> str:
        """Return the name, with a suffix if it is taken."""
        return name if name not in self.found.taken else f"{name}_new"

    def _of(self, name: str) -> str:
        return quoted(self.schema, name)

    def _move(self, schema: str, name: str, begin: datetime, end: datetime) -> str:
        at, since, until = quoted(self.at), begin.isoformat(" "), end.isoformat(" ")
        return (
            f"WITH moved AS (DELETE FROM {quoted(schema, name)} WHERE {at} >= '{since}' AND {at} < '{until}' "
            f"RETURNING {self.columns}) INSERT INTO {self.into} SELECT {self.columns} FROM moved"
        )


def months(year: int, number: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return begin and end of a month in a time zone; a ``number`` outside of 1 to 12 is in another year."""

    def first(since: int) -> datetime:
        return datetime(since // 12, since % 12 + 1, 1, tzinfo=zone)

    since = year * 12 + number - 1
    return first(since), first(since + 1)


def _name(one: Partition) -> str:
    return quoted(one.schema, one.name)


def _bounds(begin: datetime, end: datetime) -> str:
    return f"FOR VALUES FROM ('{begin.isoformat(' ')}') TO ('{end.isoformat(' ')}')"

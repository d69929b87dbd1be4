"""Commands about partitions, for the tables as they were found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from fixtures.database.identifiers import quoted
from fixtures.database.partitions import EventsTable, Partition, Partitioning
from fixtures.wording import listed

MONTH_IN_NAME = re.compile(r"_(\d{4})_(\d{2})$")
DETACHED = "_detached"
"""Suffix for the name of a partition that is replaced."""
MONTHLY = "create_wa_events_partition"
LIKE_THE_OTHERS = "with the storage parameters of the others"


@dataclass(frozen=True)
class Commands:
    """The commands for the partitions of one table."""

    found: Partitioning
    table: EventsTable
    schema: str
    zone: tzinfo
    """The time zone whose months they are."""

    @property
    def parent(self) -> str:
        """The partitioned table's name, quoted for SQL."""
        return quoted(self.schema, self.table.name)

    @property
    def scheduled(self) -> str:
        """The call of the function that the monthly job calls."""
        return f"SELECT {self._of(MONTHLY)}(), which creates the partition three months ahead"

    def create(self, begin: datetime, end: datetime, held_by: Iterable[Partition] = ()) -> str:
        """Create a month's partition.

        Partitions with a part of the month, and a default partition with rows, are detached first, since Postgres
        refuses the month's partition beside them; the month's rows are moved.

        Args:
            begin: first moment of the month.
            end: first moment of the next one.
            held_by: the partitions that hold a part of it.
        """
        held, name = list(held_by), f"{self.table.name}_{begin:%Y_%m}"
        fallback = self.fallback if self.table.default_rows or self.table.rows_unread else None
        if not held and fallback is None and name in self.found.lookalikes:
            return self.attach(name, begin, end)
        if name not in {one.name for one in held if one.schema == self.schema}:
            name = self.free(name)
        making = f"CREATE TABLE {self._of(name)} PARTITION OF {self.parent} {_bounds(begin, end)}"
        if not held and fallback is None:
            return f"{making}, {LIKE_THE_OTHERS}; {self.scheduled}"
        steps = ["BEGIN"]
        for one in held:
            steps.append(f"ALTER TABLE {self.parent} DETACH PARTITION {_name(one)}")
            steps.append(f"ALTER TABLE {_name(one)} RENAME TO {quoted(one.name + DETACHED)}")
        if fallback is not None:
            steps.append(f"ALTER TABLE {self.parent} DETACH PARTITION {_name(fallback)}")
        steps.append(making)
        steps += [self._move(one.schema, one.name + DETACHED, begin, end) for one in held]
        if fallback is not None:
            steps.append(self._move(fallback.schema, fallback.name, begin, end))
            steps.append(f"ALTER TABLE {self.parent} ATTACH PARTITION {_name(fallback)} DEFAULT")
        return (
            f"{'; '.join(steps)}; COMMIT, {LIKE_THE_OTHERS}; then a partition for each other month that a "
            "detached table has rows of"
        )

    def attach(self, name: str, begin: datetime, end: datetime) -> str:
        """Attach an existing table as a month's partition."""
        return f"ALTER TABLE {self.parent} ATTACH PARTITION {self._of(name)} {_bounds(begin, end)}"

    def finish_detaching(self, one: Partition, begin: datetime, end: datetime) -> str:
        """Finish an interrupted DETACH, and attach the partition again."""
        return (
            f"ALTER TABLE {self.parent} DETACH PARTITION {_name(one)} FINALIZE; "
            f"ALTER TABLE {self.parent} ATTACH PARTITION {_name(one)} {_bounds(begin, end)}"
        )

    def fill_shell(self, one: Partition, begin: datetime, end: datetime) -> str:
        """Replace a partition that is partitioned itself and has no partition by an ordinary one."""
        return (
            f"DROP TABLE {_name(one)}; "
            f"CREATE TABLE {_name(one)} PARTITION OF {self.parent} {_bounds(begin, end)}, {LIKE_THE_OTHERS}"
        )

    def log(self, one: Partition) -> str:
        """Make a partition logged, so that its rows survive a crash."""
        return f"ALTER TABLE {_name(one)} SET LOGGED"

    def rename(self, one: Partition, begins: datetime) -> str:
        """Rename a partition after the month that it begins in, with a suffix if that name is taken."""
        name = self.free(f"{self.table.name}_{begins.astimezone(self.zone):%Y_%m}")
        return f"ALTER TABLE {_name(one)} RENAME TO {quoted(name)}"

    def drop(self, partitions: Iterable[Partition]) -> str:
        """Drop partitions."""
        return listed(f"DROP TABLE {_name(one)}" for one in partitions)

    def use_lookalikes(self) -> str:
        """Attach or drop the tables that are named like a partition but attached to nothing."""
        return listed(
            f"{self._use(name)}, or DROP TABLE {self._of(name)} if it is empty" for name in self.found.lookalikes
        )

    def _use(self, name: str) -> str:
        own = self.found.of(self.table.name)
        numbers = MONTH_IN_NAME.search(name)
        known = numbers is not None and 1970 <= int(numbers[1]) < 9999 and 1 <= int(numbers[2]) <= 12
        if self.table.key and numbers is not None and known:
            begin, end = months(int(numbers[1]), int(numbers[2]), self.zone)
            if not any(one.holds_some_of(begin, end) for one in own):
                return self.attach(name, begin, end)
        return f"INSERT INTO {self.parent} SELECT * FROM {self._of(name)}, then DROP TABLE {self._of(name)}"

    def empty_default(self) -> str:
        """Move the rows of the default partition into partitions of their months."""
        fallback = self.fallback
        if fallback is None:
            return ""
        name = _name(fallback)
        return (
            f"SELECT date_trunc('month', created_at), count(*) FROM {name} GROUP BY 1 lists their months; in one "
            f"transaction: ALTER TABLE {self.parent} DETACH PARTITION {name}; CREATE TABLE … PARTITION OF "
            f"{self.parent} for each of these months; INSERT INTO {self.parent} SELECT * FROM {name}; "
            f"TRUNCATE {name}; ALTER TABLE {self.parent} ATTACH PARTITION {name} DEFAULT"
        )

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
        return (
            f"WITH moved AS (DELETE FROM {quoted(schema, name)} WHERE created_at >= '{begin.isoformat(' ')}' "
            f"AND created_at < '{end.isoformat(' ')}' RETURNING *) INSERT INTO {self.parent} SELECT * FROM moved"
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

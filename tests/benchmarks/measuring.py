"""What each statement of the readers costs the server: time, buffers and rows, as EXPLAIN measures them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from fixtures.catalogue import Catalogue
from fixtures.catalogue_reader import catalogue_statements
from fixtures.database import LOCAL_SETTINGS, Database
from fixtures.pieces import DATABASE_READERS
from fixtures.secret import Secret
from fixtures.settings.model import Settings
from fixtures.statements import Statement
from reports.outcome import Gap

TRIES = 3


@dataclass(frozen=True)
class Cost:
    """What statements cost."""

    milliseconds: float = 0.0
    """Planning and execution, on the server."""
    buffers: int = 0
    """Blocks of 8 KiB that were looked at, in the cache or not."""
    rows: int = 0
    """Rows that scans read, those that a filter removed included."""
    cancelled: bool = False
    """Whether the statement timeout ended it."""

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            self.milliseconds + other.milliseconds,
            self.buffers + other.buffers,
            self.rows + other.rows,
            self.cancelled or other.cancelled,
        )


@dataclass(frozen=True)
class Whole:
    """One reading as a run does it, the quickest of three: caches are warm, and the machine has other work."""

    seconds: float
    gaps: dict[str, Gap]


def read_whole(url: Secret, settings: Settings) -> Whole:
    """Read every piece in the run's transaction, and take the time from outside."""
    database = Database(url, settings.limits)
    try:
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            _, _, gaps = database.read(DATABASE_READERS, settings)
            times.append(time.perf_counter() - began)
        return Whole(min(times), gaps)
    finally:
        database.close()


def measure(url: Secret, settings: Settings) -> dict[str, Cost]:
    """The cost of each piece of evidence, under the settings of a run's transaction."""
    database = Database(url, settings.limits)
    catalogue, _, _ = database.read([], settings)
    database.close()
    asked = {"catalogue": catalogue_statements(settings)} | {
        reader.piece: dict(reader.statements(catalogue, settings)) for reader in DATABASE_READERS
    }
    with psycopg.connect(url.reveal(), autocommit=True, prepare_threshold=None) as connection:
        return {
            piece: sum((quickest(connection, one, catalogue, settings) for one in statements.values()), Cost())
            for piece, statements in asked.items()
        }


def quickest(
    connection: psycopg.Connection[Any], statement: Statement, catalogue: Catalogue, settings: Settings
) -> Cost:
    """The lowest cost of one statement in three tries; one that is cancelled is not tried again."""
    costs: list[Cost] = []
    while len(costs) < TRIES and not (costs and costs[-1].cancelled):
        costs.append(explain(connection, statement, catalogue, settings))
    return min(costs, key=lambda cost: cost.milliseconds)


def explain(
    connection: psycopg.Connection[Any], statement: Statement, catalogue: Catalogue, settings: Settings
) -> Cost:
    """The cost of one statement, in a transaction of its own."""
    limits = settings.limits
    with connection.transaction(force_rollback=True):
        connection.execute(
            LOCAL_SETTINGS,
            {
                "statement_timeout": f"{round(limits.statement_timeout_seconds * 1000)}ms",
                "lock_timeout": "1s",
                "idle_timeout": "15s",
                "application_name": "benchmark",
            },
        )
        try:
            text = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
            row = connection.execute(text.encode(), statement.parameters or None).fetchone()
        except psycopg.errors.QueryCanceled:
            return Cost(milliseconds=limits.statement_timeout_seconds * 1000, cancelled=True)
    assert row is not None
    plan = row[0][0]
    return Cost(plan["Planning Time"] + plan["Execution Time"], _buffers(plan["Plan"]), _rows(plan["Plan"]))


def _buffers(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _rows(node: dict[str, Any]) -> int:
    """Rows that the scans below a node read; what they give is counted for each loop, and so is what they drop."""
    own = 0
    if "Relation Name" in node:
        dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        own = (node["Actual Rows"] + dropped) * node["Actual Loops"]
    return round(own + sum(_rows(child) for child in node.get("Plans", ())))

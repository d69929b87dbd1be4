"""Measures what each statement of the readers costs the server: time, buffers and rows, by EXPLAIN."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from fixtures.database.catalogue import Catalogue
from fixtures.database.catalogue_reader import catalogue_statements
from fixtures.database.client import APPLICATION_NAME, LOCAL_SETTINGS, Database
from fixtures.database.statements import READERS, Statement
from fixtures.evidence.plugin import load_sources
from fixtures.outcome import Gap
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings

load_sources()  # registers the readers that are measured

TRIES = 3


@dataclass(frozen=True)
class Cost:
    """Cost of statements."""

    milliseconds: float = 0.0
    """Planning and execution time on the server."""
    buffers: int = 0
    """Blocks of 8 KiB that were read, from the cache or not."""
    rows: int = 0
    """Rows that scans read, including those that a filter removed."""
    cancelled: bool = False
    """Whether the statement timeout cancelled a statement."""

    def __add__(self, other: Cost) -> Cost:
        """Add two costs."""
        return Cost(
            self.milliseconds + other.milliseconds,
            self.buffers + other.buffers,
            self.rows + other.rows,
            self.cancelled or other.cancelled,
        )


@dataclass(frozen=True)
class Whole:
    """One reading as a run does it: the fastest of three, so that caches are warm and other load matters less."""

    seconds: float
    cpu_seconds: float
    """Processor time of the server for one reading without parallel workers; independent of other load."""
    gaps: dict[str, Gap]


def read_whole(address: DatabaseAddress, settings: Settings) -> Whole:
    """Read every piece in a run's transaction, and measure the time on the client."""
    times, gaps = zip(*(_read(address, settings) for _ in range(TRIES)), strict=True)
    options = "-c max_parallel_workers_per_gather=0"
    alone = DatabaseAddress.parse(conninfo.make_conninfo(address.text.reveal(), options=options))
    cpu, _ = zip(*(_read(alone, settings, cpu=True) for _ in range(TRIES)), strict=True)
    return Whole(min(times), min(cpu), gaps[0])


def _read(address: DatabaseAddress, settings: Settings, *, cpu: bool = False) -> tuple[float, dict[str, Gap]]:
    """Read once; return the elapsed time, or with ``cpu`` the server process's processor time, and the gaps."""
    database = Database(address, settings.limits)
    try:
        clock = partial(_processor_time, _process(address)) if cpu else time.perf_counter
        began = clock()
        _, _, gaps = database.read(READERS, settings)
        return clock() - began, gaps
    finally:
        database.close()


def _process(address: DatabaseAddress) -> int:
    """Return the id of the server process of the suite's connection."""
    with psycopg.connect(address.text.reveal()) as connection:
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (APPLICATION_NAME,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def _processor_time(process: int) -> float:
    """Return the processor time of a process on this machine in seconds, from /proc."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(address: DatabaseAddress, settings: Settings) -> dict[str, Cost]:
    """Return the cost of each piece of evidence, with the settings of a run's transaction."""
    database = Database(address, settings.limits)
    catalogue, _, _ = database.read([], settings)
    database.close()
    asked = {"catalogue": catalogue_statements(settings)} | {
        reader.piece: dict(reader.statements(catalogue, settings)) for reader in READERS
    }
    with psycopg.connect(address.text.reveal(), autocommit=True, prepare_threshold=None) as connection:
        return {
            piece: sum((quickest(connection, one, catalogue, settings) for one in statements.values()), Cost())
            for piece, statements in asked.items()
        }


def quickest(
    connection: psycopg.Connection[Any], statement: Statement, catalogue: Catalogue, settings: Settings
) -> Cost:
    """Return the lowest cost of a statement in three tries; a cancelled statement is not retried."""
    costs: list[Cost] = []
    while len(costs) < TRIES and not (costs and costs[-1].cancelled):
        costs.append(explain(connection, statement, catalogue, settings))
    return min(costs, key=lambda cost: cost.milliseconds)


def explain(
    connection: psycopg.Connection[Any], statement: Statement, catalogue: Catalogue, settings: Settings
) -> Cost:
    """Return the cost of one statement, in its own transaction."""
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
    """Return the rows that the scans below a node read: returned and filtered rows, times loops."""
    own = 0
    if "Relation Name" in node:
        dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        own = (node["Actual Rows"] + dropped) * node["Actual Loops"]
    return round(own + sum(_rows(child) for child in node.get("Plans", ())))

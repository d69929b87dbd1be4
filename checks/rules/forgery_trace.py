"""Rules of check 4: refused requests left no row in any table, and started no pass of the processor."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.judge import Judge
from fixtures.advice import look, sql
from fixtures.database.connection import DatabaseConnection
from fixtures.database.dlq_passes import TRIGGERED, DlqPasses
from fixtures.database.forgery_trace import ForgeryTrace, TableTrace
from fixtures.database.identifiers import literal, quoted
from fixtures.webhooks.http.request import FORGED
from fixtures.webhooks.model import ProcessorProbes, WebhookProbes
from fixtures.wording import counted

A_PASS_TAKES = timedelta(seconds=150)
"""The longest run of an edge function: a pass may end this long after its trigger."""

CLOCKS_AGREE = timedelta(seconds=2)
"""Uncertainty of the measured difference between the runner's clock and the database's."""


def since(began: datetime, connection: DatabaseConnection) -> datetime:
    """Convert a time of the runner's clock to the database's clock, less two seconds of uncertainty.

    Rows from this time on count, without an upper limit: the database is read soon after the probes, and a pass
    that they started may end after them.
    """
    return began - timedelta(seconds=connection.clock_difference_seconds or 0) - CLOCKS_AGREE


def left_no_trace(
    judge: Judge, trace: ForgeryTrace, probes: WebhookProbes, connection: DatabaseConnection, schema: str
) -> None:
    """Require that no row of any table contains the id of a forged request of this run."""
    judge.expects("No forged request left a row in any table.")
    begin = since(probes.began, connection)
    for table, found in trace.tables.items():
        name = f"{schema}.{table}"
        if found.problem and not found.proof:
            judge.fails(found.problem, expected=f"a table {name} to search for ids of forged requests")
        elif found.problem:
            judge.cannot_tell(f"{name} was not searched: {found.problem}", found.proof)
        else:
            _has_no_row_of(judge, found, (schema, table), probes.run_id)
            _hides_nothing(judge, found, (schema, table), trace.role, begin)
    searched = [table for table, found in trace.tables.items() if not found.problem]
    judge.finds(f"searched for ids of run {probes.run_id}: {', '.join(searched) or 'no table'}")


def _has_no_row_of(judge: Judge, found: TableTrace, table: tuple[str, str], run: str) -> None:
    name, rows = ".".join(table), found.runs.get(run, 0)
    judge.requires(
        rows == 0,
        lambda: (
            f"{counted(rows, 'row')} of {name} {'contains' if rows == 1 else 'contain'} ids of forged requests"
        ),
        expected="none",
        why="refused requests were recorded: anyone can fill the tables, and their readers take the rows for real "
        "messages",
        advice="record nothing before the signature is verified; these are the rows"
        + look(f"SELECT * FROM {quoted(*table)} AS r WHERE r::text LIKE {literal(f'%{FORGED}{run}-%')}"),
    )
    if found.unnamed_only:
        judge.finds(
            f"{name} is large and has no index on created_at: only rows without a message id were searched"
        )
    if others := sum(found.runs.values()) - rows:
        judge.finds(f"ids of other runs' forged requests: {counted(others, 'row')} of {name}")


def _hides_nothing(judge: Judge, found: TableTrace, table: tuple[str, str], role: str, begin: datetime) -> None:
    """Require, if columns are hidden from the role, that no row without a message id is new since the probes."""
    if not found.hidden:
        return
    name, columns = ".".join(table), ", ".join(found.hidden)
    unnamed = sum(at >= begin for at in found.unnamed)
    if found.judged_unnamed and not unnamed:
        judge.finds(
            f"{name}: role {role} may not read {columns}; no row without a message id is new since the probes"
        )
        return
    created = f", and {counted(unnamed, 'new row')} had no message id" if unnamed else ""
    judge.cannot_tell(
        f"{name} was not searched in {columns}, which role {role} may not read{created}",
        sql(f"GRANT SELECT ({', '.join(map(quoted, found.hidden))}) ON {quoted(*table)} TO {quoted(role)}"),
    )


def processed_nothing(
    judge: Judge, probes: ProcessorProbes, passes: DlqPasses, connection: DatabaseConnection
) -> None:
    """Require that only scheduled passes ended while the processor was called without its key."""
    judge.expects(f"No pass ran while {probes.function} was called without the service role key.")
    if connection.clock_difference_seconds is None:
        judge.cannot_tell(
            "the clocks of this machine and of the database were not compared", "run the checks again"
        )
        return
    ran, unexplained = _passes_since(since(probes.began, connection), passes)
    judge.finds(
        f"{counted(ran, 'pass', 'passes')} in the log since the calls were made, {unexplained} unexplained"
    )
    if unexplained and not any(one.status == TRIGGERED for one in passes.latest):
        judge.cannot_tell(
            f"a pass ended while the calls were made, and the log has no {TRIGGERED} rows "
            "to tell which were scheduled",
            "run the checks again at a minute when no pass is scheduled",
        )
        return
    judge.requires(
        not unexplained,
        lambda: (
            f"{counted(unexplained, 'pass', 'passes')} ended while {probes.function} was called without its key, "
            "not triggered by the schedule, although the calls got "
            f"{', '.join(attempt.outcome for attempt in probes.attempts.values())}"
        ),
        expected="only scheduled passes",
        why="the function refuses the calls only after it has run a pass",
        advice="check the caller before the pass begins",
    )


def _passes_since(begin: datetime, passes: DlqPasses) -> tuple[int, int]:
    """Count the passes that ended since ``begin``, and those of them that the schedule did not trigger.

    The schedule writes a row when it triggers a pass, and a pass writes a row when it ends. Rows are paired, each
    trigger with one pass.
    """
    rows = sorted((one.processed_at, one.status) for one in passes.latest if one.processed_at is not None)
    triggered = [at for at, status in rows if status == TRIGGERED]
    ran = unexplained = 0
    for at in (at for at, status in rows if status != TRIGGERED):
        ran += at >= begin
        begun = next((t for t in triggered if timedelta(0) <= at - t <= A_PASS_TAKES), None)
        if begun is not None:
            triggered.remove(begun)
        else:
            unexplained += at >= begin
    return ran, unexplained

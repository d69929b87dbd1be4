"""Rules of check 4 about what refused requests left behind: no row in any table, and no pass of the processor."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Judge
from checks.rules.words import counted
from fixtures.connection import DatabaseConnection
from fixtures.dlq import TRIGGERED, DlqPasses
from fixtures.webhooks.model import ProcessorProbes, WebhookProbes
from fixtures.webhooks.trace import ForgeryTrace

A_PASS_TAKES = timedelta(seconds=150)
"""The longest that an edge function may run: a pass that was called before the probes may end after them."""

CLOCKS_AGREE = timedelta(seconds=2)
"""How well the difference between the runner's clock and the database's is known."""


def left_no_trace(judge: Judge, trace: ForgeryTrace, probes: WebhookProbes, schema: str) -> None:
    """Require that no row of any table carries the id of a forged request of this run."""
    judge.expects("No forged request left a row in any table.")
    run = probes.run_id
    for table, found in trace.tables.items():
        name = f"{schema}.{table}"
        rows = found.runs.get(run, 0)
        if found.problem and not found.proof:
            judge.requires(False, found.problem, expected=f"a table {name} to look for traces in")
            continue
        if found.problem:
            judge.cannot_tell(f"{name} was not searched: {found.problem}", found.proof)
            continue
        judge.requires(
            rows == 0,
            f"{counted(rows, 'row')} of {name} {'carries' if rows == 1 else 'carry'} ids of forged requests",
            expected="none",
            why="what was refused has been recorded all the same: anybody can fill the tables, and what reads "
            "them takes it for real",
            advice="record nothing before the signature is verified; look at the rows: SELECT * FROM "
            f"{name} WHERE {name}::text LIKE '%easymo-verification-forged-{run}-%'",
        )
        if found.hidden:
            columns = ", ".join(found.hidden)
            judge.cannot_tell(
                f"{name} was not searched in {columns}: role {trace.role} may not read them",
                f"GRANT SELECT ({columns}) ON {name} TO {trace.role}",
            )
        if found.end_only:
            judge.finds(f"{name} is large and has no index on created_at: only its end was searched")
        others = sum(found.runs.values()) - rows
        if others:
            judge.finds(f"{counted(others, 'row')} of {name} are traces of another run's forged requests")
    searched = [table for table, found in trace.tables.items() if not found.problem]
    judge.finds(f"searched for ids of run {run}: {', '.join(searched) or 'no table'}")


def processed_nothing(
    judge: Judge, probes: ProcessorProbes, passes: DlqPasses, connection: DatabaseConnection
) -> None:
    """Require that no pass ended while the processor was called without its key, unless the schedule began it."""
    judge.expects(f"No pass ran while {probes.function} was called without the service role key.")
    if connection.clock_difference_seconds is None:
        judge.cannot_tell(
            "the clocks of this machine and of the database were not compared", "run the checks again"
        )
        return
    skew = timedelta(seconds=connection.clock_difference_seconds)
    begin, end = probes.began - skew - CLOCKS_AGREE, probes.ended - skew + CLOCKS_AGREE
    dated = [(one.processed_at, one.status) for one in passes.latest if one.processed_at is not None]
    ran = [at for at, status in dated if status != TRIGGERED and begin <= at <= end]
    scheduled = [
        at for at in ran if any(s == TRIGGERED and timedelta(0) <= at - t <= A_PASS_TAKES for t, s in dated)
    ]
    judge.finds(f"{counted(len(ran), 'pass', 'passes')} in the log while the calls were made")
    if scheduled:
        judge.cannot_tell("the schedule's own pass ended at the same moment as the calls", "run the checks again")
        return
    judge.requires(
        not ran,
        f"{counted(len(ran), 'pass', 'passes')} ended while {probes.function} was called without its key, "
        f"although the calls got {', '.join(attempt.outcome for attempt in probes.attempts.values())}",
        expected="no pass",
        why="the calls are refused only after they have been obeyed",
        advice="look at who calls before the pass begins",
    )

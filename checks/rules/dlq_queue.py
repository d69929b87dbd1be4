"""Rules of check 9: entries of the DLQ are retried when they are due, none is stuck, and the processor runs."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from fixtures.database.by_service import MOST_SERVICES
from fixtures.database.dlq_queue import STATUSES, DlqQueue, Trouble
from fixtures.database.identifiers import quoted
from fixtures.settings.model import Settings
from fixtures.wording import ago, clock, counted, duration, listed

WHY = "each entry is a customer's message without an answer"
SEE = "SELECT id, service, error_type, retry_count, next_retry_at FROM {dlq} WHERE "
MEANING = {
    "overdue": ("overdue", "pending entries are taken within two intervals of being due"),
    "never due": ("pending without next_retry_at", "each pending entry has a time at which it is due"),
    "never tried": ("never tried in the day since they were created", "a first retry within minutes"),
    "parked": ("pending with a retry later than any back-off", "a retry within the longest back-off"),
    "stuck": ("stuck in processing", "an entry is in processing for the length of a pass"),
    "beyond retries": ("pending beyond the last retry", "an entry that used up its retries is failed"),
    "uncounted": ("without retry_count", "each entry counts its retries, so that they end"),
    "unknown status": ("of a status that the contract does not know", f"one of {', '.join(STATUSES)}"),
    "future": ("dated in the future", "nothing later than the database's clock"),
    "undated": ("without created_at", "each entry says when it was created"),
}
"""Kind of trouble → what is wrong with the entries, and what was expected."""

ADVICE = {
    "overdue": "{run} by hand, and look at the dlq-processor's logs",
    "never due": "UPDATE {dlq} SET next_retry_at = now() WHERE status = 'pending' AND next_retry_at IS NULL",
    "never tried": SEE + "last_retry_at IS NULL AND created_at < now() - interval '1 day'; find why",
    "parked": SEE + "status = 'pending' ORDER BY next_retry_at DESC; find what computes the back-off",
    "stuck": "look for a crash in the dlq-processor's logs, then UPDATE {dlq} SET status = 'pending', "
    "next_retry_at = now() WHERE status = 'processing' AND updated_at < now() - interval '15 minutes'",
    "beyond retries": SEE + "status = 'pending' AND retry_count > {retries}; answer these customers by hand",
    "uncounted": "UPDATE {dlq} SET retry_count = 0 WHERE retry_count IS NULL: NULL + 1 stays NULL, for ever",
    "unknown status": "SELECT status, count(*) FROM {dlq} GROUP BY status; no pass ever takes these entries",
    "future": "find what writes created_at, updated_at, last_retry_at or reprocessed_at with another clock",
    "undated": SEE + "created_at IS NULL; find what writes entries without created_at",
}
"""Kind of trouble → what to do, with placeholders for the table, the call of the processor and the retries."""


def advice_on(kind: str, settings: Settings) -> str:
    """Return what to do about a kind of trouble, in commands for the deployment's schema."""
    return ADVICE[kind].format(
        dlq=_named("webhook_dlq", settings), run=_run(settings), retries=settings.thresholds.dlq_retries
    )


def _named(table: str, settings: Settings) -> str:
    return quoted(settings.names.schema, table)


def _run(settings: Settings) -> str:
    return f"SELECT {_named('process_dlq_entries', settings)}()"


def no_entry_is_in_trouble(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require that no entry is overdue, stuck, or in another state that the contract does not know."""
    for kind, (said, expected) in MEANING.items():
        troubles = [trouble for trouble in queue.troubles if trouble.kind == kind]
        judge.requires(
            not troubles,
            f"{counted(queue.count(kind), 'entry', 'entries')} {said}: {_by_service(troubles, queue)}",
            expected=expected,
            why=WHY,
            advice=advice_on(kind, settings),
        )


def _by_service(troubles: list[Trouble], queue: DlqQueue) -> str:
    parts = []
    for trouble in troubles:
        status = f" ({trouble.status})" if trouble.kind == "unknown status" else ""
        times = _times(trouble, queue)
        parts.append(f"{trouble.service} {trouble.count}{status}{times}, ids {', '.join(trouble.ids)}")
    return listed(parts, MOST_SERVICES + 1)


def _times(trouble: Trouble, queue: DlqQueue) -> str:
    if trouble.first is None:
        return ""
    first = ago(queue.read_at, trouble.first) if trouble.first > queue.read_at else f"since {clock(trouble.first)}"
    return f", {first}" + (f", the latest {clock(trouble.last)}" if trouble.last != trouble.first else "")


def backlog_is_small(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require no more pending entries than the checklist allows."""
    most = settings.thresholds.dlq_pending
    judge.requires(
        queue.pending <= most,
        f"{counted(queue.pending, 'entry', 'entries')} pending",
        expected=f"at most {most}",
        why="the processor cannot keep up, or everything fails; " + WHY,
        advice=f"SELECT service, error_type, count(*) FROM {_named('webhook_dlq', settings)} "
        "WHERE status = 'pending' GROUP BY 1, 2 ORDER BY 3 DESC; mend the cause before the backlog is retried",
    )


def due_entries_advance(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require due entries to be retried, and some retries to succeed."""
    goal = settings.thresholds.dlq_processed_goal
    judge.finds(
        f"since {clock(queue.since)}: {counted(queue.created, 'new entry', 'new entries')}, {queue.reprocessed} "
        f"reprocessed (goal of the first week: {goal} or more)"
    )
    if queue.lingering:
        judge.finds(
            f"{counted(queue.lingering, 'entry', 'entries')} not settled a day after they were created, longer "
            "than all retries take"
        )
    overdue = queue.count("overdue")
    judge.requires(
        not overdue or queue.retried > 0,
        f"{counted(overdue, 'entry', 'entries')} came due, and none was taken since {clock(queue.since)}",
        expected="due entries are retried",
        why=WHY,
        advice=advice_on("overdue", settings),
    )
    judge.requires(
        not queue.passes.idle_while_due,
        f"{counted(queue.passes.idle_while_due, 'pass', 'passes')} completed with 0 entries processed while "
        f"{counted(overdue, 'entry was', 'entries were')} due",
        expected="passes that process due entries",
        why="the processor runs but does not see its entries",
        advice="compare the processor's query, key and project with this database; " + _run(settings),
    )
    judge.requires(
        queue.reprocessed > 0 or queue.retried < goal,
        f"{counted(queue.retried, 'entry was', 'entries were')} retried and none was reprocessed",
        expected="retries that succeed",
        why=WHY,
        advice=f"SELECT error_type, count(*) FROM {_named('webhook_dlq', settings)} "
        "WHERE last_retry_at > now() - interval '1 day' GROUP BY 1 ORDER BY 2 DESC",
    )


def processor_runs(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require completed passes, since an empty DLQ does not prove that the processor runs."""
    passes, tolerance = queue.passes, settings.windows.clock_tolerance_seconds
    not_in_the_future(judge, "dlq_processing_log", passes.future, tolerance, written="processed_at")
    judge.requires(
        not passes.undated,
        f"{counted(passes.undated, 'row')} of dlq_processing_log without processed_at",
        expected="each pass has a time",
        why="a pass without a time is missing in every window that is judged",
        advice="find what writes these rows, and correct or delete them",
    )
    if passes.others:
        judge.finds(f"statuses in dlq_processing_log that count as no pass: {', '.join(passes.others)}")
    ended = passes.completed + passes.failed
    judge.requires(
        not passes.failed or passes.completed > 0,
        f"all {counted(ended, 'pass', 'passes')} since {clock(queue.since)} failed",
        expected="passes that complete",
        why=WHY,
        advice="look at the dlq-processor's logs and at error_message in dlq_processing_log",
    )
    _completed_lately(judge, queue, settings)


def _completed_lately(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    last, now = queue.passes.last_completed, queue.read_at
    silent = timedelta(seconds=settings.thresholds.dlq_silent_seconds)
    deployed = settings.deployed_at
    if last is not None and now - last <= silent:
        judge.finds(
            f"{counted(queue.passes.completed, 'completed pass', 'completed passes')}, last {ago(now, last)}"
        )
        return
    retried = queue.last_retried
    if last is None and retried is not None and now - retried <= silent and not queue.troubles:
        judge.finds(f"no completed pass is recorded, but an entry was retried {ago(now, retried)}")
        return
    young = deployed is not None and now - deployed < silent
    if last is None or young:
        judge.cannot_tell(
            "no completed pass of the processor is recorded"
            + ("" if last is None else f" since {clock(last)}")
            + ", so that a quiet DLQ proves nothing",
            f"a completed row in dlq_processing_log ({_run(settings)}, or --wait 6m)",
        )
        return
    if queue.passes.failed_lately:
        judge.requires(
            False,
            f"the latest {counted(queue.passes.failed_lately, 'pass', 'passes')} failed, since "
            f"{clock(queue.passes.failing_since)}; the last completed pass was at {clock(last)}",
            expected=f"a completed pass within {duration(silent)}",
            why="entries that come due now are not retried",
            advice=f"SELECT processed_at, error_message FROM {_named('dlq_processing_log', settings)} "
            "WHERE status = 'failed' ORDER BY processed_at DESC LIMIT 5",
        )
        return
    fired = queue.passes.last_triggered
    judge.requires(
        False,
        f"the processor has been silent for {duration(now - last)}: its last completed pass was at {clock(last)}"
        + (f", though the schedule fired at {clock(fired)}" if fired is not None and fired > last else ""),
        expected=f"a completed pass within {duration(silent)}",
        why="entries that come due now are not retried",
        advice=f"{_run(settings)} by hand; check 2 shows whether the schedule fires",
    )


def by_status(queue: DlqQueue) -> list[dict[str, Cell]]:
    """The entries of the window by their status now, for the report."""
    statuses = sorted({hour.status for hour in queue.by_hour})
    return [
        {"status": status, "entries": sum(hour.count for hour in queue.by_hour if hour.status == status)}
        for status in statuses
    ]

"""Rules of check 9: entries of the DLQ are retried when they are due, none is stuck, and the processor runs."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from checks.rules.dead_letters import entries_of, known_statuses, passes_of, words
from fixtures import advice
from fixtures.advice import Advice, look, sql, together
from fixtures.database.by_service import MOST_SERVICES
from fixtures.database.contract import DLQ, DLQ_FUNCTION, LOG, TABLES
from fixtures.database.dlq_queue import DlqQueue, Trouble
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, dead_letters, dlq_job, processor_logs, table_name
from fixtures.wording import ago, clock, counted, duration, listed

WHY = "each entry is a customer's message without an answer"
SEE = "SELECT {seen} FROM {dlq} WHERE "
MEANING = {
    "overdue": ("overdue", "pending entries are taken within two intervals of being due"),
    "never due": ("pending without {next_retry_at}", "each pending entry has a time at which it is due"),
    "never tried": ("never tried in the day since they were created", "a first retry within minutes"),
    "parked": ("pending with a retry later than any back-off", "a retry within the longest back-off"),
    "stuck": ("stuck in processing", "an entry is in processing for the length of a pass"),
    "beyond retries": ("pending beyond the last retry", "an entry that used up its retries is failed"),
    "uncounted": ("without {retry_count}", "each entry counts its retries, so that they end"),
    "unknown status": ("of a status that the contract does not know", "one of {known}"),
    "future": ("dated in the future", "nothing later than the database's clock"),
    "undated": ("without {created_at}", "each entry says when it was created"),
}
"""Kind of trouble → what is wrong with the entries, and what was expected, with placeholders for the columns."""

ADVICE: dict[str, Advice] = {
    "overdue": advice.of("look at {logs}; {run}"),
    "never due": sql("UPDATE {dlq} SET {next_retry_at} = now() WHERE {is_pending} AND {next_retry_at} IS NULL"),
    "never tried": look(SEE + "{last_retry_at} IS NULL AND {created_at} < now() - interval '1 day'") + "find why",
    "parked": look(SEE + "{is_pending} ORDER BY {next_retry_at} DESC") + "find what computes the back-off",
    "stuck": "look for a crash in {logs}, then let the entries be retried"
    + sql(
        "UPDATE {dlq} SET {set_pending}, {next_retry_at} = now() WHERE {is_processing} "
        "AND {updated_at} < now() - interval '15 minutes'"
    ),
    "beyond retries": look(SEE + "{is_pending} AND {retry_count} > {retries}") + "answer these customers by hand",
    "uncounted": sql("UPDATE {dlq} SET {retry_count} = 0 WHERE {retry_count} IS NULL")
    + "find what writes NULL: NULL + 1 stays NULL",
    "unknown status": look("SELECT {status}, count(*) FROM {dlq} GROUP BY {status}")
    + "no pass ever takes these entries",
    "future": advice.of(
        "find what writes {created_at}, {updated_at}, {last_retry_at} or {reprocessed_at} by another clock"
    ),
    "undated": look(SEE + "{created_at} IS NULL") + "find what writes entries without {created_at}",
}
"""Kind of trouble → what to do, with placeholders for the call of the processor and for :func:`words`."""

PENDING = look(
    "SELECT {causes}, count(*) AS entries FROM {dlq} WHERE {is_pending} GROUP BY {causes} ORDER BY entries DESC"
)
RETRIED = look(
    "SELECT {error}, count(*) AS entries FROM {dlq} WHERE {last_retry_at} > now() - interval '1 day' "
    "GROUP BY {error} ORDER BY entries DESC"
)
FAILED = look(
    "SELECT {processed_at}, {error_message} FROM {log} WHERE {is_failed} ORDER BY {processed_at} DESC LIMIT 5"
)
NO_ROWS = (
    "an entry that is retried, or a good answer to the schedule in net._http_response: passes of this processor "
    "write no completed rows, so that waiting for one proves nothing"
)
CONTRACT = {column: column for column in TABLES[DLQ]}


def advice_on(kind: str, settings: Settings, source: str = "") -> Advice:
    """Return what to do about a kind of trouble in a table of dead letters, in commands under its own names."""
    return ADVICE[kind].filled(
        {
            "run": _run(settings),
            "logs": processor_logs(settings),
            **words(entries_of(source, settings), settings),
        }
    )


def _run(settings: Settings) -> str:
    """How a pass is started: by the contract's function, the job's command, or from outside of the database."""
    job = dlq_job(settings)
    if job is None:
        return f"a pass is started by what calls {settings.names.dlq_processor}, outside of the database"
    if job.function == DLQ_FUNCTION:
        return f"a pass by hand is a call of {settings.names.schema}.{job.function}()"
    return f"a pass by hand is the command of job {job.name}"


def no_entry_is_in_trouble(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require that no entry is overdue, stuck, or in another state that the contract does not know."""
    for kind in MEANING:
        troubles = [trouble for trouble in queue.troubles if trouble.kind == kind]
        if not troubles:
            judge.holds()
        for source in dict.fromkeys(trouble.source for trouble in troubles):
            _is_in_trouble(judge, kind, [one for one in troubles if one.source == source], queue, settings)


def _is_in_trouble(judge: Judge, kind: str, troubles: list[Trouble], queue: DlqQueue, settings: Settings) -> None:
    """Report entries of one table with the same trouble; the table is named where there are several."""
    source = troubles[0].source
    own = entries_of(source, settings)
    names = own.columns | {"known": ", ".join(known_statuses(own))}
    said, expected = (part.format_map({**CONTRACT, **names}) for part in MEANING[kind])
    entries = counted(sum(trouble.count for trouble in troubles), "entry", "entries")
    judge.fails(
        f"{entries}{f' of {source}' if source else ''} {said}: {_by_service(troubles, queue)}",
        expected=expected,
        why=WHY,
        advice=advice_on(kind, settings, source),
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
        advice=_for_each(PENDING, settings) + "mend the cause before the backlog is retried",
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
        advice=_for_each(RETRIED, settings),
    )


def processor_runs(judge: Judge, queue: DlqQueue, settings: Settings) -> None:
    """Require completed passes, since an empty DLQ does not prove that the processor runs."""
    passes, tolerance = queue.passes, settings.windows.clock_tolerance_seconds
    log, at = table_name(settings, LOG), column_name(settings, LOG, "processed_at")
    not_in_the_future(judge, log, passes.future, tolerance, written=at)
    judge.requires(
        not passes.undated,
        f"{counted(passes.undated, 'row')} of {log} without {at}",
        expected="each pass has a time",
        why="a pass without a time is missing in every window that is judged",
        advice="find what writes these rows, and correct or delete them",
    )
    if passes.others:
        judge.finds(f"statuses in {log} that count as no pass: {', '.join(passes.others)}")
    ended = passes.completed + passes.failed
    judge.requires(
        not passes.failed or passes.completed > 0,
        f"all {counted(ended, 'pass', 'passes')} since {clock(queue.since)} failed",
        expected="passes that complete",
        why=WHY,
        advice=f"look at {processor_logs(settings)} and at the error messages in {log}",
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
    if last is None and _ran_without_a_row(judge, queue, silent):
        return
    young = deployed is not None and now - deployed < silent
    if last is None or young:
        judge.cannot_tell(
            "no completed pass of the processor is recorded"
            + ("" if last is None else f" since {clock(last)}")
            + ", so that a quiet DLQ proves nothing",
            NO_ROWS
            if queue.passes.writes_no_completion
            else f"a completed row in {table_name(settings, LOG)} ({_run(settings)}, or --wait 6m)",
        )
        return
    if queue.passes.failed_lately:
        judge.fails(
            f"the latest {counted(queue.passes.failed_lately, 'pass', 'passes')} failed, since "
            f"{clock(queue.passes.failing_since)}; the last completed pass was at {clock(last)}",
            expected=f"a completed pass within {duration(silent)}",
            why="entries that come due now are not retried",
            advice=FAILED.filled(passes_of(settings)),
        )
        return
    fired = queue.passes.last_triggered
    judge.fails(
        f"the processor has been silent for {duration(now - last)}: its last completed pass was at {clock(last)}"
        + (f", though the schedule fired at {clock(fired)}" if fired is not None and fired > last else ""),
        expected=f"a completed pass within {duration(silent)}",
        why="entries that come due now are not retried",
        advice=f"{_who_starts(settings)}; {_run(settings)}",
    )


def _who_starts(settings: Settings) -> str:
    """Where to look for what starts passes."""
    if dlq_job(settings) is None:
        return f"look at what calls {settings.names.dlq_processor}: by the settings no job of the database does"
    return "check 2 shows whether the schedule fires"


def _ran_without_a_row(judge: Judge, queue: DlqQueue, silent: timedelta) -> bool:
    """Whether an entry's progress, or a good answer to the schedule, proves a pass that wrote no row."""
    now, retried, answered = queue.read_at, queue.last_retried, queue.answered
    if retried is not None and now - retried <= silent and not queue.troubles:
        judge.finds(f"no completed pass is recorded, but an entry was retried {ago(now, retried)}")
        return True
    if answered is not None and now - answered <= silent:
        judge.finds(f"no completed pass is recorded, but a call of the schedule got HTTP 2xx {ago(now, answered)}")
        return True
    return False


def _for_each(command: Advice, settings: Settings) -> Advice:
    """Return a command for each table of dead letters."""
    return together(command.filled(words(one, settings)) for one in dead_letters(settings))


def by_status(queue: DlqQueue) -> list[dict[str, Cell]]:
    """The entries of the window by their status now, for the report."""
    statuses = sorted({hour.status for hour in queue.by_hour})
    return [
        {"status": status, "entries": sum(hour.count for hour in queue.by_hour if hour.status == status)}
        for status in statuses
    ]

"""Rules of check 3: a pass of the DLQ processor completed lately, and after the deployment."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.judge import Judge
from checks.rules.dates import not_in_the_future
from fixtures import schedule
from fixtures.database.contract import LOG
from fixtures.database.dlq_passes import COMPLETED, FAILED, NO_PG_NET, TRIGGERED, DlqPasses, HttpAnswer, Pass
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, dlq_job, processor_logs, table_name
from fixtures.wording import ago, clock, counted

WHY = "customers' failed messages are not retried while the processor does not run"
NO_ROWS = (
    "an entry that is retried, or the answers in net._http_response: passes of this processor write no completed "
    "rows, so that waiting for one proves nothing"
)
ANSWER_WITHIN = timedelta(seconds=90)
"""An answer this soon after a ``triggered`` row counts as the answer to it: pg_net stores no address."""
A_PASS_TAKES = timedelta(seconds=150)
"""The longest that an edge function may run: a pass that was triggered earlier is over."""


def nothing_is_dated_in_the_future(
    judge: Judge, passes: DlqPasses, now: datetime, settings: Settings
) -> tuple[Pass, ...]:
    """Require that no pass is dated later than the server's clock allows; return the others, newest first."""
    tolerance = settings.windows.clock_tolerance_seconds
    latest = now + timedelta(seconds=tolerance)
    future = [row.processed_at for row in passes.latest if row.processed_at and row.processed_at > latest]
    not_in_the_future(
        judge,
        table_name(settings, LOG),
        len(future),
        tolerance,
        written=column_name(settings, LOG, "processed_at"),
        latest=max(future, default=None),
    )
    return tuple(row for row in passes.latest if row.processed_at is not None and row.processed_at <= latest)


def latest_pass_succeeded(judge: Judge, ended: Pass, passes: DlqPasses, now: datetime, settings: Settings) -> None:
    """Require that the latest ended pass completed without an error, and that not all its entries failed."""
    at = f"the pass at {clock(ended.processed_at)}"
    judge.requires(
        ended.status == COMPLETED,
        f"{at} has status {ended.status}: {ended.error or 'without a message'}",
        expected="completed",
        why=WHY,
        advice=_look(settings, passes),
    )
    judge.requires(
        ended.status != COMPLETED or not ended.error,
        f"{at} is called completed but carries the error: {ended.error}",
        expected="completed without an error message",
        why=WHY,
        advice=_look(settings, passes),
    )
    _entries_were_served(judge, ended, at, settings, passes)
    judge.finds(
        f"latest completed pass {ago(now, ended.processed_at or now)}: "
        f"{_count(ended.entries_processed)} processed, {_count(ended.entries_failed)} failed"
    )


def _entries_were_served(judge: Judge, ended: Pass, at: str, settings: Settings, passes: DlqPasses) -> None:
    counts = (ended.entries_processed, ended.entries_failed)
    judge.requires(
        not any(count is not None and count < 0 for count in counts),
        lambda: f"{at} counts {_count(counts[0])} processed and {_count(counts[1])} failed entries",
        expected="no count below zero",
        why="the counts of the processor cannot be trusted",
        advice=f"look at how a pass counts the entries that it writes to {table_name(settings, LOG)}",
    )
    failed = "the only entry" if ended.entries_failed == 1 else f"all {ended.entries_failed} entries"
    if ended.entries_processed is None:
        failed = f"none is counted as processed, and {counted(ended.entries_failed or 0, 'entry', 'entries')}"
    judge.requires(
        not _all_failed(ended),
        f"{failed} of {at} failed",
        expected="entries that are processed",
        why=WHY,
        advice=_look(settings, passes),
    )


def _count(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def _all_failed(ended: Pass) -> bool:
    """Whether nothing was served, whether or not the processed entries include the failed ones."""
    failed = ended.entries_failed or 0
    return failed > 0 and (ended.entries_processed or 0) in (0, failed)


def completed_in_time(
    judge: Judge, rows: tuple[Pass, ...], passes: DlqPasses, now: datetime, settings: Settings
) -> None:
    """Require a completed pass since the deployment, and within the allowed silence."""
    silent = timedelta(seconds=settings.thresholds.dlq_silent_seconds)
    deployed = settings.deployed_at
    since = max(deployed, now - silent) if deployed is not None else now - silent
    ended = next((row for row in rows if row.status in (COMPLETED, FAILED)), None)
    if ended is not None:
        latest_pass_succeeded(judge, ended, passes, now, settings)
        if (ended.processed_at or now) >= since:
            _later_calls_were_answered_well(judge, ended, rows, passes, now=now, settings=settings)
            return
    triggered = [row for row in rows if row.status == TRIGGERED and (row.processed_at or now) >= since]
    if triggered and _answers_decide(judge, triggered, passes, now, settings):
        return
    if ended is None and passes.progressed_at is not None and passes.progressed_at >= since:
        judge.holds()
        judge.finds(f"no completed row, but an entry was retried {ago(now, passes.progressed_at)}")
        return
    if deployed is not None and now - deployed < silent:
        job = dlq_job(settings)
        due = f"; first run due at {clock(schedule.next_due(job.schedule, deployed))}" if job else ""
        judge.cannot_tell(f"no pass since the deployment at {clock(deployed)}{due}", "--wait 6m")
        return
    if triggered and ended is None:
        unseen = (
            f", and the answers cannot be seen: {passes.answers_unreadable}" if passes.answers_unreadable else ""
        )
        judge.cannot_tell(
            f"the schedule fired {counted(len(triggered), 'time')} since {clock(since)}, "
            f"but no completed pass is recorded{unseen}",
            NO_ROWS
            if passes.writes_no_completion
            else f"a completed row in {table_name(settings, LOG)}, or the answers in net._http_response",
        )
        return
    _silence(judge, ended, passes, now, settings)
    if triggered:
        judge.finds(f"the schedule fired {counted(len(triggered), 'time')} since {clock(since)}")


def _silence(judge: Judge, ended: Pass | None, passes: DlqPasses, now: datetime, settings: Settings) -> None:
    silent = timedelta(seconds=settings.thresholds.dlq_silent_seconds)
    minutes = f"{silent.total_seconds() / 60:g} min"
    scheduled_since = _first_seen(passes)
    if ended is None and (scheduled_since is None or now - scheduled_since < silent):
        judge.cannot_tell(
            "no completed pass is recorded, and the age of the schedule is not known",
            "EASYMO_DEPLOYED_AT, or --wait 6m",
        )
        return
    last = (
        f"the last one ended {ago(now, ended.processed_at)}" if ended and ended.processed_at else "there was none"
    )
    judge.fails(
        f"no pass of the DLQ processor completed within {minutes}: {last}",
        expected=f"a completed pass every five minutes; silent for more than {minutes} is critical",
        why=WHY,
        advice=_look(settings, passes),
    )


def _first_seen(passes: DlqPasses) -> datetime | None:
    seen = [passes.first_at, passes.scheduled_since]
    return min((at for at in seen if at is not None), default=None)


def _later_calls_were_answered_well(
    judge: Judge, ended: Pass, rows: tuple[Pass, ...], passes: DlqPasses, *, now: datetime, settings: Settings
) -> None:
    """Require that no call after the latest ended pass was refused, which a good pass would hide.

    A pass that may still be under way is left out, and so is a call with contradicting answers.
    """
    over = [
        row
        for row in rows
        if row.status == TRIGGERED
        and row.processed_at is not None
        and (ended.processed_at or now) < row.processed_at < now - A_PASS_TAKES
    ]
    calls = _answered(over, passes)
    if calls and not any(answer.good for answer in calls[0]):
        _was_answered_badly(judge, over, calls, passes, now=now, settings=settings)


def _answers_decide(
    judge: Judge, triggered: list[Pass], passes: DlqPasses, now: datetime, settings: Settings
) -> bool:
    """Judge passes that were only triggered by the answers to the latest call; return whether there are any."""
    calls = _answered(triggered, passes)
    if not calls:
        return False
    newest = calls[0][0]
    # Until its time is over, what came may be another caller's: then the call before says whether there are any.
    doubtful = calls[: 1 if now - newest.created > ANSWER_WITHIN else 2]
    if any(_contradict(answers) for answers in doubtful):
        judge.cannot_tell(
            f"the schedule fired {counted(len(triggered), 'time')} and no completed pass is recorded, while the "
            f"answers that followed contradict each other ({_kinds(doubtful)}), and pg_net keeps no address: some "
            "of them are answers to other calls",
            f"a completed row in {table_name(settings, LOG)}; {processor_logs(settings)}",
        )
    elif newest.good:
        judge.holds()
        judge.finds(f"no completed row, but the processor answered {newest.in_words} {ago(now, newest.created)}")
    else:
        _was_answered_badly(judge, triggered, calls, passes, now=now, settings=settings)
    return True


def _was_answered_badly(
    judge: Judge,
    triggered: list[Pass],
    calls: list[list[HttpAnswer]],
    passes: DlqPasses,
    *,
    now: datetime,
    settings: Settings,
) -> None:
    """Report that the latest call got only errors, and when a call last succeeded."""
    job = dlq_job(settings)
    called = "the schedule" if job is None else f"{job.function}()" if job.function else f"job {job.name}"
    good = next((answer for answers in calls for answer in answers if answer.good), None)
    before = f"; the last good answer came {ago(now, good.created)}" if good else ""
    judge.fails(
        f"the schedule fired {counted(len(triggered), 'time')}, but the processor answered "
        f"{_kinds(calls[:1])}, at last {ago(now, calls[0][0].created)}{before}",
        expected=f"HTTP 200 from {settings.names.dlq_processor}, and a completed row",
        why=WHY,
        advice=f"check the service role key and the URL that {called} uses" + _look(settings, passes),
    )


def _answered(triggered: list[Pass], passes: DlqPasses) -> list[list[HttpAnswer]]:
    """The answers shortly after each triggered row, newest first, without rows that have none."""
    calls = ([answer for answer in passes.answers if _answers(answer, row)] for row in triggered)
    return [answers for answers in calls if answers]


def _contradict(answers: list[HttpAnswer]) -> bool:
    return len({answer.good for answer in answers}) > 1


def _kinds(calls: list[list[HttpAnswer]]) -> str:
    return ", ".join(sorted({answer.in_words for answers in calls for answer in answers}))


def _answers(answer: HttpAnswer, row: Pass) -> bool:
    return row.processed_at is not None and timedelta(0) <= answer.created - row.processed_at <= ANSWER_WITHIN


def _look(settings: Settings, passes: DlqPasses) -> str:
    """Where to look for the reason, and how to stop the schedule."""
    job = dlq_job(settings)
    answers = "" if passes.answers_unreadable == NO_PG_NET else " and at net._http_response"
    stop = f"; until it works, job {job.name} can be made inactive" if job else ""
    return f"look at {processor_logs(settings)}{answers}{stop}"

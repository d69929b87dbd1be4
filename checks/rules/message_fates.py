"""Rules of check 10: each inbound message is processed, or waits in the DLQ for a retry."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from checks.rules.dead_letters import columns_of, named, words
from checks.rules.success_rate import percent
from fixtures import advice
from fixtures.advice import Advice, look, sql, together
from fixtures.database.by_service import MOST_SERVICES
from fixtures.database.message_fates import (
    EVENTS,
    EXAMINED,
    REPROCESSED,
    SUCCESSOR,
    TEXTS,
    WAITING,
    Fate,
    MessageFates,
)
from fixtures.database.sources import DONE
from fixtures.logs.model import MINUTE, AcceptedMessages
from fixtures.outcome import Gap, Status
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, dead_letters, table_name
from fixtures.wording import clock, counted, listed

WHY = "these customers will get no answer"
CLOCKS_APART = timedelta(minutes=2)
"""A log entry and its row may differ by this much, by their clocks and by the time between the two."""
SHORTEST_COMPARED = timedelta(minutes=10)
FEWEST_UNRECORDED = 5
"""Fewer messages than this do not prove that records are missing."""

MEANING = {
    "missing": "neither processed nor in the DLQ",
    "left unprocessed": "recorded as not processed, and not in the DLQ",
    "given up: failed": "failed in the DLQ after the last retry",
    "given up: discarded": "discarded in the DLQ",
}
"""What became of lost messages, in words for a report."""

ADVICE: dict[str, Advice] = {
    "missing": advice.of(
        "compare the functions' logs of these minutes with {events}; Meta keeps no copy to be fetched"
    ),
    "left unprocessed": look(
        "SELECT {message[whatsapp_message_id]}, {message[created_at]} FROM {done} WHERE NOT {message[processed]} "
        "AND {message[created_at]} > now() - interval '1 day'"
    )
    + "put their payloads into {table} as pending",
    "given up: failed": "mend the cause, then let the entries be retried"
    + sql(
        "UPDATE {dlq} SET {set_pending}, {retry_count} = 0, {next_retry_at} = now() WHERE {is_failed} "
        "AND {updated_at} > now() - interval '1 day'"
    ),
    "given up: discarded": advice.of("ask who discarded them and why; answer these customers by hand"),
}
"""What to do about lost messages, with placeholders for tables and columns."""
UNKNOWN_STATUS = look("SELECT {status}, count(*) FROM {dlq} GROUP BY {status}")


NAMELESS = (
    look(
        "SELECT {correlation_id}, {created_at} FROM {done} WHERE NOT {processed} AND {whatsapp_message_id} IS NULL"
    )
    + "and {whatsapp_message_id} in each row from now on"
)


def advice_on(outcome: str, settings: Settings) -> Advice:
    """Return what to do about lost messages, in commands for each table of dead letters that they may stand in."""
    told, message = ADVICE.get(outcome, UNKNOWN_STATUS), columns_of(settings)
    common = {"done": named(DONE, settings), "events": table_name(settings, EVENTS), "message": message}
    tables = dead_letters(settings)
    return together(told.filled({"table": one.table, **common, **words(one, settings)}) for one in tables)


def nothing_is_lost(judge: Judge, fates: MessageFates, settings: Settings) -> None:
    """Require that no message of the window is lost; report losses by reason and service."""
    lost = sum(fate.count for fate in fates.lost)
    least = "at least " if fates.candidates > EXAMINED else ""
    judge.finds(
        f"{counted(fates.received, 'inbound message')} recorded since {clock(fates.since)}, {least}{lost} lost"
        + (f" ({percent(lost, fates.received)})" if lost and fates.received and not least else "")
        + f", {_count(fates, WAITING)} waiting in the DLQ, {_count(fates, REPROCESSED)} reprocessed by it"
    )
    for outcome in sorted({fate.outcome for fate in fates.lost}):
        own = [fate for fate in fates.lost if fate.outcome == outcome]
        judge.fails(
            f"{least}{counted(sum(fate.count for fate in own), 'message')} {_meaning(outcome)}: "
            + listed((_in_words(fate) for fate in own), MOST_SERVICES + 1),
            expected="each inbound message is processed, or is in the DLQ as pending, processing or reprocessed",
            why=WHY,
            advice=advice_on(outcome, settings),
        )
    if least:
        judge.finds(
            f"{fates.candidates} records of messages have no processed row; the latest {EXAMINED} were looked up"
        )
    if not fates.lost:
        _traffic_proves_it(judge, fates, settings)


def _meaning(outcome: str) -> str:
    status = outcome.removeprefix("given up: ")
    return MEANING.get(outcome, f"in the DLQ with status {status}, which the contract does not know")


def _traffic_proves_it(judge: Judge, fates: MessageFates, settings: Settings) -> None:
    """If nothing is lost, report whether there was traffic, and whether all of it was followed."""
    if not fates.received and not fates.fates:
        beside = f", though {counted(fates.processed, 'message')} were processed" if fates.processed else ""
        judge.cannot_tell(
            f"no inbound message is recorded between {clock(fates.since)} and {clock(fates.until)}{beside}",
            f"traffic that {table_name(settings, EVENTS)} records with its message ids",
        )
        return
    judge.requires(not fates.lost, "messages are lost")
    if fates.candidates > EXAMINED:
        judge.cannot_tell(
            f"{counted(fates.candidates, 'record')} of messages without a processed row, of which the latest "
            f"{EXAMINED} were looked up",
            "the check again when the DLQ has caught up",
        )


def _in_words(fate: Fate) -> str:
    times = clock(fate.first) if fate.first == fate.last else f"{clock(fate.first)} to {clock(fate.last)}"
    return f"{fate.service} {fate.count}, {times}, ids {', '.join(fate.ids)}"


def everything_can_be_followed(judge: Judge, fates: MessageFates, settings: Settings) -> None:
    """Require that each record has a date, a direction and the message's id."""
    for rows in fates.misdated:
        table, at = table_name(settings, rows.table), column_name(settings, rows.table, "created_at")
        not_in_the_future(judge, table, rows.future, settings.windows.clock_tolerance_seconds, written=at)
        judge.requires(
            not rows.undated,
            f"{counted(rows.undated, 'row')} of {table} without {at}",
            expected="each row has a time",
            why="no window ever holds these messages, so that their loss is not noticed",
            advice=f"find what writes rows of {table} without {at}",
        )
    if fates.untraceable:
        judge.cannot_tell(
            f"{counted(fates.untraceable, 'event')} of {table_name(settings, EVENTS)} cannot be followed: inbound "
            "without a message id, or neither inbound nor outbound",
            f"{' and '.join(column_name(settings, EVENTS, name) for name in ('message_id', 'direction'))} in "
            f"{table_name(settings, EVENTS)}; list non-message event types in names.other_events",
        )
    if fates.nameless:
        judge.cannot_tell(
            f"{counted(fates.nameless, 'row')} of {table_name(settings, DONE)} not processed and without "
            f"{column_name(settings, DONE, 'whatsapp_message_id')}, so that the messages are not known",
            NAMELESS.filled({"done": named(DONE, settings), **columns_of(settings)}),
        )
    if not column_name(settings, DONE, "processed"):
        judge.finds(f"{table_name(settings, DONE)} has no column for processed: each row counts as processed")
    _successor_is_searched(judge, fates.successor, table_name(settings, SUCCESSOR))
    if not fates.texts_searched:
        judge.finds(
            f"{table_name(settings, TEXTS)} was not searched by time, for want of an index on "
            f"{column_name(settings, TEXTS, 'created_at')}; {table_name(settings, EVENTS)} was"
        )
    if fates.in_flight:
        judge.finds(f"{counted(fates.in_flight, 'message')} younger than the grace, not judged")


def _successor_is_searched(judge: Judge, gap: Gap | None, table: str) -> None:
    """Require that the successor of wa_events could be searched: some messages may be recorded only there."""
    if gap is None:
        return
    if gap.status is Status.FAILED:
        judge.fails(gap.reason, advice=gap.advice, why="messages that only it records cannot be followed")
    else:
        judge.cannot_tell(f"{table} was not searched: {gap.reason}", gap.advice)


def accepted_requests_are_recorded(
    judge: Judge, accepted: AcceptedMessages, fates: MessageFates, settings: Settings
) -> None:
    """Require that the database records the messages that the functions' log counts as accepted, if it does.

    A message that Meta delivers twice is accepted twice and recorded once, so a small excess is no loss.
    """
    if accepted.since is None or accepted.unread:
        judge.finds(f"the functions' log does not show accepted messages: {accepted.unread}")
        return
    begin = max(accepted.since, fates.since.replace(second=0, microsecond=0) + 2 * CLOCKS_APART)
    end = fates.until.replace(second=0, microsecond=0) - 2 * CLOCKS_APART
    if end - begin < SHORTEST_COMPARED:
        judge.finds("the functions' log is too short to compare it with the records")
        return
    taken = _sum(accepted.minutes, accepted.since, begin, end)
    recorded = _sum(
        fates.minutes, fates.since.replace(second=0, microsecond=0), begin - CLOCKS_APART, end + CLOCKS_APART
    )
    excess, most = taken - recorded, settings.thresholds.unrecorded_percent
    figures = (
        f"{counted(taken, 'message')} accepted by the functions' log from {clock(begin)} to {clock(end)}, "
        f"{recorded} recorded in {table_name(settings, EVENTS)}"
    )
    judge.finds(figures)
    judge.requires(
        excess < FEWEST_UNRECORDED or 100 * excess <= most * taken,
        f"{figures}: {excess} more than recorded",
        expected=f"at most {most:g} % more, for messages that were delivered twice",
        why="a message that was answered with 200 and not recorded is never sent again",
        advice="look for errors of inserts in the functions' logs and in the Postgres logs of that time",
    )


def _sum(minutes: tuple[int, ...], since: datetime, begin: datetime, end: datetime) -> int:
    """The counts of the minutes from ``begin`` to ``end``, of which the first one is that of ``since``."""
    first, last = (max(0, int((moment - since) / MINUTE)) for moment in (begin, end))
    return sum(minutes[first:last])


def _count(fates: MessageFates, outcome: str) -> int:
    return sum(fate.count for fate in fates.fates if fate.outcome == outcome)


def by_outcome(fates: MessageFates) -> list[dict[str, Cell]]:
    """What became of the messages without a processed row, for the report."""
    return [
        {
            "outcome": MEANING.get(fate.outcome, fate.outcome),
            "service": fate.service,
            "messages": fate.count,
            "first": clock(fate.first),
            "last": clock(fate.last),
            "ids": ", ".join(fate.ids),
        }
        for fate in fates.fates
    ]

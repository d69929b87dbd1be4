"""Rules of check 19: settled entries of the DLQ are archived after the retention."""

from __future__ import annotations

import shlex
from collections import Counter

from checks.judge import Cell, Judge
from checks.rules.dead_letters import entries_of, named, words
from fixtures.advice import Advice, look, of, shell
from fixtures.database.archive_state import ArchiveState, SettledEntries, archive_name
from fixtures.database.contract import DLQ, LOG, SETTLED
from fixtures.database.identifiers import quoted
from fixtures.settings.model import Settings
from fixtures.wording import ago, clock, counted

ENTRIES = ("settled entry", "settled entries")
LOST = ("failed", "discarded")
LOOK = look(
    "SELECT {seen} FROM {dlq} WHERE ({is_failed} OR {is_discarded}) AND {created_at} < now() - "
    "interval '{days} days' ORDER BY {created_at} DESC LIMIT 100"
)


def by_age(state: ArchiveState) -> list[dict[str, Cell]]:
    """Return the settled entries by status and age, for the report."""
    return [
        {
            **({"table": one.source} if one.source else {}),
            "status": one.status,
            "settled": "at an unknown time" if one.weeks is None else f"{one.weeks} weeks ago",
            "entries": one.count,
            "past the retention": one.old,
        }
        for one in state.entries
    ]


def old_entries_are_archived(judge: Judge, state: ArchiveState, settings: Settings) -> None:
    """Require that no entry was settled longer ago than the retention."""
    days = settings.weekly.retention_days
    _show(judge, state, settings)
    old = [one for one in state.entries if one.old]
    if not old:
        _is_proven(judge, state, settings)
    for source in dict.fromkeys(one.source for one in old):
        own = [one for one in old if one.source == source]
        table = quoted(settings.names.schema, entries_of(source, settings).table)
        count = sum(one.count for one in own)
        first = min(one.first for one in own if one.first is not None)
        judge.fails(
            f"{'at least ' if state.capped else ''}{counted(count, *ENTRIES)} of {table} past the retention: "
            f"{_by_status(own)}, the oldest {ago(state.read_at, first)} ({clock(first)})",
            expected=f"entries that have been reprocessed, failed or discarded for {days} days are in the archive",
            why="old entries slow down every statement on the DLQ, and keep personal data for longer",
            advice=_advice(own, source, settings),
        )
    if state.undated:
        judge.cannot_tell(
            f"{counted(state.undated, *ENTRIES)} without any time; check 9 names the cause",
            "repair what check 9 names, then run the checks again",
            "check-09",
        )


def _show(judge: Judge, state: ArchiveState, settings: Settings) -> None:
    times = [one.first for one in state.entries if one.first is not None]
    oldest = f", the oldest {ago(state.read_at, min(times))}" if times else ""
    judge.finds(
        f"{'the first ' if state.capped else ''}{counted(state.settled, *ENTRIES)}: "
        f"{_by_status(state.entries) or 'none'}{oldest}"
    )
    for one in state.archives:
        rows = f", about {one.rows:.0f} entries" if one.rows >= 0 else ""
        judge.finds(f"archive {quoted(settings.names.schema, one.table)}{rows}")


def _is_proven(judge: Judge, state: ArchiveState, settings: Settings) -> None:
    """Require something that was looked at: settled entries, an archive, or passes of a processor."""
    if state.settled > state.undated or state.archives or state.passes:
        if state.passes and not state.settled:
            passes = counted(state.passes, "completed pass", "completed passes")
            judge.finds(f"{passes} in {settings.weekly.days} days, last {clock(state.last_pass)}")
        judge.holds()
        return
    log = named(LOG, settings)
    reason = f"{log} could not be read" if state.passes is None else f"no completed pass in {log}"
    judge.cannot_tell(
        f"no settled entry, and {reason}: an empty DLQ proves nothing without a processor that runs",
        f"completed passes in {log}, or settled entries in {named(DLQ, settings)}",
    )


def _by_status(entries: tuple[SettledEntries, ...] | list[SettledEntries]) -> str:
    counts: Counter[str] = Counter()
    for one in entries:
        counts[one.status] += one.count
    return ", ".join(f"{status} {counts[status]}" for status in SETTLED if counts[status])


def _advice(own: list[SettledEntries], source: str, settings: Settings) -> Advice:
    """Return what to look at first, and the commands that archive."""
    entries = entries_of(source, settings)
    command = f"pytest -m weekly --archive-dlq={shlex.quote(settings.target)}"
    archive = quoted(settings.names.schema, archive_name(entries.table))
    first = of("")
    if any(one.status in LOST for one in own):
        filled = LOOK.filled({**words(entries, settings), "days": settings.weekly.retention_days})
        first = "deal with the failed and discarded ones, whose customers have no answer" + filled
    return (
        first
        + f"see what would be moved into {archive}, with EASYMO_DATABASE_URL of a role that may write"
        + shell(f"{command} --dry-run")
        + "then move it"
        + shell(command)
    )
